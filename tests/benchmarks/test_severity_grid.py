"""Adjusted scores are never much worse than raw ones: on some designs of the grid, slowly on all of it."""

from typing import Any

import numpy as np
import pytest


def ratios(study: Any, seeds: int) -> dict[str, float]:
    """Errors of adjusted scores as a share of those of raw ones."""
    from benchmarks.severity_grid import WHAT, errors, ratio

    rows = [errors(study, np.random.default_rng(seed)) for seed in range(seeds)]
    shown = [row for row in rows if row["shown"]]
    assert len(shown) > 0.9 * seeds
    return {what: ratio(shown, what)[1] for what in WHAT}


@pytest.mark.slow
@pytest.mark.parametrize(
    "design",
    [
        (3, 50, 3, False, 5, 0.15),
        (3, 400, 2, True, 5, 0.0),
        (3, 400, 3, False, 0, 0.4, "straight-liner"),
        (5, 50, 2, False, 0, 0.0),
        (5, 400, 5, False, 15, 0.0, "noisy"),
        (10, 400, 3, False, 0, 0.0, "equal", True),
        (10, 50, 5, True, 0, 0.4),
        (30, 400, 2, True, 0, 0.0),
    ],
)
def test_adjusted_scores_are_never_much_worse_than_raw_ones(design: tuple[Any, ...]) -> None:
    from benchmarks.severity_grid import Study

    found = ratios(Study(*design), 20)
    assert max(found.values()) <= 1.05, found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "means", "differences"),
    [
        ((10, 400, 3, True, 15, 0.0), 0.85, 0.45),
        ((30, 400, 2, True, 15, 0.15), 0.85, 0.5),
        ((5, 400, 3, True, 15, 0.0, "equal", True), 0.95, 0.55),
        ((10, 400, 3, True, 5, 0.0, "random"), 0.9, 0.8),
    ],
)
def test_they_are_nearer_the_truth_where_annotators_rated_different_images(
    design: tuple[Any, ...], means: float, differences: float
) -> None:
    from benchmarks.severity_grid import Study

    found = ratios(Study(*design), 15)
    assert found["means"] < means and found["differences"] < differences, found


def test_the_grid_has_all_its_cells() -> None:
    from benchmarks.severity_grid import grid

    cells = list(grid())
    assert len(cells) == len(set(cells)) == 4968


@pytest.mark.slow
def test_on_the_whole_grid_adjusted_scores_hold_what_is_promised() -> None:
    from benchmarks.severity_grid import SEEDS, WHAT, errors, grid, summary

    cells = [(cell, seed) for cell in grid() for seed in range(SEEDS[cell.images])]
    rows = [errors(cell, np.random.default_rng((n, seed))) for n, (cell, seed) in enumerate(cells)]
    found = summary(rows)
    assert found["shown_of_two_annotators"] == 0
    for name, part in found["parts"].items():
        assert max(part[what][1] for what in WHAT) <= 1.05, name
    for what in WHAT:
        assert found["designs"][what]["at_most_1.05"] > 0.95
    assert found["parts"]["all"]["differences"][1] < 0.8

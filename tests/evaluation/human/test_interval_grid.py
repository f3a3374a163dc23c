"""The acceptance grid of intervals and tests; `python -m benchmarks.interval_grid` prints its figures."""

import pytest
from scipy import stats

from benchmarks.interval_grid import GRID, Figures, faults, measure
from benchmarks.simulated_studies import KINDS, Design

QUICK = (
    Design("noise", 5, 40, 1, panel="spread"),
    Design("normal", 5, 60),
    Design("normal", 4, 48, 3, 0.2),
    Design("severity", 8, 30, 3, 0.3, "spread"),
    Design("disjoint", 5, 20),
)


@pytest.mark.slow
@pytest.mark.parametrize("design", QUICK, ids=str)
def test_a_part_of_the_grid_holds_but_for_chance(design: Design) -> None:
    found = measure(design, 60)
    # Three pairs of a study are less than three, so the bounds are those of as many studies.
    assert found.five_percent * 60 <= stats.binom.ppf(0.999, 60, 0.06)
    assert (1 - found.coverage) * 60 <= stats.binom.ppf(0.999, 60, 0.065)
    assert found.contradictions == 0


@pytest.mark.slow
@pytest.mark.parametrize("design", GRID, ids=str)
def test_the_whole_grid_holds(design: Design) -> None:
    found = measure(design, 1400)
    assert found.untold == 0
    assert faults(found) == []


def test_the_grid_has_every_kind_of_data_and_no_design_twice() -> None:
    assert {design.kind for design in GRID} == set(KINDS)
    assert len(set(GRID)) == len(GRID) >= 30


def test_what_a_cell_does_not_hold_is_named() -> None:
    cell = Figures("cell", 1, 3, 0, 0.07, 0.0, 0.99, 5.0, 1)
    assert faults(cell) == [
        "cell: false positives at 5 % 0.07",
        "cell: pairs that contradict their interval 1",
    ]

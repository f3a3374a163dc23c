"""Whatever few people say of few images gets an answer or a note, and no warning."""

from typing import Any

import numpy as np
import pytest

from nami_bench.evaluation.human.bradley_terry import Errors, fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.icc import ICC_FORMS, intraclass_correlations

MODELS = tuple("abcdef")


def comparisons(models: int, rows: list[tuple[int, int, int, int]]) -> Comparisons:
    """Of rows of (left, right, outcome, prompt)."""
    left, right, outcome, prompt = np.array(rows).T
    ids, code = np.unique(prompt, return_inverse=True)
    return Comparisons(MODELS[:models], left, right, outcome, code, len(ids), tuple(map(str, ids)), {})


FLAT = [
    (3, 0, 2, 2), (3, 0, 1, 2), (4, 5, 0, 0), (4, 1, 1, 0), (2, 0, 1, 3), (4, 2, 0, 0), (2, 3, 0, 1),
    (3, 0, 1, 0), (3, 5, 0, 0),
]  # fmt: skip
"""A likelihood so flat that bounds were sought where there are none."""
STEEP = [
    (1, 3, 2, 2), (5, 3, 1, 0), (0, 2, 0, 3), (4, 3, 1, 2), (0, 4, 1, 2), (4, 2, 1, 0), (5, 1, 1, 3),
    (3, 0, 2, 3),
]  # fmt: skip
"""On the way to its bounds the odds were too large for a number."""
CIRCLE = [(2, 1, 1, 0), (0, 2, 2, 0), (1, 0, 1, 0)]


@pytest.mark.parametrize("rows", [FLAT, STEEP])
def test_odd_comparisons_have_strengths_and_bounds_or_a_note(rows: list[tuple[int, int, int, int]]) -> None:
    found = fit_bradley_terry(comparisons(6, rows))
    for model, strength in enumerate(found.strength):
        placed = np.isfinite(strength) or np.isfinite(found.low[model]) or np.isfinite(found.high[model])
        assert placed or any("only the order shows" in note for note in found.notes)


def test_a_hardly_felt_prior_and_a_side_give_no_negative_variance() -> None:
    found = fit_bradley_terry(comparisons(4, CIRCLE), side=True, prior=1e-6)
    assert not (found.standard_error < 0).any()


def test_resamples_without_a_finite_estimate_leave_out_the_interval() -> None:
    rows = comparisons(4, [(2, 3, 1, 1), (3, 1, 2, 2)])
    found = fit_bradley_terry(rows, ties="half", side=True, errors="bootstrap", prior=1e-6, replicates=10)
    assert np.isfinite(found.strength).any() and np.isnan(found.standard_error).all()
    assert any("no interval for" in note for note in found.notes)


@pytest.mark.slow
@pytest.mark.parametrize("errors", ["clustered", "bootstrap"])
def test_random_few_comparisons_always_have_an_answer(errors: Errors) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        models, number = int(rng.integers(2, 7)), int(rng.integers(1, 25))
        left = rng.integers(0, models, number)
        right = (left + rng.integers(1, models, number)) % models
        rows = np.column_stack((left, right, rng.integers(0, 3, number), rng.integers(0, 4, number)))
        side, prior = bool(rng.integers(2)), float(rng.choice([0.0, 0.5, 1e-6]))
        found = fit_bradley_terry(
            comparisons(models, rows.tolist()), side=side, prior=prior, errors=errors, replicates=10
        )
        assert sorted(found.order) == list(range(models))


def _tables() -> list[Any]:
    rng = np.random.default_rng(1)
    shapes = [(int(n), int(k)) for n, k in rng.integers(1, 5, (300, 2))]
    return [
        [[2, 50], [2, 50]],
        [[100, np.nan], [100, 2], [2, 100]],
        [[100, 50, 1], [50, 1, 100], [1, 100, 50]],
        [[1, 0, 50], [50, 0, 1], [0, 2, 50]],
        [[50, 2, 0, 1], [1, 2, 0, 50]],
        *(rng.choice([0.0, 1.0, 2.0, 50.0], shape) for shape in shapes),
        *(rng.normal(50, 20, (n, 1)) + rng.normal(0, 1e-7, (n, k)) for n, k in shapes),
    ]


def test_tiny_tables_have_correlations_or_a_reason_for_none() -> None:
    for table in _tables():
        found = intraclass_correlations(np.array(table, dtype=float))
        assert [one.name for one in found] == list(ICC_FORMS)
        for one in found:
            assert one.value is not None or one.notes
            assert (one.low is None) == (one.high is None)
            if one.value is None or one.low is None or one.high is None:
                assert one.notes
            else:
                assert one.low - 1e-9 <= one.value <= one.high + 1e-9 and np.isfinite(one.high)

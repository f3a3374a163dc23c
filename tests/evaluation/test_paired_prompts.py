"""Paired differences by prompt: the test, and what is shown not to be worse."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from nami_bench.evaluation.paired_prompts import paired_mean


def _column(values: list[float]) -> NDArray[np.float64]:
    return np.array(values, dtype=float).reshape(-1, 1)


def _plain(differences: NDArray[np.float64]) -> list[str | None]:
    return [None] * len(differences)


def test_with_one_image_a_prompt_it_is_the_paired_t_test() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, size=(40, 1))
    found = paired_mean(values, _plain(values))
    known = stats.ttest_1samp(values[:, 0], 0.0)
    interval = known.confidence_interval(0.95)
    assert found.p_value == pytest.approx(known.pvalue)
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert found.most_lost == pytest.approx(-interval.low)  # where all prompts differ, t is all there is


def test_more_images_of_the_same_prompts_do_not_make_it_surer() -> None:
    values = np.random.default_rng(2).normal(size=(30, 1))
    once, often = (paired_mean(np.repeat(values, n, axis=1), _plain(values)) for n in (1, 4))
    assert often.interval == pytest.approx(once.interval)
    assert often.most_lost == pytest.approx(once.most_lost)


def test_strata_weigh_alike_whatever_their_prompts() -> None:
    values = _column([0.0, 1.0] * 40 + [0.0, -1.0] * 3)
    found = paired_mean(values, ["a"] * 80 + ["b"] * 6)
    assert found.value == pytest.approx(0.0)
    assert paired_mean(values, _plain(values)).value == pytest.approx(37 / 86)


@pytest.mark.parametrize("prompts", [50, 184, 553])
def test_where_no_prompt_differs_a_loss_is_excluded_that_would_have_been_seen(prompts: int) -> None:
    values = np.zeros((prompts, 1))
    found = paired_mean(values, _plain(values), largest=1.0)
    exact = 1 - 0.025 ** (1 / prompts)  # Clopper and Pearson's bound of none in so many
    assert (found.value, found.p_value) == (0.0, 1.0)
    assert found.most_lost is not None
    assert exact < found.most_lost < 1.25 * exact
    assert found.is_within(0.02) == (prompts == 553)
    assert paired_mean(values, _plain(values)).most_lost is None  # of values without limits nothing is known


def test_few_losses_do_not_pass_where_as_many_are_common_at_the_margin() -> None:
    """Of 200 prompts 4 are lost: t calls a loss of 0.05, ten prompts, excluded. Tango's score test of the
    same pairs does not (P(4 or fewer of 10) is 0.03)."""
    values = _column([-1.0] * 4 + [0.0] * 196)
    found = paired_mean(values, _plain(values), largest=1.0)
    assert found.interval is not None and found.interval[0] > -0.05
    assert not found.is_within(0.05)
    # (d + D) / sqrt(D (1 - D) / n) = t at the bound: nothing but losses is likeliest there, too.
    bound = found.most_lost or 0.0
    assert (bound - 0.02) / np.sqrt(bound * (1 - bound) / 200) == pytest.approx(stats.t.ppf(0.975, 199))


def test_all_prompts_better_by_the_same_is_shown_to_be_no_loss() -> None:
    assert paired_mean(np.full((30, 1), 0.5), [None] * 30).is_within(0.01)
    assert not paired_mean(np.full((30, 1), -0.001), [None] * 30).is_within(0.01)
    assert not paired_mean(np.full((3, 1), 0.5), [None] * 3).is_within(0.01)  # so can chance do


@pytest.mark.slow
def test_errors_stay_at_their_level_where_losses_are_rare() -> None:
    from benchmarks.noninferiority_grid import Cell, measured

    rows = [
        measured(Cell("verdicts", (prompts,), 1, 0.0, margin, 0.7, churn), 2000, 3)
        for prompts, margin, churn in (
            (50, 0.05, 0.0),
            (150, 0.02, 0.01),
            (500, 0.02, 0.01),
            (500, 0.05, 0.0),
        )
    ]
    assert max(row["wrong"] for row in rows) < 0.035
    assert max(row["wrong_by_t"] for row in rows) > 0.05  # what the bound is for
    assert rows[3]["passed"] == 1.0

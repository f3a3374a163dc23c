"""Intervals of shares and of bounded means: known answers, their edges, and how often they hold."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from nami_bench.evaluation.shares import (
    Share,
    bounded_mean_interval,
    mean_interval,
    share_interval,
    share_of_images,
    spread_interval,
)

SIZES = {
    "official": (80, 99, 80, 94, 100, 100),
    "uneven": (5, 200, 20, 50, 10, 100),
    "one prompt": (1, 80, 80, 80, 80, 80),
    "small": (8,) * 6,
    "one task": (80,),
    "one small task": (8,),
}
RATES = {
    **{f"all {rate:g}": rate for rate in (0, 0.001, 0.02, 0.1, 0.5, 0.98, 1)},
    "three saturated": (1, 1, 1, 0.5, 0.5, 0.5),
    "one at nothing": (0, 0.5, 0.5, 0.5, 0.5, 0.5),
    "all or nothing": (1, 1, 1, 0, 0, 0),
    "nearly all or nothing": (0.999, 0.999, 0.999, 0.001, 0.001, 0.001),
    "spread": (1, 0.98, 0.5, 0.5, 0.02, 0),
    "usual": (0.97, 0.75, 0.45, 0.8, 0.12, 0.3),
}
CLUSTERS = ((1, 0.0), (4, 0.0), (4, 0.3), (4, 1.0))
"""Images of a prompt, and their intraclass correlation."""


def cells():
    for (size, prompts), (name, rates), (samples, correlation) in product(
        SIZES.items(), RATES.items(), CLUSTERS
    ):
        if isinstance(rates, tuple) and len(prompts) == 1:
            continue
        of_tasks = rates if isinstance(rates, tuple) else (rates,) * len(prompts)
        yield f"{size}, {name}, {samples} at {correlation:g}", prompts, of_tasks, samples, correlation


def correct_images(rng, rate, prompts, samples, correlation):
    """How many of `samples` images of each prompt are correct: beta-binomial of the given correlation."""
    if correlation == 1:
        return samples * rng.binomial(1, rate, prompts)
    if correlation == 0 or rate in (0, 1):
        return rng.binomial(samples, rate, prompts)
    weight = (1 - correlation) / correlation
    return rng.binomial(samples, rng.beta(rate * weight, (1 - rate) * weight, prompts))


def coverage(rng, prompts, rates, samples, correlation, runs):
    """How often the overall interval holds the truth, and its mean width."""
    truth, held, widths = np.mean(rates), 0, []
    for _ in range(runs):
        shares = [
            share_of_images(correct_images(rng, rate, n, samples, correlation), np.full(n, samples))
            for rate, n in zip(rates, prompts, strict=True)
        ]
        low, high = mean_interval(shares)
        assert 0 <= low <= np.mean([share.value for share in shares]) <= high <= 1
        assert high > low
        held += low <= truth + 1e-12 and truth - 1e-12 <= high
        widths.append(high - low)
    return held / runs, float(np.mean(widths))


def test_the_hardest_cells_hold_the_truth_as_often_as_they_say():
    hardest = {
        "official, all 0, 1 at 0",
        "official, all 0.001, 1 at 0",
        "official, all 0.02, 4 at 0.3",
        "uneven, all 0.5, 1 at 0",
        "one prompt, all 0.1, 4 at 1",
        "small, spread, 1 at 0",
        "one small task, all 0.98, 4 at 0.3",
    }
    rng = np.random.default_rng(4)
    found = {name: coverage(rng, *cell, runs=300)[0] for name, *cell in cells() if name in hardest}
    assert set(found) == hardest
    # 0.94 less three standard errors of 300 runs.
    assert min(found.values()) > 0.9, found


@pytest.mark.slow
def test_every_cell_of_the_grid_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    found = {name: coverage(rng, *cell, runs=500) for name, *cell in cells()}
    assert len(found) == 6 * 7 * 4 + 4 * 6 * 4
    assert min(held for held, _ in found.values()) > 0.91, found
    # Not by being absurdly wide: sqrt(p (1 - p) / n) of the usual case, times 2 x 1.96, is 6.6 points.
    assert found["official, usual, 1 at 0"][1] < 0.069


def test_one_image_of_each_prompt_gives_clopper_and_pearson():
    correct = np.repeat([1, 0], [7, 13])
    share = share_of_images(correct, np.ones(20, dtype=int))
    assert share.trials == pytest.approx(20)
    expected = stats.binomtest(7, 20).proportion_ci(0.95, method="exact")
    assert share_interval(share) == pytest.approx((expected.low, expected.high))
    assert mean_interval([share]) == pytest.approx((expected.low, expected.high))


def test_images_that_are_alike_are_worth_their_prompts():
    alike = share_of_images(np.repeat([4, 0], [10, 10]), np.full(20, 4))
    apart = share_of_images(np.repeat([3, 2, 1], [5, 10, 5]), np.full(20, 4))
    assert alike.trials == pytest.approx(20)
    assert 70 < apart.trials < 80
    dominated = share_of_images(np.array([100, 1, 1]), np.array([100, 1, 1]))
    assert dominated.trials == pytest.approx(102**2 / 10002)


def test_a_bounded_mean_is_the_t_interval_inside_its_range_and_stays_within_it():
    values = np.random.default_rng(1).normal(31, 3, 60)
    error = values.std(ddof=1) / 60**0.5
    inside = bounded_mean_interval(values.mean(), error, 60, (0, 100))
    assert inside == pytest.approx(stats.t.interval(0.95, 59, values.mean(), error), abs=0.01)
    rare = np.repeat([0.0, 20.0], [29, 1])
    low, high = bounded_mean_interval(rare.mean(), rare.std(ddof=1) / 30**0.5, 30, (0, 100))
    assert 0 <= low < rare.mean() < high
    assert spread_interval(rare.mean(), rare.std(ddof=1) / 30**0.5, 30)[0] < 0, "the plain one leaves it"
    assert bounded_mean_interval(0.0, 0.0, 30, (0, 100)) == pytest.approx((0, 100 * (1 - 0.025 ** (1 / 30))))
    assert bounded_mean_interval(100.0, 0.0, 2, (-100, 100))[1] == 100


def test_a_mean_that_nothing_spreads_about_has_no_interval():
    assert bounded_mean_interval(50.0, 0.0, 30, (0, 100)) is None
    assert spread_interval(21.0, 0.0, 30) is None
    assert spread_interval(21.0, 1e-16, 30) is None


def test_a_mean_of_shares_does_not_go_beyond_the_mean_of_their_limits():
    shares = [Share(0.0, 1.0), *[Share(0.0, 80.0)] * 5]
    own = np.mean([share_interval(share) for share in shares], axis=0)
    low, high = mean_interval(shares)
    assert own[0] <= low
    assert high <= own[1]

"""Agreement of two raters, and intervals by resampling whole prompts."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from nami_bench.evaluation.audit.results import Estimate

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Rows = NDArray[np.intp]

RESAMPLES = 1000
SEED = 0
_LEAST_DEFINED = 0.95
_ROUNDING = 1e-12


def cohen_kappa(a: Bools, b: Bools) -> float:
    """Cohen's (1960) kappa of two raters' verdicts, both (n,); NaN where chance alone explains everything.

    (p_o - p_e) / (1 - p_e), with p_o the share of agreement and p_e what independent raters with the same
    rates would reach.
    """
    by_chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return float(((a == b).mean() - by_chance) / (1 - by_chance)) if by_chance < 1 else float("nan")


def area_under_curve(scores: Floats, positive: Bools) -> float:
    """Probability that a random positive has a higher score than a random negative, ties half.

    Mann and Whitney's (1947) U over the number of pairs. NaN where all or none are positive.
    """
    count = int(positive.sum())
    pairs = count * (len(positive) - count)
    if not pairs:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - count * (count + 1) / 2) / pairs)


def rank_correlations(a: Floats, b: Floats) -> tuple[float, float]:
    """Spearman's rho and Kendall's tau-b of two (n,) arrays; NaN where either is constant."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan"), float("nan")
    spearman = np.corrcoef(rankdata(a), rankdata(b))[0, 1]
    # The p-value is not used, and its exact form is slow.
    return float(spearman), float(kendalltau(a, b, method="asymptotic").statistic)


def estimates(
    statistics: Callable[[Rows], Sequence[float]],
    clusters: Integers,
    strata: Integers | None = None,
) -> list[Estimate]:
    """Each statistic of all rows, with the percentile interval, 2.5 % to 97.5 %, over resampled clusters.

    `statistics` takes row numbers, with repeats, and gives the same number of values each time, NaN where
    one is not defined. `clusters` (n,) numbers each row's cluster from 0: clusters are drawn with
    replacement, whole, within each of `strata` (n,), to which their rows must all belong. The seed is fixed.

    No interval: fewer than 2 clusters; a statistic that is undefined in over 5 % of the draws, since the rest
    would flatter it; one that is the same in every draw, since no width would claim certainty.
    """
    values = [float(value) for value in statistics(np.arange(len(clusters)))]
    if len(np.unique(clusters)) < 2:
        return [Estimate(_defined(value)) for value in values]
    draws = np.array([statistics(rows) for rows in _cluster_draws(clusters, strata)])
    return [estimate_of(value, draws[:, at]) for at, value in enumerate(values)]


def _cluster_draws(clusters: Integers, strata: Integers | None) -> Iterator[Rows]:
    rng = np.random.default_rng(SEED)
    order = np.argsort(clusters, kind="stable")
    _, starts = np.unique(clusters[order], return_index=True)
    members = np.split(order, starts[1:])
    group = np.zeros(len(members)) if strata is None else strata[[rows[0] for rows in members]]
    groups = [np.flatnonzero(group == name) for name in np.unique(group)]
    for _ in range(RESAMPLES):
        drawn = np.concatenate([rng.choice(within, len(within)) for within in groups])
        yield np.concatenate([members[cluster] for cluster in drawn])


def estimate_of(value: float, draws: Floats) -> Estimate:
    """A statistic with the percentile interval of its `draws`, (n,); none where `estimates` gives none."""
    defined = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(defined) < _LEAST_DEFINED * len(draws):
        return Estimate(_defined(value))
    low, high = np.percentile(defined, [2.5, 97.5])
    if high - low < _ROUNDING:
        return Estimate(value)
    return Estimate(value, (float(low), float(high)))


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None

"""Ties of metrics: the difference up to which scores are called alike, and rank correlations that count ties.

Deutsch, Foster & Freitag (2023), "Ties Matter: Meta-Evaluating Modern Metrics with Pairwise Accuracy and Tie
Calibration". GenAI-Bench (Li et al. 2024) takes all images together ("no grouping").
"""

from dataclasses import dataclass

import numpy as np

from nami_bench.evaluation.audit.statistics import Floats, Integers

MOST_IMAGES = 1000
"""With more, `pooled_pairs` takes so many at random: half a million pairs."""


@dataclass(frozen=True, slots=True)
class TieCalibration:
    """`accuracy`: (concordant + tied in both) / all pairs, 0 to 1, with scores called alike up to `epsilon`,
    the smallest difference with the best accuracy on these very pairs."""

    epsilon: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class PooledPairs:
    """Every pair of two images, whatever their prompts, in arrays (pairs,): the places of both."""

    first: Integers
    second: Integers


def pooled_pairs(images: int, seed: int = 0) -> PooledPairs:
    """All pairs of so many images, of `MOST_IMAGES` of them where there are more."""
    at = np.arange(images)
    if images > MOST_IMAGES:
        at = np.sort(np.random.default_rng(seed).choice(images, MOST_IMAGES, replace=False))
    one, other = np.triu_indices(len(at), 1)
    return PooledPairs(at[one], at[other])


class CalibratedTies:
    """Differences, first less second, of people and of a metric, arrays (pairs,), sorted once for many
    weightings."""

    def __init__(self, human: Floats, metric: Floats) -> None:
        size = np.abs(metric)
        self._order = np.argsort(size, kind="stable")
        self._size = size[self._order]
        self._tied = (human == 0)[self._order].astype(np.float64)
        self._right = (human * metric > 0)[self._order].astype(np.float64)
        # Equal differences are called alike together: only the last of them is a choice.
        self._last = np.append(self._size[1:] != self._size[:-1], True)[: len(size)]

    def best(self, weight: Floats) -> TieCalibration:
        """The best accuracy over all epsilons, with the pairs' `weight`, (pairs,); NaN without any."""
        weight = weight[self._order]
        total = float(weight.sum())
        if not total:
            return TieCalibration(float("nan"), float("nan"))
        tied, right = self._tied * weight, self._right * weight
        gained = np.cumsum(tied) + right.sum() - np.cumsum(right)
        epsilons = np.concatenate(([0.0], self._size[self._last]))
        none = right.sum() + tied[self._size == 0].sum()
        found = np.concatenate(([none], gained[self._last])) / total
        best = int(np.argmax(np.round(found, 12)))
        return TieCalibration(float(epsilons[best]), float(found[best]))


def tie_calibrated(human: Floats, metric: Floats) -> TieCalibration:
    """The best accuracy over all epsilons of differences, first less second, arrays (pairs,)."""
    return CalibratedTies(human, metric).best(np.ones(len(human)))


def tau(human: Floats, metric: Floats, variant: str, epsilon: float = 0.0) -> float:
    """A variant of Kendall's tau of differences, arrays (pairs,), scores called alike up to `epsilon`.

    "a": (C - D) / all. "b": (C - D) / sqrt((C + D + T_h) (C + D + T_m)), Kendall 1945. "eq":
    (C + T_hm - D - T_h - T_m) / all, Deutsch et al. 2023. NaN where it is not defined.
    """
    called = np.where(np.abs(metric) <= epsilon, 0.0, np.sign(metric))
    said = np.sign(human)
    agree = float((said * called > 0).sum())
    apart = float((said * called < 0).sum())
    both = float(((said == 0) & (called == 0)).sum())
    people, ours = float((said == 0).sum()) - both, float((called == 0).sum()) - both
    everything = len(said)
    if not everything:
        return float("nan")
    if variant == "a":
        return (agree - apart) / everything
    if variant == "eq":
        return (agree + both - apart - people - ours) / everything
    root = np.sqrt((agree + apart + people) * (agree + apart + ours))
    return float((agree - apart) / root) if root else float("nan")

"""Spearman's correlation over resampled clusters without laying out the samples: for many parts of much data.

A cluster that is drawn k times counts k times in ranks and sums, so that each draw costs a few passes over
the values, which are sorted once.
"""

from dataclasses import dataclass

import numpy as np

from nami_bench.evaluation.audit.results import Estimate
from nami_bench.evaluation.audit.statistics import RESAMPLES, SEED, Floats, Integers, estimate_of

_CELLS_AT_ONCE = 4_000_000
"""Of draws times rows: tens of megabytes."""


def spearman_estimate(value: Floats, people: Floats, clusters: Integers) -> Estimate:
    """Spearman's rho of two (n,) arrays with its interval, as `estimates` gives it of the same draws.

    `clusters` (n,) numbers each row's cluster from 0, none left out.
    """
    sides = _Ranks.of(value), _Ranks.of(people)
    whole = float(_correlations(*sides, np.ones((1, len(value))))[0])
    count = int(clusters.max(initial=-1)) + 1
    if count < 2:
        return Estimate(whole if np.isfinite(whole) else None)
    rng = np.random.default_rng(SEED)
    draws = RESAMPLES
    drawn = np.stack([np.bincount(rng.choice(count, count), minlength=count) for _ in range(draws)])
    step = max(1, _CELLS_AT_ONCE // len(value))
    found = [
        _correlations(*sides, drawn[at : at + step, clusters].astype(float)) for at in range(0, draws, step)
    ]
    return estimate_of(whole, np.concatenate(found))


@dataclass(frozen=True, slots=True)
class _Ranks:
    """The order of (n,) values: `order` sorts them, `starts` is where equal ones begin in it, `group` the
    number of each value among the different ones."""

    order: Integers
    starts: Integers
    group: Integers

    @classmethod
    def of(cls, values: Floats) -> "_Ranks":
        order = np.argsort(values, kind="stable")
        group = np.unique(values, return_inverse=True)[1]
        ordered = values[order]
        begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        return cls(order, begins, group)

    def ranks(self, weights: Floats) -> Floats:
        """Midranks of the values, each as often there as `weights` (draws, n) say: shape (draws, n)."""
        of_groups = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        middle = np.cumsum(of_groups, axis=1) - of_groups / 2
        return np.asarray(middle[:, self.group])


def _correlations(a: _Ranks, b: _Ranks, weights: Floats) -> Floats:
    """Of ranks, weighted, by draw; NaN where a side is constant."""
    total = weights.sum(axis=1, keepdims=True)
    sides = []
    for side in (a, b):
        ranks = side.ranks(weights)
        sides.append(ranks - (weights * ranks).sum(axis=1, keepdims=True) / total)
    left, right = sides
    spread = np.sqrt((weights * left**2).sum(axis=1) * (weights * right**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (weights * left * right).sum(axis=1) / spread
    return np.where(spread > 1e-9 * total[:, 0] ** 3, found, np.nan)

"""The paired difference of two sets of values on the same prompts, and what it shows.

Prompts are what was drawn: with d_p the mean over a prompt's images of the difference, the variance of a
stratum's mean is that between its d_p, and the t quantile has the degrees of freedom of Welch and
Satterthwaite (1946) over the strata. Where the d_p of each stratum are all equal nothing shows how they
spread: the sign test takes the place of the t test, so p = 1 where all are 0, and two models of which one is
right on every prompt are told apart.

That is not enough to show that something is *not* worse. Where few prompts differ, the variance is estimated
from these few: who happens to see few losses sees little variance, too, and where none differs it is 0. Of 50
prompts none is lost in every third draw where one in 50 is. So the variance under which a loss of mean D is
excluded is what that loss implies, which is the idea of the score test (Tango 1998, for pairs of yes and no):

- the variance seen, and for the distance of D from the mean seen half as many more losses as it takes, and
  half as many gains fewer, of the usual size: sum d^2 / sum |d|. Only prompts that do not differ can come to.
- at least that of losses in few prompts, each of the size w: D (w - D). w is the largest difference seen
  and, for there may be larger ones, one part in k + 1 of what is left to the most that values can lose,
  where k prompts differ: all of it where none does.

By simulation: docs/statistics.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

LEVEL = 0.95
ROUNDING = 1e-12

Values = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PairedMean:
    """A mean difference over `prompts`, unweighted over strata.

    `interval`: of t, at the level asked for. `p_value`: two-sided, of no difference. `most_lost`: a
    bound that a loss stays below, with half of what the interval leaves out; negative where a gain is shown,
    None where nothing can be said. `reason`: why there is no test.
    """

    value: float | None
    interval: Interval | None = None
    p_value: float | None = None
    prompts: int = 0
    most_lost: float | None = None
    reason: str | None = None

    def is_within(self, margin: float) -> bool:
        """Whether a loss of `margin`, at least 0, or more is excluded."""
        return self.most_lost is not None and self.most_lost < margin


def paired_mean(
    differences: Values,
    strata: Sequence[str | None],
    *,
    level: float = LEVEL,
    largest: float | None = None,
) -> PairedMean:
    """The mean of `differences`, (prompts, samples), NaN where one of the two has no value.

    `strata`: of each prompt. `largest`: the most that one difference can be, None where there is no limit.
    """
    shared = ~np.isnan(differences)
    counts = shared.sum(axis=1)
    kept = counts > 0
    if not kept.any():
        return PairedMean(None, reason="they share no image with a value")
    sums = np.where(shared, differences, 0.0).sum(axis=1)[kept]
    counts = counts[kept]
    kinds = np.array([str(stratum) for stratum in strata])[kept]
    parts = [_stratum(sums[kinds == kind], counts[kinds == kind]) for kind in dict.fromkeys(kinds)]
    value = float(np.mean([part.mean for part in parts]))
    prompts = int(kept.sum())
    if any(part.prompts < 2 for part in parts):
        return PairedMean(value, prompts=prompts, reason="a task has one prompt only")
    spread = _Spread.of(parts, (1 + level) / 2)
    steps = _Steps.of(sums / counts, largest)
    if spread.variance <= ROUNDING**2:
        return _without_spread(value, sums, spread, prompts, steps)
    half = spread.quantile * spread.error
    p_value = 2 * float(stdtr(spread.freedom, -abs(value) / spread.error))
    return PairedMean(
        value,
        (value - half, value + half),
        p_value,
        prompts,
        _bound(value, spread, steps),
    )


@dataclass(frozen=True, slots=True)
class _Stratum:
    mean: float
    variance: float
    prompts: int


@dataclass(frozen=True, slots=True)
class _Spread:
    """Of a mean over strata: its variance with `freedom`, the t quantile, and how many prompts of one
    stratum it is worth."""

    variance: float
    freedom: float
    quantile: float
    worth: float

    @property
    def error(self) -> float:
        return float(np.sqrt(self.variance))

    @classmethod
    def of(cls, parts: Sequence[_Stratum], share: float) -> "_Spread":
        variances = np.array([part.variance for part in parts]) / len(parts) ** 2
        freedoms = np.array([part.prompts - 1 for part in parts])
        total = float(variances.sum())
        known = total > ROUNDING**2
        freedom = total**2 / float((variances**2 / freedoms).sum()) if known else float(freedoms.sum())
        worth = len(parts) ** 2 / sum(1 / part.prompts for part in parts)
        return cls(total, freedom, float(stdtrit(freedom, share)), worth)


@dataclass(frozen=True, slots=True)
class _Steps:
    """By how much prompts may differ: the `largest`, and what a further loss adds to the variance: half the
    usual size, for the share of prompts that do not differ."""

    largest: float
    added: float

    @classmethod
    def of(cls, means: Values, limit: float | None) -> "_Steps":
        sizes = np.abs(means)
        if not sizes.max() > ROUNDING:
            return cls(limit or 0.0, 0.0)
        usual = float((sizes**2).sum() / sizes.sum())
        differ, seen = int((sizes > ROUNDING).sum()), float(sizes.max())
        largest = seen if limit is None else seen + max(limit - seen, 0.0) / (differ + 1)
        return cls(largest, usual / 2 * float((sizes <= ROUNDING).mean()))


def _bound(value: float, spread: _Spread, steps: _Steps) -> float:
    """What a loss stays below where the mean difference is `value`: see the top of this file."""
    by_t = spread.quantile * spread.error - value
    if by_t < 0:
        return by_t
    more = spread.quantile**2 * steps.added / spread.worth
    distance = (more + np.sqrt(more**2 + 4 * spread.quantile**2 * spread.variance)) / 2
    return max(float(distance) - value, _rare_losses(value, spread, steps.largest))


def _rare_losses(value: float, spread: _Spread, step: float) -> float:
    """The largest D with (value + D)^2 <= t^2 D (step - D) / prompts, below 0 where there is none."""
    n, t2 = spread.worth, spread.quantile**2
    square, linear, constant = n + t2, 2 * n * value - t2 * step, n * value**2
    discriminant = linear**2 - 4 * square * constant
    return float((-linear + np.sqrt(discriminant)) / (2 * square)) if discriminant >= 0 else -np.inf


def _without_spread(value: float, sums: Values, spread: _Spread, prompts: int, steps: _Steps) -> PairedMean:
    """For prompts that, within a stratum, all differ by the same."""
    p_value = _sign_test(sums)
    if steps.largest > 0 and abs(value) <= ROUNDING and p_value == 1.0:
        bound = _rare_losses(0.0, spread, steps.largest)
        return PairedMean(value, None, p_value, prompts, bound)
    is_gain = value > 0 and p_value <= 1 - LEVEL
    return PairedMean(value, None, p_value, prompts, 0.0 if is_gain else None)


def _sign_test(sums: Values) -> float:
    from scipy.stats import binomtest

    differ = sums[np.abs(sums) > ROUNDING]
    return float(binomtest(int((differ > 0).sum()), len(differ)).pvalue) if len(differ) else 1.0


def _stratum(sums: Values, counts: NDArray[np.int64]) -> _Stratum:
    """The mean over images and its variance by the spread between prompts."""
    prompts, images = len(sums), int(counts.sum())
    mean = float(sums.sum()) / images
    if prompts < 2:
        return _Stratum(mean, 0.0, prompts)
    pulls = sums - mean * counts
    return _Stratum(mean, float((pulls**2).sum()) * prompts / (prompts - 1) / images**2, prompts)

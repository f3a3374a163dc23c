"""Krippendorff's alpha: agreement of any number of annotators, with values missing at will.

alpha = 1 - D_o / D_e (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"): the mean squared
difference between values of the same unit, over that between values of any units. Differences are

    nominal 0 or 1; interval c - k; ratio (c - k) / (c + k); ordinal: the number of values between c and k,
    half of those equal to c or k included, which is the difference of their mid-ranks.

None of them needs a matrix of values by values:

- interval, ordinal: sums of squared differences are sums of squares about means;
- nominal: they are counts;
- ratio: ((c - k) / (c + k))^2 = 1 - sech^2((ln c - ln k) / 2), and a sum of sech^2 over all pairs is an
  integral over
  its Fourier transform, sech^2(s / 2) = integral of 2 w / sinh(pi w) e^(i w s) dw. Both sides fall off
  exponentially, so the trapezoidal rule with some hundred frequencies gives it to rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from evaluation.human.disagreement import DISAGREEMENTS
from evaluation.human.icc import NO_SPREAD
from evaluation.human.ratings_array import Floats, Integers, RatingsArray
from nami_bench.errors import InputError, UnknownNameError

Level = Literal["nominal", "ordinal", "interval", "ratio"]
_CHUNK = 2**22
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha of `values` values of `units` units, those with a single value left out.

    `low` to `high`: interval at `confidence` by resampling units. None where there is none; `notes` say why.
    """

    alpha: float | None
    low: float | None
    high: float | None
    level: Level
    units: int
    values: int
    confidence: float
    notes: tuple[str, ...]


def krippendorff_alpha(
    unit: Integers,
    value: Floats,
    level: Level = "interval",
    *,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Alpha:
    """Alpha of values in long form: `unit`, shape (n,), says whose value each of `value`, shape (n,), is.

    NaN is a missing value. The interval is the percentile bootstrap over units (Zapf et al. 2016): it says
    what other units would give, not other annotators. `replicates` 0: no interval.

    Raises InputError for values below zero at level "ratio", and for infinite ones.
    """
    if level not in get_args(Level):
        raise UnknownNameError("level of measurement", level, get_args(Level))
    unit, value = _pairable(np.asarray(unit), np.asarray(value, dtype=float))
    units = int(unit[-1]) + 1 if len(unit) else 0
    if np.isinf(value).any():
        raise InputError("alpha needs finite values")
    if not units:
        return _undefined(level, units, value, confidence, "no unit has two values")
    if value.min() == value.max():
        return _undefined(level, units, value, confidence, "all values are equal, so chance would agree too")
    disagreement = DISAGREEMENTS[level](unit, value)
    alpha = float(disagreement.alphas(np.ones((1, units)))[0])
    low: float | None = None
    high: float | None = None
    notes: tuple[str, ...] = ()
    if replicates and units > 1:
        rng = np.random.default_rng(seed)
        drawn = np.concatenate(
            [disagreement.alphas(weights) for weights in _resampled(units, replicates, rng)]
        )
        low, high, notes = _interval(drawn, confidence)
    elif replicates:
        notes = ("alpha has no interval: one unit cannot be resampled",)
    return Alpha(alpha, low, high, level, units, len(value), confidence, notes)


def ratings_alpha(
    ratings: RatingsArray, criterion: str, level: Level = "interval", *, replicates: int = 1000, seed: int = 0
) -> Alpha:
    """Alpha of one criterion's ratings; units are images.

    Level "ratio" takes values as they stand on the criterion's own scale, whose zero it rests on.
    """
    names = [c.name for c in ratings.criteria]
    if criterion not in names:
        raise UnknownNameError("criterion", criterion, names)
    column = names.index(criterion)
    value = ratings.values[:, column]
    if level == "ratio":
        scale = ratings.criteria[column]
        if scale.minimum < 0:
            raise InputError(
                f"level 'ratio' needs a scale from zero up, and {criterion} begins at {scale.minimum:g}: "
                "take 'interval'"
            )
        value = scale.minimum + (scale.maximum - scale.minimum) * value / 100
    return krippendorff_alpha(ratings.image(), value, level, replicates=replicates, seed=seed)


def _pairable(unit: Integers, value: Floats) -> tuple[Integers, Floats]:
    """Values of units that have two at least, sorted by unit, units numbered from 0."""
    known = ~np.isnan(value)
    unit, value = unit[known], value[known]
    _, code, counts = np.unique(unit, return_inverse=True, return_counts=True)
    several = counts[code] > 1
    code, value = code[several], value[several]
    order = np.argsort(code, kind="stable")
    _, code = np.unique(code[order], return_inverse=True)
    return code, value[order]


def _resampled(units: int, replicates: int, rng: np.random.Generator) -> Iterator[Floats]:
    step = max(1, _CHUNK // units)
    for start in range(0, replicates, step):
        count = min(step, replicates - start)
        drawn = rng.integers(0, units, size=(count, units)) + np.arange(count)[:, None] * units
        yield np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(float)


def _interval(drawn: Floats, confidence: float) -> tuple[float | None, float | None, tuple[str, ...]]:
    defined = drawn[~np.isnan(drawn)]
    notes: tuple[str, ...] = ()
    if len(defined) < len(drawn):
        notes = (
            f"{len(drawn) - len(defined)} of {len(drawn)} replicates had equal values only, without an alpha",
        )
    if not len(defined):
        return None, None, notes
    low, high = np.quantile(defined, ((1 - confidence) / 2, (1 + confidence) / 2))
    if high - low < _ROUNDING:
        return None, None, (*notes, f"alpha {NO_SPREAD}")
    return float(low), float(high), notes


def _undefined(level: Level, units: int, value: Floats, confidence: float, why: str) -> Alpha:
    return Alpha(None, None, None, level, units, len(value), confidence, (f"alpha is not defined: {why}",))

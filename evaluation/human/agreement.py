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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.disagreement import DISAGREEMENTS, Disagreement
from nami_bench.evaluation.human.icc import NO_SPREAD
from nami_bench.evaluation.human.ratings_array import Floats, Integers, RatingsArray

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
    judged = [(unit, value)]
    (alpha,) = krippendorff_alphas(judged, level, confidence=confidence, replicates=replicates, seed=seed)
    return alpha


def krippendorff_alphas(
    judged: Iterable[tuple[Integers, Floats]],
    level: Level = "interval",
    *,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> tuple[Alpha, ...]:
    """`krippendorff_alpha` of each (unit, value), such as those of several criteria.

    The draws rest on the number of units and the seed alone: where that number is the same they are drawn
    once for all, which is most of the work.
    """
    if level not in get_args(Level):
        raise UnknownNameError("level of measurement", level, get_args(Level))
    paired = [_pairable(np.asarray(unit), np.asarray(value, dtype=float)) for unit, value in judged]
    defined: dict[int, Disagreement] = {}
    places: dict[int, list[int]] = {}
    for place, (unit, value) in enumerate(paired):
        if np.isinf(value).any():
            raise InputError("alpha needs finite values")
        if len(value) and value.min() < value.max():
            defined[place] = DISAGREEMENTS[level](unit, value)
            places.setdefault(int(unit[-1]) + 1, []).append(place)
    drawn = dict.fromkeys(defined, np.empty(0))
    for units, those in places.items():
        if units > 1 and replicates:
            several = _replicates([defined[place] for place in those], units, replicates, seed)
            drawn.update(zip(those, several, strict=True))
    found = []
    for place, (unit, value) in enumerate(paired):
        units = int(unit[-1]) + 1 if len(unit) else 0
        if place in defined:
            alpha = float(defined[place].alphas(np.ones((1, units)))[0])
            limits = _interval(drawn[place], units, replicates, confidence)
        else:
            why = "all values are equal, so chance would agree too" if units else "no unit has two values"
            alpha, limits = None, (None, None, (f"alpha is not defined: {why}",))
        low, high, notes = limits
        found.append(Alpha(alpha, low, high, level, units, len(value), confidence, notes))
    return tuple(found)


def ratings_alphas(
    ratings: RatingsArray,
    criteria: Sequence[str],
    level: Level = "interval",
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> tuple[Alpha, ...]:
    """Alpha of each criterion's ratings; units are images.

    Level "ratio" takes values as they stand on the criterion's own scale, whose zero it rests on.
    """
    image = ratings.image()
    judged = [(image, _measured(ratings, criterion, level)) for criterion in criteria]
    return krippendorff_alphas(judged, level, replicates=replicates, seed=seed)


def _measured(ratings: RatingsArray, criterion: str, level: Level) -> Floats:
    """A criterion's values by row, as `level` needs them."""
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
    return value


def _pairable(unit: Integers, value: Floats) -> tuple[Integers, Floats]:
    """Values of units that have two at least, sorted by unit, units numbered from 0."""
    known = ~np.isnan(value)
    unit, value = unit[known], value[known]
    if (unit[1:] < unit[:-1]).any():
        order = np.argsort(unit, kind="stable")
        unit, value = unit[order], value[order]
    first = np.ones(len(unit), dtype=bool)
    first[1:] = unit[1:] != unit[:-1]
    counts = np.diff(np.flatnonzero(first), append=len(unit))
    several = counts > 1
    return np.repeat(np.arange(several.sum()), counts[several]), value[np.repeat(several, counts)]


def _replicates(
    disagreements: Sequence[Disagreement], units: int, replicates: int, seed: int
) -> list[Floats]:
    """Alphas of each, shape (replicates,), for the same draws of `units` units."""
    rng = np.random.default_rng(seed)
    parts = [
        [disagreement.alphas(weights) for disagreement in disagreements]
        for weights in _resampled(units, replicates, rng)
    ]
    return [np.concatenate(of_one) for of_one in zip(*parts, strict=True)]


def _resampled(units: int, replicates: int, rng: np.random.Generator) -> Iterator[Floats]:
    step = max(1, _CHUNK // units)
    for start in range(0, replicates, step):
        count = min(step, replicates - start)
        drawn = rng.integers(0, units, size=(count, units)) + np.arange(count)[:, None] * units
        yield np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(float)


def _interval(
    drawn: Floats, units: int, replicates: int, confidence: float
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """(low, high, notes) from alphas of so many draws; none are wanted of 0 `replicates`."""
    if not replicates:
        return None, None, ()
    if units == 1:
        return None, None, ("alpha has no interval: one unit cannot be resampled",)
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

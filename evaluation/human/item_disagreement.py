"""How far annotators disagree about each item: to be looked at one by one, the most disputed first.

These figures rank items and are no estimates: an item has few values, and the largest of many chance
differences come first. For agreement as a number see `agreement`.
"""

from dataclasses import dataclass

import numpy as np

from nami_bench.evaluation.human.ratings_array import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class ItemSpread:
    """Of each item, arrays of shape (units,): how many `values` it has, `figure`, and `width`.

    Of ratings `figure` is the standard deviation (n - 1) and `width` the range, both as shares of the scale;
    the standard deviation can reach 0.71. Of verdicts `figure` is the entropy of who won in bits, 0 to 2, and
    `width` the share that did not give the most frequent one. NaN for items with fewer than two values.
    """

    values: Integers
    figure: Floats
    width: Floats


def rating_spread(unit: Integers, value: Floats, scale: float, units: int) -> ItemSpread:
    """Of ratings: `unit` in 0..units-1 and `value` on the criterion's own scale, shape (n,) each, NaN where
    withheld; `scale` is the scale's length."""
    known = ~np.isnan(value)
    unit, value = unit[known], value[known] / scale
    count = np.bincount(unit, minlength=units)
    several = count > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(unit, value, units) / count
        squares = np.bincount(unit, (value - mean[unit]) ** 2, units)
        deviation = np.sqrt(squares / (count - 1))
    lowest, highest = np.full(units, np.inf), np.full(units, -np.inf)
    np.minimum.at(lowest, unit, value)
    np.maximum.at(highest, unit, value)
    width = np.where(several, highest - lowest, np.nan)
    return ItemSpread(count, np.where(several, deviation, np.nan), width)


def verdict_spread(unit: Integers, verdict: Integers, kinds: int, units: int) -> ItemSpread:
    """Of verdicts on pairs: `unit` in 0..units-1, and which of so many `kinds`, from 0, each verdict is."""
    table = np.bincount(unit * kinds + verdict, minlength=units * kinds).reshape(units, kinds)
    count = table.sum(axis=1)
    several = count > 1
    share = table / np.maximum(count, 1)[:, None]
    logarithm = np.log2(share, out=np.zeros_like(share), where=share > 0)
    bits = -(share * logarithm).sum(axis=1)
    other = 1 - share.max(axis=1, initial=0.0)
    return ItemSpread(count, np.where(several, np.abs(bits), np.nan), np.where(several, other, np.nan))

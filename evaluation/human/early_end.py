"""Whether the judgements of one item are enough: the rules of `nami_bench.domain.Stopping`.

The interval is looked at after each judgement from the minimum on until the overlap, where the item ends
anyway; each look has its part of the 5 % (Bonferroni), so that all of them together hold the level. Few
ratings can be alike by chance: their variance is moderated by a usual one (Smyth 2004, with the prior given),

    s^2 = ((n - 1) sample variance + d0 s0^2) / (n - 1 + d0),   half width = t(n - 1 + d0) s / sqrt(n).
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from math import sqrt
from statistics import mean

from scipy import stats

from nami_bench.domain import Rule, Stopped, Stopping

LEVEL = 0.95
USUAL_DEVIATION, PRIOR_FREEDOM = 15.0, 2
"""s0, points of one rating of an image about the image's mean, and d0."""

Judgement = float | str | None
"""Points of 0-100, or a verdict; None where it was withheld: it agrees with nothing."""


def reason_to_end(stopping: Stopping, most: int, judged: Sequence[Sequence[Judgement]]) -> Stopped | None:
    """Why an item has enough that may get `most` judgements, or None.

    `judged` holds for each criterion the item's judgements, always as many.
    """
    count = len(judged[0]) if judged else 0
    if stopping.rule == Rule.NONE or not stopping.minimum <= count < most:
        return None
    if stopping.rule == Rule.INTERVAL:
        narrow = all(_half_width(one, most - stopping.minimum) <= stopping.half_width for one in judged)
        return Stopped.NARROW if narrow else None
    most_alike = [_most_alike(one, stopping.within) for one in judged]
    if all(alike >= stopping.agree for alike in most_alike):
        return Stopped.AGREED
    if any(alike + most - count < stopping.agree for alike in most_alike):
        return Stopped.CANNOT_AGREE
    return None


def _most_alike(judgements: Sequence[Judgement], within: float) -> int:
    """How many of them agree: are equal, or as numbers lie within so many points of one another."""
    verdicts: Counter[Hashable] = Counter(one for one in judgements if isinstance(one, str))
    values = sorted(one for one in judgements if isinstance(one, float | int))
    best, low = max(verdicts.values(), default=0), 0
    for high, value in enumerate(values):
        while value - values[low] > within + 1e-9:
            low += 1
        best = max(best, high - low + 1)
    return best


def _half_width(judgements: Sequence[Judgement], looks: int) -> float:
    values = [one for one in judgements if isinstance(one, float | int)]
    if len(values) < 2:
        return float("inf")
    centre, freedom = mean(values), len(values) - 1 + PRIOR_FREEDOM
    squares = sum((value - centre) ** 2 for value in values)
    variance = (squares + PRIOR_FREEDOM * USUAL_DEVIATION**2) / freedom
    return _quantile(looks, freedom) * sqrt(variance / len(values))


@lru_cache(maxsize=1024)
def _quantile(looks: int, freedom: int) -> float:
    return float(stats.t.ppf(1 - (1 - LEVEL) / (2 * looks), freedom))

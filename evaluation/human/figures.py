"""One number about a person, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit
from scipy.stats import binom

from nami_bench.evaluation.human.ratings_array import Floats

CONFIDENCE = 0.95
_NEARLY_ONE = 0.999
_Z = float(ndtri((1 + CONFIDENCE) / 2))


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate with its 95 % interval and the variance of its sampling, from `n` observations.

    `stable`: the estimate and its variance on a scale on which the variance hardly hangs on the estimate, for
    comparing people; the figure's own where that is so already.
    """

    value: float
    low: float
    high: float
    n: int
    variance: float
    stable: tuple[float, float]


def figure_of(value: float, replicates: Floats, n: int) -> Figure | None:
    """An estimate with its percentile interval, expanded as Student's is against the normal one (Hesterberg
    2015, section 5.3); None where it, or most of its replicates, is not defined."""
    known = replicates[~np.isnan(replicates)]
    if np.isnan(value) or len(known) < 0.9 * len(replicates):
        return None
    tail = float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - CONFIDENCE) / 2)))
    low, high = np.quantile(known, [tail, 1 - tail])
    variance = float(known.var(ddof=1)) * n / (n - 1)
    return Figure(float(value), float(low), float(high), n, variance, (float(value), variance))


def in_fishers_z(figure: Figure | None) -> Figure | None:
    """The figure, which is like a correlation, with Fisher's z as its stable scale."""
    if figure is None:
        return None
    value = min(max(figure.value, -_NEARLY_ONE), _NEARLY_ONE)
    return replace(figure, stable=(float(np.arctanh(value)), figure.variance / (1 - value**2) ** 2))


def share_figure(successes: int, n: int) -> Figure | None:
    """A share with Wilson's (1927) interval; None of nothing. Stable: Anscombe's (1948) arcsine."""
    if n == 0:
        return None
    share, z2 = successes / n, _Z**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    arcsine = float(np.arcsin(np.sqrt((successes + 3 / 8) / (n + 3 / 4))))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Figure(share, float(low), float(high), n, share * (1 - share) / n, (arcsine, 1 / (4 * n + 2)))


def mean_figure(values: Sequence[float] | Floats) -> Figure | None:
    """A mean with Student's interval; None of fewer than two values."""
    numbers = np.asarray(values, dtype=float)
    n = len(numbers)
    if n < 2:
        return None
    mean, variance = float(numbers.mean()), float(numbers.var(ddof=1)) / n
    half = float(-stdtrit(n - 1, (1 - CONFIDENCE) / 2)) * np.sqrt(variance)
    return Figure(mean, mean - half, mean + half, n, variance, (mean, variance))


def median_figure(values: Sequence[float] | Floats) -> Figure | None:
    """A median of positive numbers, its interval of order statistics; None of fewer than six. Stable: its
    logarithm, with the variance that the interval implies."""
    numbers = np.sort(np.asarray(values, dtype=float))
    n = len(numbers)
    if n < 6:  # below, no interval of order statistics holds 95 %
        return None
    rank = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    low, high = numbers[max(rank - 1, 0)], numbers[min(n - rank, n - 1)]
    median = float(np.median(numbers))
    floor = max(float(numbers[numbers > 0].min(initial=np.inf)), 1e-9) if numbers[-1] > 0 else 1e-9
    logs = np.log(np.maximum([low, median, high], floor))
    variance = float((logs[2] - logs[0]) / (2 * _Z)) ** 2
    return Figure(
        median, float(low), float(high), n, float((high - low) / (2 * _Z)) ** 2, (float(logs[1]), variance)
    )

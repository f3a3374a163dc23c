"""Intervals of shares that hold at their edges: 0 of 80 is not certainty, and no share is below 0 or above 1.

Clopper and Pearson's (1934) exact interval of a binomial share, at the number of independent trials that a
share of clustered images is worth: Korn and Graubard (1998), "Confidence Intervals for Proportions With Small
Expected Number of Positive Counts Estimated From Survey Data". Coverage by simulation: docs/statistics.md.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit

LEVEL = 0.95
"""Of the intervals of shares."""
_ROUNDING = 1e-12

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Share:
    """A share, 0-1, and how many independent trials it is worth, which need not be a whole number."""

    value: float
    trials: float


def share_of_images(correct: NDArray[np.int64], images: NDArray[np.int64]) -> Share:
    """The share of correct images, of `correct` of `images` images of each prompt, both (prompts,).

    Images of a prompt resemble each other, so they are worth fewer trials than there are images: the
    variance of a simple random sample over that between prompts, with the t quantile for the prompts in
    place of that for the images (Korn and Graubard 1998). It is never less than if all images of a prompt
    were alike, and that where every image, or none, is correct and nothing shows how alike they are.
    """
    total, prompts = int(images.sum()), len(images)
    value = float(correct.sum()) / total
    all_alike = total**2 / float((images**2).sum())
    if prompts < 2 or value in (0.0, 1.0):
        return Share(value, all_alike)
    variance = prompts / (prompts - 1) * float(((correct - value * images) ** 2).sum()) / total**2
    as_if_random = value * (1 - value) / (total - 1)
    trials = total * min(1.0, as_if_random / variance) if variance > 0 else float(total)
    few_prompts = (_quantile(total - 1, LEVEL) / _quantile(prompts - 1, LEVEL)) ** 2
    return Share(value, max(all_alike, trials * few_prompts))


def share_interval(share: Share, level: float = LEVEL) -> Interval:
    """Clopper and Pearson's interval, within 0-1, of a share's trials."""
    tail, value, trials = (1 - level) / 2, share.value, share.trials
    successes, failures = value * trials, (1 - value) * trials
    low = betaincinv(successes, failures + 1, tail) if value > 0 else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if value < 1 else 1.0
    return float(low), float(high)


def mean_interval(shares: Sequence[Share]) -> Interval:
    """The interval, within 0-1, of the unweighted mean of independent shares.

    `share_interval` of the mean, worth as many trials as its variance says: q (1 - q) over the sum of
    p (1 - p) / trials, by the number of shares squared. One success and one failure are added to each share
    for p, so that a share of 0 or 1 has a variance too; q is the mean of these p. The interval does not go
    beyond the mean of the shares' own limits.
    """
    added = np.array([(s.value * s.trials + 1) / (s.trials + 2) for s in shares])
    trials = np.array([s.trials for s in shares])
    variance = float((added * (1 - added) / trials).sum()) / len(shares) ** 2
    mean = float(added.mean())
    value = float(np.mean([s.value for s in shares]))
    low, high = share_interval(Share(value, mean * (1 - mean) / variance))
    own = np.mean([share_interval(s) for s in shares], axis=0)
    return max(low, float(own[0])), min(high, float(own[1]))


def bounded_mean_interval(
    mean: float, error: float, prompts: int, bounds: Interval, level: float = LEVEL
) -> Interval | None:
    """The interval of a mean of values within `bounds`, which it does not leave.

    `error` is the mean's standard error from the spread between `prompts` prompts. The mean is taken as a
    share of the bounds' width that is worth the trials that its error says, by the t quantile for the
    prompts, and never fewer than the prompts: no values within the bounds spread more than 0s and 1s do.
    None where nothing spreads but the mean is not at an edge.
    """
    lowest, highest = bounds
    width = highest - lowest
    value = min(max((mean - lowest) / width, 0.0), 1.0)
    if error <= _ROUNDING * width and 0 < value < 1:
        return None
    trials = float(prompts)
    if 0 < value < 1:
        quantiles = float(ndtri((1 + level) / 2)) / _quantile(prompts - 1, level)
        trials = max(trials, value * (1 - value) * (quantiles * width / error) ** 2)
    low, high = share_interval(Share(value, trials), level)
    return lowest + width * low, lowest + width * high


def mean_over_prompts(
    values: Sequence[tuple[str, float]], bounds: Interval | None, level: float = LEVEL
) -> tuple[float, Interval | None]:
    """The mean of (prompt, value), and its interval with whole prompts as the sample: what is measured on
    images of one prompt is alike.

    It stays within `bounds`, where there are some. None where one prompt, or values that are all equal, do
    not show how they spread.
    """
    mean = fmean(value for _, value in values)
    pulls: dict[str, float] = defaultdict(float)
    for prompt, value in values:
        pulls[prompt] += value - mean
    prompts = len(pulls)
    if prompts < 2:
        return mean, None
    error = sqrt(sum(pull**2 for pull in pulls.values()) * prompts / (prompts - 1)) / len(values)
    if bounds is None:
        return mean, spread_interval(mean, error, prompts, level)
    return mean, bounded_mean_interval(mean, error, prompts, bounds, level)


def spread_interval(mean: float, error: float, prompts: int, level: float = LEVEL) -> Interval | None:
    """The t interval of a mean of values without bounds; None where nothing spreads."""
    if error <= _ROUNDING * max(1.0, abs(mean)):
        return None
    half = _quantile(prompts - 1, level) * error
    return mean - half, mean + half


def _quantile(freedom: int, level: float) -> float:
    return float(stdtrit(freedom, (1 + level) / 2))

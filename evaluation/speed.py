"""Latency and throughput of a model from the times of its images, with intervals.

Order statistics: David and Nagaraja (2003), Order Statistics, 7.1. Reported as MLPerf Inference and vLLM's
serving benchmark report them: percentiles of the latency, images a second of the whole.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binom

LEVEL = 0.95
"""Of the intervals of percentiles."""
FEWEST = {50: 1, 95: 20, 99: 100}
"""Images that a percentile needs: with fewer, it would be the slowest image and nothing else."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile of seconds, linearly interpolated, and its distribution-free interval.

    A bound is None where no image is slow (or fast) enough to be one: of the 95th of 30 images nothing bounds
    it from above. The interval takes the images for independent.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from request to picture, of `images` images; what they are too few for is None."""

    images: int
    mean: float | None
    p50: Percentile | None
    p95: Percentile | None
    p99: Percentile | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self)


def latency(seconds: Sequence[float]) -> Latency:
    """That of images that took so long."""
    ordered = np.sort(np.asarray(seconds, dtype=float))
    found = {p: percentile(ordered, p) if len(ordered) >= least else None for p, least in FEWEST.items()}
    mean = float(ordered.mean()) if len(ordered) else None
    return Latency(len(ordered), mean, found[50], found[95], found[99])


def percentile(ordered: "np.ndarray[Any, Any]", percent: int, level: float = LEVEL) -> Percentile:
    """That of values in ascending order, (images,), at least one.

    The number of values below the true percentile is binomial; the bounds are the values whose ranks leave at
    most half of 1 - `level` on each side, so that an interval with both covers it with at least `level`.
    """
    share, tail, count = percent / 100, (1 - level) / 2, len(ordered)
    low = int(binom.ppf(tail, count, share))  # ranks from 1; 0: there is none
    high = int(binom.ppf(1 - tail, count, share)) + 1
    return Percentile(
        float(np.quantile(ordered, share)),
        float(ordered[low - 1]) if low >= 1 else None,
        float(ordered[high - 1]) if high <= count else None,
    )


def shown(found: Percentile | None) -> str | None:
    """ "2.31 (2.20–2.84)", with an open end where there is no bound; None for none."""
    if found is None:
        return None
    low, high = ("" if bound is None else seconds_in_words(bound) for bound in (found.low, found.high))
    return f"{seconds_in_words(found.value)} ({low}–{high})"


def seconds_in_words(value: float) -> str:
    """Three digits: 0.0123, 1.23, 12.3, 123."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"

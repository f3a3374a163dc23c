"""When a study may end, if work goes on at the pace of the last hours or days."""

import math
import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta

from scipy.special import stdtrit

LEAST_SPANS = 3
"""Of so many hours or days the pace must be known."""

MOST_SPANS = {timedelta(hours=1): 24, timedelta(days=1): 7}


def forecast(completed: Sequence[datetime], left: int, now: datetime) -> str:
    """When `left` items will have been completed, in a sentence. `completed`: when the last ones were.

    The pace is the mean of whole days (of hours, where work began less than three days ago), those without
    any work among them. It is no promise: it knows nothing of weekends and of people who come or leave.
    """
    if left <= 0:
        return "Everything that is wanted was judged."
    spans = _counts(completed, now)
    if spans is None:
        return "Not enough was judged yet to say when it may end."
    length, counts = spans
    mean = sum(counts) / len(counts)
    if mean == 0:
        return "Nobody judged anything lately: nothing can be said of its end."
    soonest, latest = spans_left(counts, left)
    unit = "hour" if length < timedelta(days=1) else "day"
    end = "open" if latest == math.inf else f"{now + latest * length:%Y-%m-%d %H:%M}"
    return (
        f"At the pace of the last {len(counts)} {unit}s ({mean:,.1f} items each) it ends about "
        f"{now + left / mean * length:%Y-%m-%d %H:%M} UTC (from {now + soonest * length:%Y-%m-%d %H:%M} "
        f"to {end})."
    )


def spans_left(counts: Sequence[int], left: int) -> tuple[float, float]:
    """The fewest and most spans that `left` items may take, at a pace of `counts` in each of the last ones.

    The pace is uncertain as a mean of few spans is, and the spans to come will differ as these did: Student's
    95 % prediction interval for the mean of as many spans as are expected. The most may be endless.
    """
    known, mean, sd = len(counts), statistics.fmean(counts), statistics.stdev(counts)
    expected = max(left / mean, 1.0)
    error = -float(stdtrit(known - 1, 0.025)) * sd * math.sqrt(1 / known + 1 / expected)
    slow = mean - error
    return left / (mean + error), left / slow if slow > mean / 100 else math.inf


def _counts(completed: Sequence[datetime], now: datetime) -> tuple[timedelta, list[int]] | None:
    """How many were completed in each of the last spans, the latest first; None: it began too lately."""
    if not completed:
        return None
    age = now - min(completed)
    for length in (timedelta(days=1), timedelta(hours=1)):
        known = min(int(age / length), MOST_SPANS[length])
        if known >= LEAST_SPANS:
            places = [int((now - at) / length) for at in completed]
            return length, [places.count(place) for place in range(known)]
    return None

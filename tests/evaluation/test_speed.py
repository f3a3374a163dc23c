"""Percentiles of latencies and their intervals."""

import numpy as np
import pytest

from nami_bench.evaluation.speed import latency, percentile, seconds_in_words, shown


@pytest.mark.parametrize("images", [12, 30, 100, 400])
@pytest.mark.parametrize("percent", [50, 95, 99])
def test_intervals_cover_the_true_percentile(images: int, percent: int) -> None:
    """Of skewed times; an open end covers everything on its side."""
    times = np.sort(np.random.default_rng(images + percent).exponential(size=(4000, images)), axis=1)
    true = -np.log(1 - percent / 100)
    ranks = percentile(np.arange(images, dtype=float), percent)
    low = np.full(len(times), -np.inf) if ranks.low is None else times[:, int(ranks.low)]
    high = np.full(len(times), np.inf) if ranks.high is None else times[:, int(ranks.high)]
    covered = np.mean((low <= true) & (true <= high))
    assert covered >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(times))


def test_percentiles_are_blank_where_there_are_too_few_images() -> None:
    times = list(np.linspace(1, 2, 100))
    few, some, many = latency(times[:19]), latency(times[:20]), latency(times)
    assert few.p50 is not None and few.p95 is None
    assert some.p95 is not None and some.p99 is None
    assert many.p99 is not None and many.p99.value == pytest.approx(float(np.quantile(times, 0.99)))
    assert many.p50 is not None and many.p50.low is not None and many.p50.high is not None
    assert many.p50.low < many.p50.value < many.p50.high
    assert many.p99.high is None  # of 100 images none is slow enough to bound it
    none = latency([])
    assert (none.images, none.mean, none.p50) == (0, None, None)


def test_in_words() -> None:
    found = latency([1.0] * 10 + [2.0] * 10)
    assert shown(found.p50) == "1.5 (1–2)"
    assert shown(found.p95) == "2 (2–)"
    assert shown(None) is None
    assert [seconds_in_words(v) for v in (0.01234, 1.234, 12.34, 123.4, 1234.0)] == [
        "0.0123", "1.23", "12.3", "123", "1234",
    ]  # fmt: skip

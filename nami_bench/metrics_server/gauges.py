"""What Prometheus is told."""

import os
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The folder in which several processes of one server keep their numbers, as prometheus_client has it."""
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Gauges:
    """A server's counters, of this process or, with PROMETHEUS_MULTIPROC_DIR, of all of them."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        own = CollectorRegistry()
        self._own = own
        self.requests = Counter(
            "nami_requests", "Requests for scores by the status of their answer.", ["status"], registry=own
        )
        self.repeated = Counter(
            "nami_repeated_requests", "Requests that had been asked before.", registry=own
        )
        self.images = Counter("nami_images", "Images by metric.", ["metric"], registry=own)
        self.failures = Counter(
            "nami_failures", "Images without a value by metric.", ["metric"], registry=own
        )
        self.seconds = Histogram(
            "nami_request_seconds", "Seconds from a request's first byte to its answer.",
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.batch_seconds = Histogram(
            "nami_batch_seconds", "Seconds of work on one batch.", buckets=_SECONDS, registry=own
        )
        self.batch_images = Histogram(
            "nami_batch_images", "Images joined in one batch.", buckets=_SIZES, registry=own
        )
        self.batch_requests = Histogram(
            "nami_batch_requests", "Requests joined in one batch.", buckets=_SIZES, registry=own
        )
        self._waiting = waiting
        self.waiting = Gauge(
            "nami_waiting_images", "Images that wait.", registry=own, multiprocess_mode="livesum"
        )

    def batch(self, requests: int, images: int, seconds: float) -> None:
        """One batch is finished."""
        self.batch_requests.observe(requests)
        self.batch_images.observe(images)
        self.batch_seconds.observe(seconds)

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        self.waiting.set(self._waiting())
        if _SHARED not in os.environ:
            return bytes(generate_latest(self._own))
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(shared))

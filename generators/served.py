"""What holds for every generator that asks a server: how much is under way, and what is recorded of it."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL.Image import Image

from nami_bench.generators.protocol import GenerationRequest, GenerationResult, picture_sha256
from nami_bench.services.openai import in_order

# So many at once, of which so many are begun before the first is taken: each holds an image in memory.
_REQUESTS_PER_WORKER = 32
_AHEAD_PER_WORKER = 8

_log = logging.getLogger(__name__)


def batch_size(concurrency: int) -> int:
    """Requests that such a generator is given at once: many, so that rarely a worker waits for the last."""
    return concurrency * _REQUESTS_PER_WORKER


def sent_seed(request: GenerationRequest) -> int:
    """The low 31 bits of the image's seed: what a signed 32-bit field holds."""
    return request.seed % 2**31


def results(
    requests: Sequence[GenerationRequest],
    concurrency: int,
    stop: threading.Event,
    ask: Callable[[GenerationRequest], GenerationResult | None],
) -> Iterator[GenerationResult]:
    """Yield what `ask` gives for each request, in order, `concurrency` of them under way at once.

    `ask` gives None once `stop` is set. What it raises as WorkError is raised after the others' results.
    """
    with ThreadPoolExecutor(concurrency) as pool:
        futures = (pool.submit(ask, request) for request in requests)
        try:
            yield from in_order(futures, stop, concurrency * _AHEAD_PER_WORKER)
        finally:
            stop.set()


class Stopwatch:
    """One request with all its attempts and waits."""

    def __init__(self) -> None:
        self.started = time.time()
        self._clock = time.perf_counter()

    def read(self) -> dict[str, float]:
        """`started` and `finished`, Unix seconds, the difference by a clock that is never set."""
        elapsed = time.perf_counter() - self._clock
        return {"started": round(self.started, 6), "finished": round(self.started + elapsed, 6)}


class ServedRun:
    """What the requests of one generator in one process have in common."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._answered = threading.Event()
        self._other_size_said = threading.Event()

    @property
    def warm(self) -> bool:
        """Whether the server has answered once: what was asked before may have waited for it to load."""
        return self._answered.is_set()

    def provenance(
        self, watch: Mapping[str, float], warm: bool, sent: Mapping[str, Any], image: Image
    ) -> dict[str, Any]:
        """Of an answered request: its times, the seed and size that were `sent`, the hash of its pixels."""
        self._answered.set()
        return {
            **watch,
            "warm": warm,
            "batch": 1,
            "concurrency": self._concurrency,
            "pixels_sha256": picture_sha256(image),
            "sent_seed": sent.get("seed"),
            "asked_size": self._asked_size(sent, image),
        }

    def _asked_size(self, sent: Mapping[str, Any], image: Image) -> str | None:
        """The size that was asked for, "WxH", if one was; that the server makes another is said once."""
        asked = str(sent.get("size") or f"{sent.get('width')}x{sent.get('height')}")
        if not re.fullmatch(r"\d+x\d+", asked):
            return None
        made = f"{image.width}x{image.height}"
        if made != asked and not self._other_size_said.is_set():
            self._other_size_said.set()
            _log.warning("asked for %s pixels, the server made %s", asked, made)
        return asked

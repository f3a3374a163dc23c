"""Answers that were given, for clients that did not get them and ask again."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from nami_bench.metrics_server.batches import Answer

_SECONDS_KEPT = 900.0


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: "Future[Answer]"
    images: int
    at: float


class Answers:
    """Remembers what was asked, by its hash, so that the same request is worked on once.

    Of finished ones the latest are kept for a quarter of an hour, at most `images` images' worth; those that
    failed are forgotten.
    """

    def __init__(self, images: int) -> None:
        self._most = images
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get_or_ask(
        self, key: str, images: int, ask: Callable[[], "Future[Answer]"]
    ) -> tuple["Future[Answer]", bool]:
        """The answer to the request `key`, and whether it had been asked before; raises what `ask` raises."""
        with self._lock:
            known = self._kept.get(key)
            if known is not None and not _came_to_nothing(known.answer):
                self._kept.move_to_end(key)
                return known.answer, True
            self._kept[key] = _Kept(ask(), images, time.monotonic())
            self._forget()
            return self._kept[key].answer, False

    def _forget(self) -> None:
        now = time.monotonic()
        total = sum(one.images for one in self._kept.values())
        for key, one in list(self._kept.items())[:-1]:
            old = total > self._most or now - one.at > _SECONDS_KEPT
            if one.answer.done() and (old or _came_to_nothing(one.answer)):
                total -= one.images
                del self._kept[key]


def _came_to_nothing(answer: "Future[Answer]") -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)

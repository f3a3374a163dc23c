"""Requests of many clients, joined into batches: one thread does all the work of a process."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from nami_bench.domain import Prompt
from nami_bench.scoring.given_images import Given
from nami_bench.scoring.local import LocalMetrics
from nami_bench.scoring.scores import Scores

Answer = dict[str, Scores]


class FullError(Exception):
    """As many images wait as may."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What one client asks for at once: all metrics of all its images."""

    metrics: tuple[str, ...]
    images: Sequence[Given]
    prompts: tuple[Prompt, ...]
    answer: "Future[Answer]" = field(default_factory=Future)


class Batches:
    """Takes requests from any thread and answers them in the order in which they came.

    What waits is joined with the first request where it asks for the same metrics, up to `most` images;
    metrics that compare images with each other are never joined. `capacity`: so many images may wait.
    `finished(requests, images, seconds)` is called after each batch.
    """

    def __init__(
        self,
        metrics: LocalMetrics,
        most: int,
        capacity: int,
        finished: Callable[[int, int, float], object] = lambda requests, images, seconds: None,
    ) -> None:
        self._metrics, self._most, self._capacity, self._finished = metrics, most, capacity, finished
        self._waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Images of requests that wait."""
        with self._changed:
            return sum(len(request.images) for request in self._waiting)

    def ask(self, request: Request) -> "Future[Answer]":
        """The request's answer, in the future; raises FullError."""
        with self._changed:
            queued = sum(len(other.images) for other in self._waiting)
            if queued and queued + len(request.images) > self._capacity:
                raise FullError
            self._waiting.append(request)
            self._changed.notify()
        return request.answer

    def close(self) -> None:
        """Finish what is being worked on; what waits is cancelled."""
        with self._changed:
            self._closing = True
            for request in self._waiting:
                request.answer.cancel()
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            wanted = [request for request in batch if request.answer.set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)

    def _next(self) -> list[Request]:
        """The requests that are next; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if self._closing:
                return []
            batch = [self._waiting.popleft()]
            while self._waiting and self._joins(batch, self._waiting[0]):
                batch.append(self._waiting.popleft())
            return batch

    def _joins(self, batch: Sequence[Request], other: Request) -> bool:
        images = sum(len(request.images) for request in batch) + len(other.images)
        alike = other.metrics == batch[0].metrics
        return alike and images <= self._most and not any(map(self._metrics.compares_images, other.metrics))

    def _answer(self, batch: Sequence[Request]) -> None:
        started = time.perf_counter()
        try:
            images = [image for request in batch for image in request.images]
            prompts = tuple(prompt for request in batch for prompt in request.prompts)
            scores = self._metrics.score(images, prompts, names=batch[0].metrics)
        except Exception as error:
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for request in batch:  # what is wrong with one is nothing to the others
                self._answer([request])
            return
        self._finished(len(batch), len(images), time.perf_counter() - started)
        start = 0
        for request in batch:
            end = start + len(request.images)
            request.answer.set_result({name: _part(one, start, end) for name, one in scores.items()})
            start = end


def _part(scores: Scores, start: int, end: int) -> Scores:
    if scores.of_set:
        return scores
    return replace(
        scores,
        prompts=scores.prompts[start:end],
        values=np.array(scores.values[start:end]),
        reasons=scores.reasons[start:end],
        details=scores.details[start:end],
    )

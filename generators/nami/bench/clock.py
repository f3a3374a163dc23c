"""Time spent in each part of a run, taken without making the device wait between the parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from time import perf_counter
from typing import Any

import torch

from nami_bench.generators.nami.pipeline import NamiPipeline


class PartClock:
    """Marks the ends of a run's parts: `start`, `mark` between two parts, `stop` at the end of the last.

    On an accelerator a mark is an event in the stream of its work, so that the run is not held up; the
    device is waited for twice, before the run and after it.
    """

    def __init__(self, device: torch.device) -> None:
        self._accelerator: Any = None if device.type == "cpu" else torch.get_device_module(device)
        self._marks: list[Any] = []
        self._began = 0.0

    def start(self) -> None:
        """Begin the first part."""
        self._synchronize()
        self._began = perf_counter()
        self._marks = []
        self.mark()

    def mark(self) -> None:
        """End a part and begin the next."""
        if self._accelerator is None:
            self._marks.append(perf_counter())
        else:
            event = self._accelerator.Event(enable_timing=True)
            event.record()
            self._marks.append(event)

    def stop(self) -> tuple[float, list[float]]:
        """(seconds of the whole run by the wall clock, seconds of each part by the device's)."""
        self.mark()
        self._synchronize()
        total = perf_counter() - self._began
        return total, [self._between(a, b) for a, b in pairwise(self._marks)]

    def _synchronize(self) -> None:
        if self._accelerator is not None:
            self._accelerator.synchronize()

    def _between(self, first: Any, second: Any) -> float:
        if self._accelerator is None:
            return float(second - first)
        return float(first.elapsed_time(second)) / 1000


@contextmanager
def marking(pipeline: NamiPipeline, clock: PartClock) -> Iterator[None]:
    """Have a run of `pipeline` mark the end of its setup, and both ends of every bridge.

    Setup ends at the transformer's first pass. Enter anew for each run.
    """
    waiting = True

    def before_pass(*_: object) -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            clock.mark()

    hooks = [
        pipeline.transformer.register_forward_pre_hook(before_pass),
        pipeline.bridge.register_forward_pre_hook(lambda *_: clock.mark()),
        pipeline.bridge.register_forward_hook(lambda *_: clock.mark()),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

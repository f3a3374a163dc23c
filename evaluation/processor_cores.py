"""A batch on a CPU: shared out among the cores, which beats all cores working on each image in turn."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


class Cores:
    """Threads that each compute with one of torch's: as many as torch would use for one input."""

    @cached_property
    def count(self) -> int:
        """How many inputs are computed at a time."""
        return torch.get_num_threads()

    def share(self, run: Callable[[Sequence[T]], Iterable[R]], inputs: Sequence[T]) -> list[R]:
        """`run` on one part of the inputs for each core, at the same time; one output for each, in order.

        A single input is left to all cores together.
        """
        parts = min(self.count, len(inputs))
        if parts < 2:
            return list(run(inputs))
        bounds = [round(part * len(inputs) / parts) for part in range(parts + 1)]
        pieces = [inputs[start:end] for start, end in pairwise(bounds)]
        with _one_thread_each():
            return [output for outputs in self._pool.map(run, pieces) for output in outputs]

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    # OpenMP counts threads for each caller, MKL for the whole process: hence here, too.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

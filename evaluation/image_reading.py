"""Images decoded ahead in processes of their own: in order, and never more than a few at a time."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from PIL.Image import Image

from nami_bench.errors import ImageError, WorkError
from nami_bench.images import read_hashed_image

FEW = 32
"""So many images are read here: starting processes for them would take longer."""
_MOST_WORKERS = 8


@dataclass(frozen=True, slots=True, eq=False)
class ReadImage:
    """One image file: its 8-bit RGB `image` and the hex SHA-256 of its bytes, or the `problem` in words."""

    image: Image | None = None
    sha256: str | None = None
    problem: str | None = None


def read(path: Path) -> ReadImage:
    """Read and decode one file."""
    try:
        image, sha256 = read_hashed_image(path)
    except ImageError as error:
        return ReadImage(problem=str(error))
    return ReadImage(image, sha256)


def default_workers() -> int:
    """All processor cores but one, at least 1 and at most 8."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(1, usable - 1), _MOST_WORKERS)


def read_ahead(paths: Iterable[Path], workers: int, ahead: int) -> Generator[ReadImage]:
    """Yield each file's content, in order, while `workers` processes decode the next `ahead` files.

    0 workers read each file when it is asked for. The processes end with the generator, however it ends,
    and with this process, however it dies. Raises WorkError where one of them is killed.
    """
    remaining = iter(paths)
    first = list(islice(remaining, FEW)) if workers else []
    if len(first) < FEW:
        yield from map(read, chain(first, remaining))
        return
    with _reading_processes(workers) as pool:
        waiting: deque[Future[ReadImage]] = deque()
        for path in chain(first, remaining):
            waiting.append(_submit(pool, path))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def read_one_ahead(paths: Iterable[Path]) -> Iterator[ReadImage]:
    """Yield each file's content, in order, while a thread decodes the next."""
    remaining = iter(paths)
    with ThreadPoolExecutor(1) as pool:

        def begin() -> Future[ReadImage] | None:
            path = next(remaining, None)
            return None if path is None else pool.submit(read, path)

        coming = begin()
        while coming is not None:
            content = coming.result()
            coming = begin()
            yield content


@contextmanager
def _reading_processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    # Forking a process that has torch's threads in it can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise WorkError(
            "a process that decodes images was killed, perhaps for want of memory: run again to go on, "
            "with fewer of them if need be"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, path: Path) -> "Future[ReadImage]":
    """Hand a file to the processes, which the first call starts: Ctrl-C must not reach them half-started."""
    if not hasattr(signal, "pthread_sigmask"):
        return pool.submit(read, path)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(read, path)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """In a new process: leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)

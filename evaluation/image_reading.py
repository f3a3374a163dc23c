"""Images decoded ahead in processes of their own: in order, and never more than a few at a time."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing.connection import Connection
from typing import TypeVar

from loky.backend import get_context
from PIL.Image import Image

from nami_bench.errors import ImageError, WorkError
from nami_bench.images import HeldImage, ImageSource, read_source

FEW = 32
"""So many images are read here: starting processes for them would take longer."""
_MOST_WORKERS = 8

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class ReadImage:
    """One image: its 8-bit RGB `image` and the hex SHA-256 of its file's bytes, or the `problem` in words."""

    image: Image | None = None
    sha256: str | None = None
    problem: str | None = None


def read(source: ImageSource) -> ReadImage:
    """Read and decode one image."""
    try:
        image, sha256 = read_source(source)
    except ImageError as error:
        return ReadImage(problem=str(error))
    return ReadImage(image, sha256)


def default_workers() -> int:
    """All processor cores but one, at least 1 and at most 8."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(1, usable - 1), _MOST_WORKERS)


def read_ahead(images: Iterable[ImageSource], workers: int, ahead: int) -> Generator[ReadImage]:
    """Yield each image's content, in order, while `workers` processes decode the next `ahead`.

    0 workers read each image when it is asked for, and so are images in memory. The processes end with the
    generator, however it ends, and with this process, however it dies; they do not import the program's main
    module, so that a script needs no guard around its work. Raises WorkError where one of them is killed.
    """
    remaining = iter(images)
    first = list(islice(remaining, FEW)) if workers else []
    if len(first) < FEW or any(isinstance(image, HeldImage) for image in first):
        yield from map(read, chain(first, remaining))
        return
    with image_processes(workers) as pool:
        waiting: deque[Future[ReadImage]] = deque()
        for image in chain(first, remaining):
            waiting.append(submit(pool, read, image))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def read_one_ahead(images: Iterable[ImageSource]) -> Iterator[ReadImage]:
    """Yield each image's content, in order, while a thread decodes the next."""
    remaining = iter(images)
    with ThreadPoolExecutor(1) as pool:

        def begin() -> Future[ReadImage] | None:
            image = next(remaining, None)
            return None if image is None else pool.submit(read, image)

        coming = begin()
        while coming is not None:
            content = coming.result()
            coming = begin()
            yield content


@contextmanager
def image_processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes for work on images, which `submit` gives them; they end with the block, and with this
    process, however it dies. Raises WorkError where one of them is killed."""
    # Forking a process that has torch's threads in it can hang, and the standard library's way of starting
    # afresh imports the main module again: without a guard, a script would run itself over and over.
    context = get_context("loky")
    our_end, their_end = context.Pipe()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(their_end,))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise WorkError(
            "a process that decodes images was killed, perhaps for want of memory: run again to go on, "
            "with fewer of them if need be"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
        our_end.close()
        their_end.close()


def submit(pool: ProcessPoolExecutor, work: Callable[[Given], Made], given: Given) -> "Future[Made]":
    """Hand work to the processes, which the first call starts: no Ctrl-C may reach them half-started."""
    if not hasattr(signal, "pthread_sigmask"):
        return pool.submit(work, given)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(work, given)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(parent: Connection) -> None:
    """In a new process: leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    with suppress(EOFError, OSError):
        parent.recv()  # nothing is ever sent: it ends when nobody holds the other end
    os._exit(1)

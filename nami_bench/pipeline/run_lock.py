"""One run at a time in the folder of a model and prompt set."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from nami_bench import images
from nami_bench.config import cache_dir
from nami_bench.errors import ImageError, InputError
from nami_bench.locations import is_remote

LOCK = ".lock"

Check = Callable[[], None]
"""Raises WorkError where the folder may be another run's by now; to be called before it is written to."""


@contextmanager
def alone_in(folder: Path) -> Iterator[Check]:
    """Hold the folder against other runs; yields what tells whether it is still held.

    On a file system the lock is the system's, which frees it when the process dies, and ever holds. In an
    object store it is a file of the store beside (`nami_bench.pipeline.store_lock`). Raises InputError where
    another run holds it, StorageError where it cannot be had.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(_lock_file(folder)).acquire(blocking=False):
            if is_remote(folder):
                yield from _held_in_store(folder)
            else:
                yield lambda: None
    except Timeout as error:
        raise InputError(f"another run is writing to {folder}: wait until it ends") from error


def _held_in_store(folder: Path) -> Iterator[Check]:
    from nami_bench.pipeline.store_lock import held

    with held(folder, folder / LOCK, _machine()) as lock:
        yield (lambda: None) if lock is None else lock.check


def _lock_file(folder: Path) -> Path:
    """In the folder; for an object store, among the locks of this machine's cache."""
    if not is_remote(folder):
        images.make_folder(folder)
        return folder / LOCK
    return _locks() / hashlib.sha256(str(folder).encode()).hexdigest()


def _locks() -> Path:
    locks = cache_dir() / "locks"
    images.make_folder(locks)
    return locks


def _machine() -> str:
    """A name for what shares the file locks of `_lock_file`: this host with this cache."""
    path = _locks() / "machine"
    try:
        own = images.read_file(path).decode()
    except ImageError:
        own = uuid4().hex
        images.write_bytes(path, own.encode())
    return f"{socket.gethostname()}/{own}"

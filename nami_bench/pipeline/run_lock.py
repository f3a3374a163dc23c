"""One run at a time in the folder of a model and prompt set."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nami_bench import images
from nami_bench.config import cache_dir
from nami_bench.errors import InputError
from nami_bench.locations import is_remote

LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder against other runs; the system frees it when the process dies.

    Raises InputError where another run holds it.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(_lock_file(folder)).acquire(blocking=False):
            yield
    except Timeout as error:
        raise InputError(f"another run is writing to {folder}: wait until it ends") from error


def _lock_file(folder: Path) -> Path:
    """In the folder; object stores have no locks, so there only runs of this machine see each other."""
    if not is_remote(folder):
        images.make_folder(folder)
        return folder / LOCK
    locks = cache_dir() / "locks"
    images.make_folder(locks)
    return locks / hashlib.sha256(str(folder).encode()).hexdigest()

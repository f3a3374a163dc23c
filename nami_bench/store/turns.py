"""Fair turns at writing, between threads and between processes.

SQLite lets its writers sleep and try again, at random and for longer each time: with two busy processes one
of them can starve for seconds. Here whoever waits first is served next. SQLite's own lock still decides;
this only spares the wait for it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: SQLite's own waiting has to do
    fcntl = None  # type: ignore[assignment]

_POLL_SECONDS = 0.0005


class Turns:
    """One writer at a time; `beside` is the database's file, or None if the database keeps order."""

    def __init__(self, beside: Path | None) -> None:
        self._threads = threading.Lock()
        self._files = [] if beside is None else [_open(Path(f"{beside}-{name}")) for name in ("next", "turn")]

    @contextmanager
    def take(self, seconds: float) -> Iterator[None]:
        """Wait for one's turn, and have it until the block ends; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        if not self._threads.acquire(timeout=seconds):
            raise TimeoutError
        try:
            with self._between_processes(deadline):
                yield
        finally:
            self._threads.release()

    def close(self) -> None:
        """Close the lock files."""
        for file in self._files:
            if file is not None:
                file.close()

    @contextmanager
    def _between_processes(self, deadline: float) -> Iterator[None]:
        with ExitStack() as turn:
            with ExitStack() as queue:
                # Whoever is next holds the first lock while waiting for the second, so whoever just
                # had the turn cannot take it again before them.
                for file, stack in zip(self._files, (queue, turn), strict=False):
                    if file is not None and fcntl is not None:
                        _lock(file, deadline)
                        stack.callback(_unlock, file)
            yield


def _open(path: Path) -> IO[bytes] | None:
    try:
        return path.open("ab")
    except OSError:  # a read-only folder: the database will say so in its own words
        return None


def _unlock(file: IO[bytes]) -> None:
    if not file.closed:  # closing gives up the lock, too
        fcntl.flock(file, fcntl.LOCK_UN)


def _lock(file: IO[bytes], deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError from None
            time.sleep(_POLL_SECONDS)
        except ValueError:  # closed meanwhile: nobody writes any more
            raise TimeoutError from None

"""What is loaded or fetched, said while it takes long. Imports no library: anything may import it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

A_MOMENT_S = 1.0
"""What takes less is not worth a line."""

SECONDS_BETWEEN_LINES = 15.0

_log = logging.getLogger(__name__)
_under_way = threading.local()
_tell: Callable[[str], None] | None = None


@contextmanager
def told_by(tell: Callable[[str], None]) -> Iterator[None]:
    """In the block, `tell` is called with a line, from another thread, once something is loading for long."""
    global _tell
    before, _tell = _tell, tell
    try:
        yield
    finally:
        _tell = before


@contextmanager
def loading(
    what: str | Path, doing: str = "loading", so_far: Callable[[], str] | None = None
) -> Iterator[None]:
    """The block loads `what`: after a moment people are told, once, and with `so_far` now and then how far it
    has come. The log has it always, with the seconds that it took.

    Of blocks within one another that do the same, the outer one speaks.
    """
    if getattr(_under_way, "doing", None) == doing:
        yield
        return
    line = f"{doing} {_named(what)}"
    _log.info(line)
    before, began = getattr(_under_way, "doing", None), time.monotonic()
    _under_way.doing = doing
    try:
        with nullcontext() if _tell is None else _told(_tell, line, so_far):
            yield
        _log.debug("%s took %.1f s", line, time.monotonic() - began)
    finally:
        _under_way.doing = before


@contextmanager
def _told(tell: Callable[[str], None], line: str, so_far: Callable[[], str] | None) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        if done.wait(A_MOMENT_S):
            return
        tell(f"{line} ...")
        while so_far is not None and not done.wait(SECONDS_BETWEEN_LINES):
            tell(f"{line}: {so_far()}")

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


def _named(what: str | Path) -> str:
    """A path as it is; of a folder in the hub's cache, the model's name there."""
    if isinstance(what, str):
        return what
    cached = next((part for part in what.parts if part.startswith("models--")), None)
    return str(what) if cached is None else cached.removeprefix("models--").replace("--", "/")

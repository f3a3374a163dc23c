"""The files of an SQLite database, watched: a commit counts only while they are the ones that lie there.

A file that was deleted, or that another one was renamed over, still takes writes from whoever has it open,
and SQLite says nothing. So every connection remembers which files it opened, by device and inode.
"""

import os
from pathlib import Path

from nami_bench.errors import DatabaseLostError

_JOURNALS = ("-wal", "-shm")

_Identity = tuple[int, int] | None
Found = dict[str, _Identity]
"""Device and inode by path, as one connection opened them; None: not there yet."""


class DatabaseFile:
    """The file at `path`; None: a database in memory, of which everything is always in its place."""

    def __init__(self, path: Path | None) -> None:
        self.path = None if path is None else path.absolute()
        self._first: _Identity = None

    def exists(self) -> bool:
        """Whether there is one; that in memory always is."""
        return self.path is None or self.path.exists()

    def check(self, found: Found | None = None) -> None:
        """Raise DatabaseLostError unless database, and journal with `found`, are those that were opened."""
        if self.path is None or self._first is None:
            return
        if _identity(self.path) != self._first:
            raise DatabaseLostError(
                f"the database {self.path} was deleted, moved or replaced while it was open; what was saved "
                "before is in the file that was there: stop every program that uses it, put that file back "
                "with its -wal and start again"
            )
        for name, opened in (found or {}).items():
            now = _identity(name)
            if opened is None:
                found[name] = now  # type: ignore[index]
            elif now != opened:
                raise DatabaseLostError(
                    f"the journal {name} was deleted or replaced while the database was open: stop every "
                    "program that uses it, which saves what is in the journal, and start again"
                )

    def opened(self) -> Found:
        """What a connection that was opened just now has found; raises DatabaseLostError as `check` does."""
        if self.path is None:
            return {}
        if self._first is None:
            self._first = _identity(self.path)
        self.check()
        real = os.path.realpath(self.path)  # where SQLite keeps the journal of a linked file
        return {name: _identity(name) for name in (real + journal for journal in _JOURNALS)}


def _identity(path: Path | str) -> _Identity:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

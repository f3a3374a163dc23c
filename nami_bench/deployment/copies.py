"""A database on a disk that does not last, and copies of it on storage that does."""

import logging
import shutil
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from nami_bench.errors import NamiBenchError, StorageError
from nami_bench.store.backup import back_up
from nami_bench.store.backup_files import delete_old, new_name
from nami_bench.store.backup_sqlite import copy

EVERY_SECONDS = 60.0
KEPT = 5
_log = logging.getLogger(__name__)


class Copies:
    """Copies the SQLite database at `file` into `folder` whenever it has changed, at most once a minute.

    The storage need not know locks, renaming or order: each copy is a new file, and the newest sound one
    counts.
    """

    def __init__(self, file: Path, folder: Path, every_s: float = EVERY_SECONDS) -> None:
        self._file, self._folder, self._every_s = file, folder, every_s
        self._is_over = threading.Event()
        self._copied: int | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._connection: sqlite3.Connection | None = None

    def restore(self) -> Path | None:
        """Put the newest sound copy in the place of a database that is not there; which one, None: none.

        Raises StorageError.
        """
        if self._file.exists():
            return None
        for found in sorted(self._folder.glob("nami-*.db"), reverse=True):
            try:
                copy(found, self._file)
            except NamiBenchError as error:
                _log.warning("%s is passed over: %s", found, error)
                with suppress(OSError):
                    self._file.unlink()
            else:
                return found
        return None

    def begin(self) -> None:
        """Copy from now on, in a thread of its own."""
        self._thread.start()

    def end(self) -> None:
        """Copy a last time what has changed, and stop. Raises StorageError where that fails."""
        self._is_over.set()
        self._thread.join()
        self._copy()

    def _run(self) -> None:
        while not self._is_over.wait(self._every_s):
            try:
                self._copy()
            except NamiBenchError as error:
                _log.error("the database could not be copied: %s", error)

    def _copy(self) -> None:
        version = self._version()
        if version == self._copied:
            return
        made = new_name(self._file.parent, "sqlite://")
        back_up(f"sqlite:///{self._file}", made)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, self._folder / made.name)
        except OSError as error:
            raise StorageError(f"cannot write into {self._folder}: {error.strerror or error}") from error
        finally:
            made.unlink()
        self._copied = version
        delete_old(self._folder, KEPT)

    def _version(self) -> int:
        """A number that changes with every commit of others."""
        if self._connection is None:
            self._connection = sqlite3.connect(self._file, check_same_thread=False)
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

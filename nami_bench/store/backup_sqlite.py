"""Copies of an SQLite database that is in use, and one put back."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from nami_bench.errors import InputError, LockedError, StorageError

_JOURNALS = ("-wal", "-shm", "-journal")


def copy(source: Path, target: Path) -> None:
    """Write the database at `source`, as it is at this moment, to the new file `target`.

    Whoever works on it goes on: a reader of a database in WAL mode holds up nobody. The copy is one file,
    without a journal. Raises InputError where `source` is no sound database, StorageError.
    """
    with _open(source) as database, _told(target), closing(sqlite3.connect(target)) as made:
        database.backup(made)  # all pages in one step, so of one moment
        made.execute("PRAGMA journal_mode = DELETE").fetchone()
        _check_sound(made, source)


def revision(path: Path) -> str | None:
    """The version of the tables of a NAMI-Bench database; None: it is a database of something else.

    Raises InputError for what is no sound database.
    """
    with _open(path) as database:
        _check_sound(database, path)
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def replace(target: Path, new: Path, kept: Path) -> None:
    """Let the file `new` be the database at `target`; what is there moves to `kept`.

    Raises LockedError, and changes nothing, where somebody else has the database open.
    """
    with _alone(target), _told(target):
        for end in _JOURNALS:
            Path(f"{target}{end}").unlink(missing_ok=True)
        target.rename(kept)
        try:
            new.rename(target)
        except OSError:
            kept.rename(target)
            raise


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else has the database open in the block, nor can open it to any effect."""
    with _told(path), closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as database:
        try:
            # Only who is alone can leave WAL mode; the journal is emptied into the file.
            mode = database.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            mode = "in use"
        if mode != "delete":
            raise LockedError(
                f"the database {path} is in use: stop the annotation app and every other command that "
                "works on it, then restore again; nothing was changed"
            )
        yield


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise InputError(f"{path} does not exist" if not path.exists() else f"{path} is no file")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            yield database
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path} is damaged or no SQLite database: {error}") from error


def _check_sound(database: sqlite3.Connection, path: Path) -> None:
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise InputError(f"the database {path} is damaged: {found}")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    except sqlite3.OperationalError as error:
        raise StorageError(f"cannot write {path}: {error}") from error


def flush_to_disk(path: Path) -> None:
    """Return when the file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())

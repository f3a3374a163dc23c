"""How a database is, without changing it: no migration, no table, no file where there was none."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import inspect, text

from nami_bench.store.database import HEAD_REVISION
from nami_bench.store.database_file import DatabaseFile
from nami_bench.store.engines import file_of, make_engine, read_url, shown

LOOK_S = 5.0
"""So long a file is looked through for damage."""

_STEPS = 10_000
"""Of SQLite's machine, between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Health:
    """`name` shows the database without passwords.

    `revision` is its schema's; None: it holds none of ours. `trouble` says why it cannot be used, `damage`
    what is broken in it. `is_wholly_checked`: False where time ran out, and for a server, which sees to that
    itself. `size` is the file's, in bytes.
    """

    name: str
    exists: bool = True
    revision: str | None = None
    trouble: str = ""
    damage: str = ""
    is_wholly_checked: bool = False
    is_locked: bool = False
    is_writable: bool = True
    size: int | None = None

    @property
    def is_newer(self) -> bool:
        """Whether a later NAMI-Bench made it."""
        return self.revision is not None and self.revision > HEAD_REVISION

    @property
    def is_older(self) -> bool:
        """Whether opening it migrates it."""
        return self.revision is not None and self.revision < HEAD_REVISION


def look_at(url: str, look_s: float = LOOK_S) -> Health:
    """How the database at `url` is. Raises InputError for what is no usable URL."""
    read = read_url(url)
    path = file_of(read)
    if path is not None:
        return _file(path, look_s) if path.exists() else Health(str(path), exists=False)
    name = shown(read)
    try:
        engine = make_engine(read, DatabaseFile(None), look_s, look_s)
        try:
            with engine.connect() as connection:
                known = inspect(connection).has_table("alembic_version")
                query = text("SELECT version_num FROM alembic_version")
                return Health(name, revision=connection.execute(query).scalar() if known else None)
        finally:
            engine.dispose()
    except Exception as error:  # drivers raise what they like
        return Health(name, trouble=str(error).strip().partition("\n")[0])


def _file(path: Path, look_s: float) -> Health:
    name, size = str(path), path.stat().st_size
    try:
        address = f"file:{quote(str(path.absolute()))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)) as opened:
            revision = _revision(opened)
            damage, whole = _damage(opened, look_s)
            locked, writable = _writing(opened)
            return Health(name, True, revision, "", damage, whole, locked, writable, size)
    except sqlite3.Error as error:
        return Health(name, trouble=str(error), size=size)


def _revision(opened: sqlite3.Connection) -> str | None:
    tables = opened.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    if tables is None:
        return None
    row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _damage(opened: sqlite3.Connection, look_s: float) -> tuple[str, bool]:
    """The first thing that is broken, or ""; and whether all was looked through."""
    deadline = time.monotonic() + look_s
    opened.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        said = str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return "", False
    finally:
        opened.set_progress_handler(None, 0)
    return ("" if said == "ok" else said.partition("\n")[0]), True


def _writing(opened: sqlite3.Connection) -> tuple[bool, bool]:
    """Whether somebody is writing now, and whether we might."""
    try:
        opened.execute("BEGIN IMMEDIATE")
        opened.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return "locked" in str(error), "readonly" not in str(error)
    return False, True

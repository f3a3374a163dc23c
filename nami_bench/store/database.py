"""Connections: short transactions on SQLite (WAL mode) or PostgreSQL, migrations on opening.

Both databases mean the same here. A write transaction is alone: on SQLite by BEGIN IMMEDIATE, on
PostgreSQL by one advisory lock, so what it reads cannot change before it writes, and there is no
serialization failure to try again after. A read transaction is one snapshot and waits for nobody.
A commit that returned is on the disk.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from nami_bench.errors import InputError, StorageError, VersionError
from nami_bench.store.turns import Turns

HEAD_REVISION = "0008"
BUSY_TIMEOUT_MS = 30_000
_WRITE = {"nami_write": True}
_WRITE_LOCK = 0x6E616D69  # "nami": any number that every NAMI-Bench agrees on

# PostgreSQL's errors that are the server's or the disk's state, not a mistake of ours: read-only
# transaction, insufficient privilege, insufficient resources (full disk), lock not available,
# operator intervention, system error.
_REFUSALS = ("25006", "42501", "53", "55P03", "57", "58")


class Database:
    """One engine and the two kinds of transaction the store uses."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**_WRITE)
        self._reading = engine
        if engine.dialect.name == "postgresql":
            self._reading = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._together = _Together()
        # PostgreSQL serves those who wait for a lock in order; SQLite does not.
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        self._turns = Turns(None if file in (None, "", ":memory:") else Path(str(file)))

    @classmethod
    def open(cls, url: str) -> "Database":
        """Connect and bring the schema up to date.

        Raises InputError for a URL or file that is no database, VersionError for a newer schema,
        StorageError where the disk or server refuses.
        """
        engine = _engine(url)
        {"sqlite": _configure_sqlite, "postgresql": _configure_postgresql}[engine.dialect.name](engine)
        database = cls(engine)
        try:
            database._migrate()
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()
        self._turns.close()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read transaction: one consistent view."""
        if self._together.session is not None:
            yield self._together.session
            return
        with self._translated(), Session(self._reading) as session:
            yield session

    @contextmanager
    def writing(self, *, dry_run: bool = False) -> Iterator[Session]:
        """A write transaction: commits at the end, rolls back on any error, and in a `dry_run`.

        No other write transaction, of any process, runs beside it.
        """
        if self._together.session is not None:
            with self._translated(), self._together.session.begin_nested() as part:
                yield self._together.session
                if dry_run:
                    part.rollback()
            return
        with (
            self._translated(),
            self._alone(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin() as transaction,
        ):
            yield session
            if dry_run:
                transaction.rollback()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All transactions that this thread begins in the block are parts of one: an error undoes them all.

        Nobody else can write for as long.
        """
        with self.writing() as session:
            self._together.session = session
            try:
                yield
            finally:
                self._together.session = None

    @contextmanager
    def outside_transactions(self) -> Iterator[Any]:
        """The driver's own connection, every statement for itself: for what cannot run in a transaction.

        No write transaction of another process runs beside it on SQLite.
        """
        with self._translated(), self._alone():
            pooled = self.engine.raw_connection()
            try:
                driver: Any = pooled.driver_connection
                if self.engine.dialect.name == "postgresql":
                    driver.autocommit = True
                yield driver
            except Exception as error:
                if isinstance(error, self.engine.dialect.loaded_dbapi.Error):
                    raise StorageError(f"the database {self._name} refused: {error}") from error
                raise
            finally:
                pooled.invalidate()
                pooled.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(self._turns.take(BUSY_TIMEOUT_MS / 1000))
            except TimeoutError as error:
                raise StorageError(
                    f"the database {self._name} is locked: somebody else has been writing for "
                    f"{BUSY_TIMEOUT_MS / 1000:g} s; nothing was lost"
                ) from error
            yield

    def _migrate(self) -> None:
        with self._translated():
            with self.engine.connect() as connection:
                if _revision(connection) == HEAD_REVISION:
                    return
            # Of several processes that start at once, the first migrates; the others find it done.
            with self._writing.begin() as connection:
                _upgrade(connection, self._name)

    @property
    def _name(self) -> str:
        return make_url(self.engine.url).render_as_string(hide_password=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            raise StorageError(
                f"the database {self._name} is busy: no free connection; nothing was lost"
            ) from error
        except (DataError, UnicodeEncodeError) as error:
            reason = _reason(error) if isinstance(error, DBAPIError) else "it is no Unicode text"
            raise InputError(f"the database cannot take a value: {reason}; nothing was changed") from error
        except DatabaseError as error:
            if isinstance(error, OperationalError) or _state(error).startswith(_REFUSALS):
                raise StorageError(
                    f"the database {self._name} refused: {_reason(error)}; nothing was lost"
                ) from error
            if "not a database" in str(error.orig) or "malformed" in str(error.orig):
                raise InputError(f"{self._name} is damaged or no database: {error.orig}") from error
            raise


class _Together(threading.local):
    """The thread's transaction of which others are parts; None: each is for itself."""

    session: Session | None = None


def _engine(url: str) -> Engine:
    if url.startswith("postgres://"):  # what many hosting services hand out
        url = url.replace("postgres", "postgresql", 1)
    shown = url if "@" not in url else f"...@{url.rpartition('@')[2]}"  # no password on the screen
    try:
        engine = create_engine(url, **({} if url.startswith("sqlite") else {"pool_pre_ping": True}))
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError(f"the database URL {shown!r} is not usable: {error}") from error
    except ModuleNotFoundError as error:
        raise InputError(
            f"the database URL {shown!r} needs the Python package {error.name!r}: "
            "pip install 'nami-bench[postgres]'"
        ) from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise InputError(f"the database URL {shown!r} is neither SQLite nor PostgreSQL")
    return engine


def _configure_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        # Transactions are begun by the listener below, not by the driver's guesswork.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            cursor.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit that was acknowledged survives a power cut, not only a crash.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("nami_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _configure_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
        # A server may acknowledge commits before they are on its disk: not ours.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("nami_write"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")


def _state(error: DBAPIError) -> str:
    """PostgreSQL's five-character code of an error; empty on SQLite."""
    return getattr(error.orig, "sqlstate", None) or ""


def _reason(error: DBAPIError) -> str:
    """The driver's words on one line."""
    return "; ".join(line.strip() for line in str(error.orig).splitlines() if line.strip())


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(str(files("nami_bench.store"))) / "migrations"))
    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise VersionError(
            f"the database {name} has schema {revision}, which this NAMI-Bench does not know: "
            "it was made by a newer version; upgrade NAMI-Bench to open it"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

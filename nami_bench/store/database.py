"""Connections: SQLite in WAL mode by default, short transactions, migrations on opening."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from nami_bench.errors import InputError, StorageError, VersionError

HEAD_REVISION = "0003"
BUSY_TIMEOUT_MS = 30_000
_WRITE = {"nami_write": True}


class Database:
    """One engine and the two kinds of transaction the store uses."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**_WRITE)

    @classmethod
    def open(cls, url: str) -> "Database":
        """Connect and bring the schema up to date.

        Raises InputError for a URL or file that is no database, VersionError for a newer schema,
        StorageError where the disk or server refuses.
        """
        try:
            engine = create_engine(url)
        except (ArgumentError, NoSuchModuleError) as error:
            raise InputError(f"the database URL {url!r} is not usable: {error}") from error
        except ModuleNotFoundError as error:
            raise InputError(
                f"the database URL needs the Python package {error.name!r}: install it"
            ) from error
        if engine.dialect.name == "sqlite":
            _configure_sqlite(engine)
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

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read transaction: one consistent view."""
        with self._translated(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A write transaction: commits at the end, rolls back on any error.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE), so that what it reads
        cannot change before it writes.
        """
        with self._translated(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def _migrate(self) -> None:
        with self._translated():
            with self.engine.connect() as connection:
                if _revision(connection) == HEAD_REVISION:
                    return
            with self._writing.begin() as connection:
                _upgrade(connection, self._name)

    @property
    def _name(self) -> str:
        return make_url(self.engine.url).render_as_string(hide_password=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise StorageError(
                f"the database {self._name} refused: {error.orig}; nothing was lost"
            ) from error
        except DatabaseError as error:
            if "not a database" in str(error.orig) or "malformed" in str(error.orig):
                raise InputError(f"{self._name} is damaged or no database: {error.orig}") from error
            raise


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

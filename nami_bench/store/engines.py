"""Engines: a URL read, and connections set up so that both databases mean the same."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from nami_bench.errors import InputError
from nami_bench.store.database_file import DatabaseFile

WRITE = {"nami_write": True}
"""Execution options of a connection whose transactions write."""

FOUND = "nami_found"
"""Where a connection's `info` holds what it opened, for `DatabaseFile.check`."""

_WRITE_LOCK = 0x6E616D69  # "nami": any number that every NAMI-Bench agrees on
_SECRETS = ("password", "passfile", "sslpassword")


def read_url(text: str) -> URL:
    """A database's URL; raises InputError for one that is not usable."""
    if text.startswith("postgres://"):  # what many hosting services hand out
        text = text.replace("postgres", "postgresql", 1)
    try:
        url = make_url(text)
        kind = url.get_backend_name()
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise InputError(f"the database URL {_without_secrets(text)!r} is not usable") from error
    except ModuleNotFoundError as error:
        raise _needs(url, error) from error
    if kind not in ("sqlite", "postgresql"):
        raise InputError(f"the database URL {shown(url)!r} is neither SQLite nor PostgreSQL")
    return url


def shown(url: URL) -> str:
    """A database as people are told of it: the path of a file, or the URL without passwords."""
    file = file_of(url)
    if file is not None:
        return str(file)
    hidden = {name: "***" for name in url.query if name.lower() in _SECRETS}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for one in memory, for SQLite's own URIs, and for PostgreSQL."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name)


def make_engine(url: URL, file: DatabaseFile, patience_s: float, slice_s: float) -> Engine:
    """An engine whose reads wait `patience_s` for locks, and whose writes `slice_s`, to be tried again.

    Raises InputError where the driver is not installed.
    """
    options: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        options["pool_pre_ping"] = True
    if file.path is not None or options:
        options["pool_timeout"] = patience_s
    try:
        engine = create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise _needs(url, error) from error
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine, file, round(patience_s * 1000), round(slice_s * 1000))
    else:
        _configure_postgresql(engine, round(patience_s * 1000), round(slice_s * 1000))
    return engine


def _configure_sqlite(engine: Engine, file: DatabaseFile, patience_ms: int, slice_ms: int) -> None:
    @event.listens_for(engine, "do_connect")
    def before(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
        file.check()  # SQLite would make a new, empty database where the old one has gone

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        # Transactions are begun by the listener below, not by the driver's guesswork.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {patience_ms}")
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            cursor.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit that was acknowledged survives a power cut, not only a crash.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()
        record.info[FOUND] = file.opened()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("nami_write"):
            connection.exec_driver_sql("BEGIN")
            return
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA busy_timeout = {slice_ms}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            driver.execute(f"PRAGMA busy_timeout = {patience_ms}")


def _configure_postgresql(engine: Engine, patience_ms: int, slice_ms: int) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {patience_ms}")
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
            connection.exec_driver_sql(
                f"SELECT set_config('lock_timeout', '{slice_ms}', true),"
                f" pg_advisory_xact_lock({_WRITE_LOCK}), set_config('lock_timeout', '{patience_ms}', true)"
            )


def _needs(url: URL, error: ModuleNotFoundError) -> InputError:
    return InputError(
        f"the database URL {shown(url)!r} needs the Python package {error.name!r}: "
        "pip install 'nami-bench[postgres]'"
    )


def _without_secrets(text: str) -> str:
    """What cannot be read as a URL, without what may be a password in it."""
    return f"...@{text.rpartition('@')[2]}".partition("?")[0] if "@" in text else text.partition("?")[0]

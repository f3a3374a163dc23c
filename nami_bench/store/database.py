"""Short transactions on SQLite (WAL mode) or PostgreSQL, and migrations on opening.

Both databases mean the same here. A write transaction is alone: on SQLite by BEGIN IMMEDIATE, on
PostgreSQL by one advisory lock, so what it reads cannot change before it writes, and there is no
serialization failure to try again after. A read transaction is one snapshot and waits for nobody.
A commit that returned is on the disk, in the file that lies where the database was opened.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from nami_bench.errors import (
    DatabaseDamagedError,
    DatabaseLostError,
    InputError,
    LockedError,
    StorageError,
    VersionError,
)
from nami_bench.store.database_file import DatabaseFile
from nami_bench.store.engines import FOUND, WRITE, file_of, make_engine, read_url, shown
from nami_bench.store.refusals import translated
from nami_bench.store.turns import Turns

HEAD_REVISION = "0019"
PATIENCE_S = 30.0
"""So long a transaction waits while somebody else writes."""

SLICE_S = 0.25
"""So long a wait for the turn to write lasts at a time: it can be given up in between."""


class Database:
    """One engine and the two kinds of transaction the store uses."""

    def __init__(self, engine: Engine, file: DatabaseFile, patience_s: float = PATIENCE_S) -> None:
        self.engine = engine
        self.patience_s = patience_s
        self.is_stopping = False
        self._slice_s = min(SLICE_S, patience_s)
        self._file = file
        self._name = shown(engine.url)
        self._writing = engine.execution_options(**WRITE)
        self._reading = engine
        if engine.dialect.name == "postgresql":
            self._reading = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._together = _Together()
        # PostgreSQL serves those who wait for a lock in order; SQLite does not.
        self._turns = Turns(file.path)
        self._damage: DatabaseDamagedError | None = None

    @classmethod
    def open(cls, url: str, *, patience_s: float = PATIENCE_S, create: bool = True) -> "Database":
        """Connect and bring the schema up to date.

        Raises InputError for a URL or file that is no database, VersionError for a newer schema,
        StorageError where the disk or server refuses.
        """
        read = read_url(url)
        file = DatabaseFile(file_of(read))
        if not (create or file.exists()):
            raise DatabaseLostError(
                f"the database {shown(read)} is not there: put it back, or check the path"
            )
        database = cls(make_engine(read, file, patience_s, min(SLICE_S, patience_s)), file, patience_s)
        try:
            database._migrate()
        except DatabaseDamagedError as error:
            database.close()
            raise InputError(
                f"{database._name} is damaged or no database: put a sound copy in its place"
            ) from error
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Give the connections back."""
        try:
            self.engine.dispose()
        finally:
            self._turns.close()

    def stop_waiting(self) -> None:
        """From now on whoever would have to wait to write is refused at once. Safe in a signal's handler."""
        self.is_stopping = True

    def check(self) -> None:
        """Raise DatabaseLostError where the file was deleted or replaced, or has been found damaged."""
        self._file.check()
        if self._damage is not None:
            raise self._damage

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read transaction: one consistent view."""
        if self._together.session is not None:
            yield self._together.session
            return
        with self._translated(), Session(self._reading) as session:
            yield session

    @contextmanager
    def writing(self, *, dry_run: bool = False, patience_s: float | None = None) -> Iterator[Session]:
        """A write transaction: commits at the end, rolls back on any error, and in a `dry_run`.

        No other write transaction, of any process, runs beside it. Raises LockedError, before the block
        begins, where others do for longer than `patience_s` (None: the database's own patience).
        """
        if self._together.session is not None:
            with self._translated(), self._together.session.begin_nested() as part:
                yield self._together.session
                if dry_run:
                    part.rollback()
            return
        with (
            self._translated(),
            self._begun(self.patience_s if patience_s is None else patience_s) as session,
        ):
            yield session
            if dry_run:
                session.rollback()
            else:
                self._commit(session)

    @contextmanager
    def together(self, *, dry_run: bool = False) -> Iterator[None]:
        """All transactions that this thread begins in the block are parts of one: an error undoes them all.

        Nobody else can write for as long.
        """
        with self.writing(dry_run=dry_run) as session:
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
        with self._translated(), self._turn():
            pooled = self.engine.raw_connection()
            try:
                driver: Any = pooled.driver_connection
                if self.engine.dialect.name == "postgresql":
                    driver.autocommit = True
                yield driver
                self._file.check(pooled.info.get(FOUND))
            except Exception as error:
                if isinstance(error, self.engine.dialect.loaded_dbapi.Error):
                    raise StorageError(f"the database {self._name} refused: {error}") from error
                raise
            finally:
                pooled.invalidate()
                pooled.close()

    @contextmanager
    def _begun(self, patience_s: float) -> Iterator[Session]:
        """A session whose write transaction has begun."""
        with ExitStack() as stack:
            for is_last in self._slices(patience_s):
                try:
                    stack.enter_context(self._turns.take(self._slice_s))
                    session = stack.enter_context(Session(self._writing, expire_on_commit=False))
                    with self._translated():
                        session.connection()
                    break
                except (TimeoutError, LockedError) as error:
                    stack.close()
                    if is_last():
                        raise self._locked() from error
            yield session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with ExitStack() as stack:
            for is_last in self._slices(self.patience_s):
                try:
                    stack.enter_context(self._turns.take(self._slice_s))
                    break
                except TimeoutError as error:
                    if is_last():
                        raise self._locked() from error
            yield

    def _slices(self, patience_s: float) -> Iterator[Callable[[], bool]]:
        """Tries at a lock, each with what says whether it was the last: stopping ends a long wait."""
        deadline = time.monotonic() + patience_s
        while True:
            yield lambda: self.is_stopping or time.monotonic() >= deadline

    def _commit(self, session: Session) -> None:
        found = session.connection().info.get(FOUND)
        self._file.check(found)
        session.commit()
        self._file.check(found)  # it may have gone since: nobody may be told that this was saved

    def _locked(self) -> LockedError:
        why = "this program is stopping" if self.is_stopping else f"for {self.patience_s:g} s"
        return LockedError(
            f"the database {self._name} is locked: somebody else has been writing, {why}; nothing was lost"
        )

    def _migrate(self) -> None:
        with self._translated(), self.engine.connect() as connection:
            if _revision(connection) == HEAD_REVISION:
                return
        # Of several processes that start at once, the first migrates; the others find it done.
        with self.writing() as session:
            connection = session.connection()
            if inspect(connection).get_table_names():
                _upgrade(connection, self._name)
            else:
                _create(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated(self._name):
                yield
        except DatabaseDamagedError as error:
            self._damage = error
            raise


class Repository:
    """One kind of what a database holds, with the queries about it. Every method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database


class _Together(threading.local):
    """The thread's transaction of which others are parts; None: each is for itself."""

    session: Session | None = None


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _create(connection: Connection) -> None:
    """Make all tables of the newest schema: what the migrations would come to, in a tenth of the time."""
    from nami_bench.store import (  # noqa: F401
        account_tables,
        annotation_tables,
        crowd_tables,
        people_tables,
        submission_tables,
    )
    from nami_bench.store.tables import Base

    Base.metadata.create_all(connection, checkfirst=False)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD_REVISION})


def _upgrade(connection: Connection, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    scripts = Path(str(files("nami_bench.store"))) / "migrations"
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise VersionError(
            f"the database {name} has schema {revision}, which this NAMI-Bench does not know: "
            "it was made by a newer version; upgrade NAMI-Bench to open it"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

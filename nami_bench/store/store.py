"""The store's one class."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import text

from nami_bench.store.accounts import Accounts
from nami_bench.store.assignments import Assignments
from nami_bench.store.catalog import Catalog
from nami_bench.store.checked import CheckedAnswers
from nami_bench.store.comparisons import Comparisons
from nami_bench.store.database import PATIENCE_S, Database
from nami_bench.store.erasure import Erasures
from nami_bench.store.exclusions import Exclusions
from nami_bench.store.items import Items
from nami_bench.store.logins import Logins
from nami_bench.store.merging import Merging
from nami_bench.store.oversight import Oversight
from nami_bench.store.prompt_submissions import PromptSubmissions
from nami_bench.store.ratings import Ratings
from nami_bench.store.ratings_table import RatingsTable
from nami_bench.store.removals import Removals
from nami_bench.store.results import Results
from nami_bench.store.shown_images import ShownImages
from nami_bench.store.standing import Standing
from nami_bench.store.studies import Studies
from nami_bench.store.study_changes import StudyChanges
from nami_bench.store.study_work import StudyWorks
from nami_bench.store.writer import Writer


class Store(
    Catalog,
    Results,
    Accounts,
    Logins,
    Studies,
    StudyChanges,
    Items,
    ShownImages,
    Assignments,
    Ratings,
    RatingsTable,
    Standing,
    Comparisons,
    StudyWorks,
    Merging,
    Oversight,
    Exclusions,
    Removals,
    Erasures,
    CheckedAnswers,
    PromptSubmissions,
):
    """Everything a workspace remembers; safe to share between threads.

    Every method is one short transaction, but in a block of `together`. A refused write (full or read-only
    disk, lost server, locked, deleted or replaced database) raises StorageError and changes nothing. `clock`
    is the time that annotation work goes by.
    """

    url: str
    """Where the database is, as `open` took it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._writer = Writer(database, lambda: self.clock())

    @classmethod
    def open(cls, url: str, *, patience_s: float = PATIENCE_S, create: bool = True) -> "Store":
        """Open the database at an SQLAlchemy URL, creating or migrating its schema as needed.

        `create`: a file that is not there is made; else StorageError.
        `patience_s`: so long a write, and a job of annotation work, waits while somebody else writes.
        """
        store = cls(Database.open(url, patience_s=patience_s, create=create))
        store.url = url
        return store

    def together(self, *, dry_run: bool = False) -> AbstractContextManager[None]:
        """A block in which this thread's calls are all done, or none of them; keep it short.

        In a `dry_run` they are done, seen in the block, and undone at its end.
        """
        return self._database.together(dry_run=dry_run)

    def check(self) -> None:
        """Raise DatabaseLostError where the database is not where it was opened, or was found damaged."""
        self._database.check()

    def stop_waiting(self) -> None:
        """From now on nothing waits for a locked database: it is refused. Safe in a signal's handler."""
        self._database.stop_waiting()

    def check_reachable(self) -> None:
        """Read something from the database; raises StorageError where it does not answer or is another."""
        self.check()
        with self._database.reading() as session:
            session.execute(text("SELECT version_num FROM alembic_version")).one()

    def close(self) -> None:
        """Finish what is being written, refuse what would have to wait, and close all connections."""
        self._database.stop_waiting()
        self._writer.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

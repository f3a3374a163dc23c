"""The store's one class."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import text

from nami_bench.store.accounts import Accounts
from nami_bench.store.adjudications import Adjudications
from nami_bench.store.annotation import Annotation
from nami_bench.store.announcements import Announcements
from nami_bench.store.catalog import Catalog
from nami_bench.store.chores import Chores
from nami_bench.store.comparisons import Comparisons
from nami_bench.store.crowd import Crowd
from nami_bench.store.crowd_reports import CrowdReports
from nami_bench.store.database import PATIENCE_S, Database
from nami_bench.store.enrolments import Enrolments
from nami_bench.store.erasure import Erasures
from nami_bench.store.exclusions import Exclusions
from nami_bench.store.images import Images
from nami_bench.store.item_answers import ItemAnswers
from nami_bench.store.items import Items
from nami_bench.store.links import Links
from nami_bench.store.logins import Logins
from nami_bench.store.markings import Markings
from nami_bench.store.merging import Work
from nami_bench.store.messages import Messages
from nami_bench.store.oversight import Oversight
from nami_bench.store.personal import Personal
from nami_bench.store.pool import Pool
from nami_bench.store.proposals import Proposals
from nami_bench.store.rankings import Rankings
from nami_bench.store.ratings import Ratings
from nami_bench.store.removals import Removals
from nami_bench.store.scores import Scores
from nami_bench.store.standing import Standing
from nami_bench.store.studies import Studies
from nami_bench.store.withdrawals import Withdrawals
from nami_bench.store.writer import Writer


class Store:
    """Everything a workspace remembers; safe to share between threads.

    Every method of its parts is one short transaction, but in a block of `together`. A refused write (full or
    read-only disk, lost server, locked, deleted or replaced database) raises StorageError, nothing changes.
    `clock` is the time that annotation work goes by.
    """

    url: str
    """Where the database is, as `open` took it."""

    def __init__(self, database: Database) -> None:
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._database = database
        self._writer = Writer(database, lambda: self.clock())
        # What is judged, and what judged it by itself.
        self.catalog = Catalog(database)
        self.images = Images(database)
        self.scores = Scores(database)
        self.removals = Removals(database)
        self.chores = Chores(database)
        # Who judges.
        self.accounts = Accounts(database)
        self.logins = Logins(database)
        self.enrolments = Enrolments(database)
        self.exclusions = Exclusions(database)
        self.erasures = Erasures(database)
        self.crowd = Crowd(database, lambda: self.clock())
        self.crowd_reports = CrowdReports(database, lambda: self.clock())
        self.withdrawals = Withdrawals(database)
        self.links = Links(database)
        # What is asked, and what was said.
        self.studies = Studies(database)
        self.items = Items(database)
        self.annotation = Annotation(database, self._writer, lambda: self.clock())
        self.ratings = Ratings(database)
        self.comparisons = Comparisons(database)
        self.rankings = Rankings(database)
        self.markings = Markings(database)
        self.standing = Standing(database)
        self.work = Work(database)
        self.oversight = Oversight(database, self._writer)
        self.pool = Pool(database)
        self.answers = ItemAnswers(database)
        self.adjudications = Adjudications(database)
        self.personal = Personal(database)
        # What is said about it.
        self.announcements = Announcements(database, lambda: self.clock())
        self.messages = Messages(database, lambda: self.clock())
        self.proposals = Proposals(database, lambda: self.clock(), self.annotation.secret)

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
        try:
            self._writer.close()
        finally:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

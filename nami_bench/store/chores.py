"""What a committed change still owes where no transaction reaches: files to delete, traces to wipe.

It is noted in the very transaction that makes it due, and struck off when it is done. Whoever is killed in
between leaves nothing half done that looks done: the next one finds the note.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nami_bench.store.database import Repository
from nami_bench.store.tables import ChoreRow

FILE, FOLDER, TRACES = "file", "folder", "traces"
"""A file, or a model's folder, below the image folder; what erased rows leave in the database's file."""


class Chores(Repository):
    """What is still to be done."""

    def due(self, kind: str, below: str = "") -> list[str]:
        """The paths of a kind that begin with `below`."""
        with self._database.reading() as session:
            query = select(ChoreRow.path).where(ChoreRow.kind == kind).order_by(ChoreRow.path)
            return [path for path in session.scalars(query) if path.startswith(below)]

    def strike_off(self, kind: str, paths: Collection[str]) -> None:
        """Forget chores that are done."""
        with self._database.writing() as session:
            _strike_off(session, kind, paths)


def note_chores(session: Session, kind: str, paths: Iterable[str]) -> None:
    """Note what is to be done; what is noted already stays noted once."""
    known = set(session.scalars(select(ChoreRow.path).where(ChoreRow.kind == kind)))
    session.add_all(ChoreRow(kind=kind, path=path) for path in dict.fromkeys(paths) if path not in known)
    session.flush()


def _strike_off(session: Session, kind: str, paths: Collection[str]) -> None:
    some = list(paths)
    for start in range(0, len(some), 10_000):
        part = ChoreRow.path.in_(some[start : start + 10_000])
        session.execute(delete(ChoreRow).where(ChoreRow.kind == kind, part))

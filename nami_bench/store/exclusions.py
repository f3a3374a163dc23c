"""Annotators whose judgements do not count: nothing is deleted, and it can be undone at any time."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from nami_bench.errors import InputError
from nami_bench.store.annotation_tables import (
    COMPLETED,
    EXPIRED,
    OPEN,
    STUDY_KIND,
    AssignmentRow,
    EventRow,
    ItemRow,
    MemberRow,
)
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.in_force import count_in_force
from nami_bench.store.kinds import KINDS
from nami_bench.store.tables import AnnotatorRow, StudyRow

_EXCLUDED = select(AnnotatorRow.id).where(AnnotatorRow.excluded_at.is_not(None))


def is_counted(annotator_id: Any) -> ColumnElement[bool]:
    """Condition on a column of annotators' numbers: the annotator is not excluded."""
    condition: ColumnElement[bool] = annotator_id.not_in(_EXCLUDED)
    return condition


class Exclusions(Repository):
    """Annotators whose judgements do not count."""

    def exclude(self, name: str, *, dry_run: bool = False, by: str | None = None) -> dict[str, int]:
        """Let nothing that an annotator judged count, and give them nothing more.

        The items go back to the pool for others. `by`: who did it, for the log. Returns how many values in
        force it is about, by study.
        Raises InputError where it is so already.
        """
        return self._set_excluded(name, datetime.now(UTC), dry_run, by)

    def include(self, name: str, *, dry_run: bool = False, by: str | None = None) -> dict[str, int]:
        """Undo `exclude`; raises InputError where there is nothing to undo."""
        return self._set_excluded(name, None, dry_run, by)

    def values(self, study: str) -> dict[str, int]:
        """By excluded annotator, how many judgements of theirs in force a study does not count."""
        with self._database.reading() as session:
            criteria = [criterion.id for criterion in find_study(session, study).criteria]
            excluded = session.scalars(_EXCLUDED).all()
            found: dict[str, int] = {}
            for table in (kind.table for kind in KINDS):
                query = (
                    select(AnnotatorRow.name, func.count())
                    .join(table, table.annotator_id == AnnotatorRow.id)
                    .where(table.criterion_id.in_(criteria), table.annotator_id.in_(excluded), table.current)
                    .group_by(AnnotatorRow.id, AnnotatorRow.name)
                    .order_by(AnnotatorRow.id)
                )
                for name, count in session.execute(query):
                    found[name] = found.get(name, 0) + count
            return found

    def _set_excluded(self, name: str, at: datetime | None, dry_run: bool, by: str | None) -> dict[str, int]:
        with self._database.writing(dry_run=dry_run) as session:
            row = find_annotator(session, name)
            if (row.excluded_at is None) == (at is None):
                raise InputError(f"annotator {row.name!r} is {'excluded already' if at else 'not excluded'}")
            row.excluded_at = at
            members = session.scalars(select(MemberRow).where(MemberRow.annotator_id == row.id)).all()
            release(session, [member.id for member in members])
            kind, word = ("excluded", "excluded from the counts") if at else ("included", "counted again")
            words = f"{row.name} is {word}"
            session.add_all(
                EventRow(study_id=m.study_id, annotator_id=row.id, kind=kind, text=words, done_by=by)
                for m in members
            )
            session.flush()
            recount_items(session, [member.study_id for member in members])
            forget(session)
            return values_in_force(session, row.id)


def values_in_force(session: Session, annotator_id: int) -> dict[str, int]:
    """By study, how many ratings and verdicts of an annotator are in force, whether they count or not."""
    found: Counter[str] = Counter()
    for table in (kind.table for kind in KINDS):
        found.update(count_in_force(session, table, table.annotator_id == annotator_id))
    return dict(sorted(found.items()))


def recount_items(session: Session, studies: Iterable[int]) -> None:
    """Set how often each item of the studies is taken and completed, from the assignments that count.

    An item that ended early is asked about again where judgements are gone that its end rested on.
    """
    counted = (
        select(func.count())
        .select_from(AssignmentRow)
        .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
        .where(
            AssignmentRow.item_id == ItemRow.id,
            AssignmentRow.occasion == 0,
            is_counted(MemberRow.annotator_id),
        )
    )
    taken = counted.where(AssignmentRow.state.in_((OPEN, COMPLETED))).correlate(ItemRow)
    completed = counted.where(AssignmentRow.state == COMPLETED).correlate(ItemRow)
    ours = ItemRow.study_id.in_(set(studies))
    session.execute(
        update(ItemRow)
        .where(ours, ItemRow.kind == STUDY_KIND)
        .values(taken=taken.scalar_subquery(), completed=completed.scalar_subquery())
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(ItemRow)
        .where(ours, ItemRow.completed < ItemRow.stopped_after)
        .values(stopped_at=None, stopped_why=None, stopped_after=None)
        .execution_options(synchronize_session=False)
    )


def forget(session: Session) -> None:
    """Let every process that serves a study read it anew: what it remembers may be gone."""
    session.execute(
        update(StudyRow).values(version=StudyRow.version + 1).execution_options(synchronize_session=False)
    )


def release(session: Session, members: list[int]) -> None:
    """Take what the members hold out of their hands."""
    session.execute(
        update(AssignmentRow)
        .where(AssignmentRow.member_id.in_(members), AssignmentRow.state == OPEN)
        .values(state=EXPIRED)
        .execution_options(synchronize_session=False)
    )

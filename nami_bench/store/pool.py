"""Items returned to the pool: asked of one more annotator, or in the place of an answer that is set aside.

Nothing is deleted. An answer that is set aside is kept as it was sent, with who set it aside and why; none of
its values is in force, so nothing counts it, and whoever gave it is not asked about the item again.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    COMPLETED,
    SET_ASIDE,
    AssignmentRow,
    EventRow,
    ItemRow,
    MarkingRow,
    MemberRow,
)
from nami_bench.store.database import Repository
from nami_bench.store.exclusions import is_counted, recount_items
from nami_bench.store.finding import find_annotator, find_item, find_study
from nami_bench.store.in_force import put_in_force, take_out_of_force
from nami_bench.store.kinds import RATINGS, kind_of
from nami_bench.store.tables import AnnotatorRow, CriterionRow, StudyRow

MAX_REASON = 500
"""Characters."""


class Pool(Repository):
    """What goes back to be asked about again."""

    def ask_again(self, study: str, item: int, *, by: str) -> int:
        """Ask one more annotator about an item, beyond the overlap; how many of the study can still be asked.

        An item that ended early goes on, and may end again after the next answer. Raises InputError for an
        item that the study does not ask about, that is waiting already or asked of everybody, and in adaptive
        studies, which choose by themselves what is asked about.
        """
        with self._database.writing() as session:
            row = find_study(session, study)
            found = find_item(session, row, item)
            if convert.study(row).is_adaptive:
                raise InputError(
                    f"study {study!r} is adaptive: it chooses by itself which pairs are asked about again"
                )
            if found.withdrawn_at is not None:
                raise InputError(f"item {item} was withdrawn: its image cannot be shown")
            if found.calibration:
                raise InputError(f"item {item} is of the calibration block: everybody is asked about it")
            if found.stopped_at is None and found.taken < row.overlap + found.extra:
                raise InputError(f"item {item} is in the pool already: it waits for an annotator")
            _reopen(found)
            found.extra = max(found.extra, found.taken - row.overlap + 1)
            _changed(session, row, "asked-again", f"item {item} is asked of one more annotator", by)
            return _who_can(session, row, item)

    def set_aside(self, study: str, item: int, annotator: str, reason: str, *, by: str) -> None:
        """Let somebody's answer to an item not count, so that somebody else is asked in their place.

        Raises UnknownNameError, and InputError without a reason, where the annotator has not answered the
        item, and where the answer does not count anyway.
        """
        why = _checked_reason(reason)
        with self._database.writing() as session:
            row, person = find_study(session, study), find_annotator(session, annotator)
            find_item(session, row, item)
            given = _answer_of(session, row, item, person)
            if given is None or given.state not in (COMPLETED, SET_ASIDE):
                raise InputError(f"{person.name!r} has not answered item {item}")
            if given.state == SET_ASIDE:
                raise InputError(f"{person.name!r}'s answer to item {item} is set aside already")
            if person.excluded_at is not None:
                raise InputError(f"{person.name!r} is excluded: no answer of theirs counts")
            put_aside(session, row, [given.id])
            given.aside_at, given.aside_by, given.aside_reason = datetime.now(UTC), by, why
            _count(session, item, -1)
            words = f"{person.name}'s answer to item {item} was set aside: {why}"
            _changed(session, row, "set-aside", words, by, person.id)

    def count_set_aside(self, study: str) -> int:
        """How many answers of a study are set aside, beside those of excluded annotators."""
        with self._database.reading() as session:
            query = (
                select(func.count())
                .select_from(AssignmentRow)
                .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
                .where(
                    AssignmentRow.study_id == find_study(session, study).id,
                    AssignmentRow.state == SET_ASIDE,
                    is_counted(MemberRow.annotator_id),
                )
            )
            return session.scalar(query) or 0

    def count_again(self, study: str, item: int, annotator: str, *, by: str) -> None:
        """Undo `set_aside`; raises UnknownNameError, and InputError where there is nothing to undo."""
        with self._database.writing() as session:
            row, person = find_study(session, study), find_annotator(session, annotator)
            find_item(session, row, item)
            given = _answer_of(session, row, item, person)
            if given is None or given.state != SET_ASIDE:
                raise InputError(f"no answer of {person.name!r} to item {item} is set aside")
            take_back(session, row, [given.id])
            given.aside_at = given.aside_by = given.aside_reason = None
            if person.excluded_at is None:
                _count(session, item, 1)
            words = f"{person.name}'s answer to item {item} counts again"
            _changed(session, row, "counted-again", words, by, person.id)


def all_set_aside(session: Session, study: StudyRow) -> list[int]:
    """The assignments of a study whose answers are set aside."""
    query = select(AssignmentRow.id).where(
        AssignmentRow.study_id == study.id, AssignmentRow.state == SET_ASIDE
    )
    return list(session.scalars(query))


@contextmanager
def all_counted(session: Session, study: StudyRow) -> Iterator[list[int]]:
    """For what comes from elsewhere, which knows judgements in force alone: in the block everything counts
    that was set aside, and at its end it is set aside again, with the assignments that the block adds to the
    list.

    How often items are taken is counted anew where there were any.
    """
    aside = all_set_aside(session, study)
    take_back(session, study, aside)
    yield aside
    if aside:
        put_aside(session, study, aside)
        recount_items(session, [study.id])
        study.version += 1
        session.flush()


def put_aside(session: Session, study: StudyRow, assignments: Iterable[int]) -> None:
    """Let the answers of these assignments not be in force; how often items are taken is not counted here."""
    _mark(session, study, assignments, SET_ASIDE)


def take_back(session: Session, study: StudyRow, assignments: Iterable[int]) -> None:
    """Let them be in force again."""
    _mark(session, study, assignments, COMPLETED)


def _mark(session: Session, study: StudyRow, assignments: Iterable[int], state: str) -> None:
    session.flush()
    of_study = select(CriterionRow.id).where(CriterionRow.study_id == study.id)
    kind = kind_of(study.mode)
    columns: Any = kind.table.__table__.c
    mark = take_out_of_force if state == SET_ASIDE else put_in_force
    for number in assignments:
        given = session.get_one(AssignmentRow, number)
        member, item = session.get_one(MemberRow, given.member_id), session.get_one(ItemRow, given.item_id)
        mark(
            session.connection(),
            kind.table,
            (columns.annotator_id == member.annotator_id)
            & columns.criterion_id.in_(of_study)
            & (columns[kind.thing] == (item.image_id if kind is RATINGS else item.id)),
        )
        of_marks = (MarkingRow.annotator_id == member.annotator_id) & (MarkingRow.item_id == item.id)
        mark(session.connection(), MarkingRow, of_marks)
        given.state = state
    session.flush()


def _answer_of(session: Session, study: StudyRow, item: int, person: AnnotatorRow) -> AssignmentRow | None:
    query = (
        select(AssignmentRow)
        .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
        .where(
            MemberRow.study_id == study.id,
            MemberRow.annotator_id == person.id,
            AssignmentRow.item_id == item,
            AssignmentRow.occasion == 0,
        )
    )
    return session.scalar(query)


def _count(session: Session, item: int, more: int) -> None:
    row = session.get_one(ItemRow, item)
    row.taken, row.completed = row.taken + more, row.completed + more
    if row.stopped_after is not None and row.completed < row.stopped_after:
        _reopen(row)  # its end rested on what is gone


def _reopen(item: ItemRow) -> None:
    """Let an item that ended early go on."""
    item.stopped_at = item.stopped_why = item.stopped_after = None


def _who_can(session: Session, study: StudyRow, item: int) -> int:
    """How many members of a study are at work and were never given the item."""
    was_given = select(AssignmentRow.member_id).where(
        AssignmentRow.item_id == item, AssignmentRow.occasion == 0
    )
    query = (
        select(func.count())
        .select_from(MemberRow)
        .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
        .where(
            MemberRow.study_id == study.id,
            MemberRow.pause_reason.is_(None),
            MemberRow.id.not_in(was_given),
            AnnotatorRow.active,
            is_counted(AnnotatorRow.id),
        )
    )
    return session.scalar(query) or 0


def _changed(
    session: Session, study: StudyRow, kind: str, words: str, by: str, about: int | None = None
) -> None:
    """Leave an event, and let every process that serves the study read it anew."""
    session.add(EventRow(study_id=study.id, annotator_id=about, kind=kind, text=words, done_by=by))
    study.version += 1


def _checked_reason(reason: str) -> str:
    why = " ".join(reason.split())
    if not why or len(why) > MAX_REASON:
        raise InputError(f"say why, in up to {MAX_REASON} characters: whoever looks later must understand it")
    return why

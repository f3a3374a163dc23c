"""Who is assigned to which study, before they ever come and after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import Admission
from nami_bench.store.annotation_tables import EventRow, MemberRow
from nami_bench.store.database import Repository
from nami_bench.store.deleting import delete_rows
from nami_bench.store.exclusions import forget, recount_items, release
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.people_tables import EnrolmentRow
from nami_bench.store.tables import AnnotatorRow, StudyRow

NOT_ASSIGNED = "this study is for those who are assigned to it: ask its organizer"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An annotator's assignment to a study: since when, and by whom."""

    annotator: str
    at: datetime
    by: str


class Enrolments(Repository):
    """People assigned to studies."""

    def of(self, study: str) -> list[Enrolment]:
        """Everybody who is assigned to a study, in the order of their accounts; raises UnknownNameError."""
        query = (
            select(AnnotatorRow.name, EnrolmentRow.created_at, EnrolmentRow.enrolled_by)
            .join(AnnotatorRow, AnnotatorRow.id == EnrolmentRow.annotator_id)
            .order_by(AnnotatorRow.id)
        )
        with self._database.reading() as session:
            rows = session.execute(query.where(EnrolmentRow.study_id == find_study(session, study).id))
            return [Enrolment(name, at, by) for name, at, by in rows]

    def assign(self, study: str, annotators: Iterable[str], by: str) -> list[str]:
        """Assign people to a study, all or none; the names of those who were not assigned before.

        They are seen among its people at once. Raises UnknownNameError.
        """
        with self._database.writing() as session:
            row = find_study(session, study)
            new = [one for one in _people(session, annotators) if not _is_enrolled(session, row, one)]
            for one in new:
                session.add(EnrolmentRow(study_id=row.id, annotator_id=one.id, enrolled_by=by))
                _tell(session, row, one, "assigned", f"{one.name} was assigned", by)
            session.flush()
            return [one.name for one in new]

    def unassign(self, study: str, annotators: Iterable[str], by: str) -> list[str]:
        """Take people's assignments back, of all or none; the names of those who had one.

        What they gave stays and counts. Where the study is for those who are assigned, what they hold goes
        back to the pool and they get no more. Raises UnknownNameError.
        """
        with self._database.writing() as session:
            row = find_study(session, study)
            gone = [one for one in _people(session, annotators) if _is_enrolled(session, row, one)]
            ids = [one.id for one in gone]
            of_these = (EnrolmentRow.study_id == row.id) & EnrolmentRow.annotator_id.in_(ids)
            delete_rows(session, EnrolmentRow, of_these)
            for one in gone:
                _tell(session, row, one, "unassigned", f"{one.name} was taken off", by)
            if row.protocol.get("admission") == Admission.ASSIGNED:
                _release(session, row, ids)
            session.flush()
            return [one.name for one in gone]

    def admits(self, study: str, annotator: str) -> bool:
        """Whether somebody may work on a study; nobody unknown may. Raises UnknownNameError for the study."""
        with self._database.reading() as session:
            row = find_study(session, study)
            if row.protocol.get("admission", Admission.EVERYBODY) == Admission.EVERYBODY:
                return True
            query = (
                select(EnrolmentRow.annotator_id)
                .join(AnnotatorRow, AnnotatorRow.id == EnrolmentRow.annotator_id)
                .where(EnrolmentRow.study_id == row.id, AnnotatorRow.name == annotator)
            )
            return session.scalar(query) is not None


def _people(session: Session, names: Iterable[str]) -> Sequence[AnnotatorRow]:
    """Their rows, each once."""
    return list({row.id: row for row in (find_annotator(session, name) for name in names)}.values())


def _is_enrolled(session: Session, study: StudyRow, annotator: AnnotatorRow) -> bool:
    return session.get(EnrolmentRow, (study.id, annotator.id)) is not None


def _tell(session: Session, study: StudyRow, annotator: AnnotatorRow, kind: str, words: str, by: str) -> None:
    event = EventRow(study_id=study.id, annotator_id=annotator.id, kind=kind, text=words, done_by=by)
    session.add(event)


def _release(session: Session, study: StudyRow, annotators: Sequence[int]) -> None:
    """Let what people hold of a study go back to the pool."""
    members = select(MemberRow.id).where(
        MemberRow.study_id == study.id, MemberRow.annotator_id.in_(annotators)
    )
    release(session, list(session.scalars(members)))
    recount_items(session, [study.id])
    forget(session)

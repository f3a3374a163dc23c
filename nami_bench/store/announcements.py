"""Announcements: what everybody on a study is told, until each has read it."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from nami_bench.domain import Announcement, message_text
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store.annotation_tables import EventRow
from nami_bench.store.database import Database, Repository
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.people_tables import AnnouncementRow, DismissalRow
from nami_bench.store.tables import StudyRow


class Announcements(Repository):
    """Announcements of studies."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._clock = clock

    def add(
        self,
        study: str,
        text: str,
        by: str,
        *,
        shown_from: datetime | None = None,
        shown_until: datetime | None = None,
    ) -> int:
        """Tell everybody on a study something; its number.

        Raises InputError for an unusable text, times without a zone, and an end that is not to come.
        """
        text = message_text(text)
        for moment in (shown_from, shown_until):
            if moment is not None and moment.tzinfo is None:
                raise InputError("the times need a time zone, as 2026-01-31T18:00:00Z")
        now = self._clock()
        if shown_until is not None and shown_until <= max(now, shown_from or now):
            raise InputError("nobody would see it: it ends before it begins, or in the past")
        with self._database.writing() as session:
            row = AnnouncementRow(
                study_id=find_study(session, study).id,
                text=text,
                shown_from=shown_from,
                shown_until=shown_until,
                author=by,
                created_at=now,
            )
            session.add(row)
            session.add(_event(row, f"announced: {text}", by))
            session.flush()
            return row.id

    def all(self, study: str) -> list[Announcement]:
        """All of a study, also those to come and those that ended, the latest first."""
        with self._database.reading() as session:
            of_study = AnnouncementRow.study_id == find_study(session, study).id
            rows = session.scalars(
                select(AnnouncementRow).where(of_study).order_by(AnnouncementRow.id.desc())
            )
            return [_announcement(row) for row in rows]

    def take_back(self, study: str, number: int, by: str) -> None:
        """Tell nobody any more. Raises UnknownNameError."""
        with self._database.writing() as session:
            row = _find(session, find_study(session, study), number)
            session.execute(delete(DismissalRow).where(DismissalRow.announcement_id == row.id))
            session.delete(row)
            session.add(_event(row, f"took back: {row.text}", by))

    def shown_to(self, study: str, annotator: str) -> list[Announcement]:
        """Those in force that an annotator has not dismissed, oldest first."""
        now = self._clock()
        with self._database.reading() as session:
            person = find_annotator(session, annotator)
            dismissed = select(DismissalRow.announcement_id).where(DismissalRow.annotator_id == person.id)
            query = select(AnnouncementRow).where(
                AnnouncementRow.study_id == find_study(session, study).id,
                or_(AnnouncementRow.shown_from.is_(None), AnnouncementRow.shown_from <= now),
                or_(AnnouncementRow.shown_until.is_(None), AnnouncementRow.shown_until > now),
                AnnouncementRow.id.not_in(dismissed),
            )
            return [_announcement(row) for row in session.scalars(query.order_by(AnnouncementRow.id))]

    def dismiss(self, study: str, annotator: str, number: int) -> None:
        """Show one to an annotator no more; a second time, or of one that is gone, it changes nothing."""
        with self._database.writing() as session:
            person, row = find_annotator(session, annotator), session.get(AnnouncementRow, number)
            if row is None or row.study_id != find_study(session, study).id:
                return
            if session.get(DismissalRow, (number, person.id)) is None:
                session.add(DismissalRow(announcement_id=number, annotator_id=person.id))


def _find(session: Session, study: StudyRow, number: int) -> AnnouncementRow:
    row = session.get(AnnouncementRow, number)
    if row is None or row.study_id != study.id:
        ids = select(AnnouncementRow.id).where(AnnouncementRow.study_id == study.id)
        raise UnknownNameError("announcement", str(number), map(str, session.scalars(ids)))
    return row


def _announcement(row: AnnouncementRow) -> Announcement:
    return Announcement(row.id, row.text, row.shown_from, row.shown_until, row.author, row.created_at)


def _event(row: AnnouncementRow, words: str, by: str) -> EventRow:
    return EventRow(study_id=row.study_id, kind="announced", text=words, done_by=by)

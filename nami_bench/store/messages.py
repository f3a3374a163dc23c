"""Messages between a study's organizers and each of its annotators, which no export holds."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from nami_bench.domain import Message, Subject, Thread, message_text
from nami_bench.errors import RefusedError, UnknownNameError
from nami_bench.store.annotation_tables import AssignmentRow, EventRow, ItemRow, MemberRow, SubmissionRow
from nami_bench.store.database import Database, Repository
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.item_images import listed_item
from nami_bench.store.people_tables import MessageRow
from nami_bench.store.tables import AnnotatorRow, ImageRow, PromptRow, StudyRow

PER_HOUR = 30
"""So many messages an annotator may send in a study within an hour."""


class Messages(Repository):
    """Messages; an annotator sees their own alone."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._clock = clock

    def write(self, study: str, annotator: str, text: str, by: str, about: int | None = None) -> None:
        """Let an organizer write to an annotator; `about`: the number of an item that they commented on.

        Raises InputError for an unusable text, UnknownNameError for a study, annotator or item.
        """
        with self._database.writing() as session:
            row, person = find_study(session, study), find_annotator(session, annotator)
            if about is not None:
                _find_item(session, row, person, about)
            self._add(session, row, person, message_text(text), author=by, about_id=about)
            session.add(_event(row, person, f"{person.name} was written to", by))

    def answer(self, study: str, annotator: str, text: str, client_token: str) -> None:
        """Let an annotator write to the organizers; the same `client_token` again is the same message.

        Raises InputError for an unusable text, RefusedError where it is one too many or the token another
        message's.
        """
        text = message_text(text)
        with self._database.writing() as session:
            row, person = find_study(session, study), find_annotator(session, annotator)
            sent = session.scalar(select(MessageRow).where(MessageRow.client_token == client_token))
            if sent is not None:
                if (sent.study_id, sent.annotator_id, sent.text) != (row.id, person.id, text):
                    raise RefusedError(
                        "reused_client_token", "this client_token was used for another message"
                    )
                return
            self._check_rate(session, row, person)
            self._add(session, row, person, text, client_token=client_token)
            session.add(_event(row, person, f"{person.name} wrote to the organizers", person.name))

    def thread(self, study: str, annotator: str, limit: int = 200) -> list[Message]:
        """The latest messages from and to an annotator, oldest first."""
        with self._database.reading() as session:
            row, person = find_study(session, study), find_annotator(session, annotator)
            of_these = (MessageRow.study_id == row.id, MessageRow.annotator_id == person.id)
            latest = select(MessageRow).where(*of_these).order_by(MessageRow.id.desc()).limit(limit)
            found = session.scalars(latest).all()[::-1]
            subjects = _subjects(session, found)
            return [_message(one, person.name, subjects) for one in found]

    def threads(self, study: str) -> list[Thread]:
        """Everybody with whom messages were exchanged, the latest first."""
        unread = func.count().filter(MessageRow.by_annotator, MessageRow.read_at.is_(None))
        with self._database.reading() as session:
            query = (
                select(AnnotatorRow.name, func.count(), unread, func.max(MessageRow.created_at))
                .join(AnnotatorRow, AnnotatorRow.id == MessageRow.annotator_id)
                .where(MessageRow.study_id == find_study(session, study).id)
                .group_by(AnnotatorRow.id, AnnotatorRow.name)
                .order_by(func.max(MessageRow.id).desc())
            )
            return [Thread(*row) for row in session.execute(query)]

    def mark_read(self, study: str, annotator: str, until: int, *, by_annotator: bool) -> None:
        """Note that one side has seen what the other wrote, up to message number `until`."""
        with self._database.writing() as session:
            row, person = find_study(session, study), find_annotator(session, annotator)
            session.execute(
                update(MessageRow)
                .where(
                    MessageRow.study_id == row.id,
                    MessageRow.annotator_id == person.id,
                    MessageRow.id <= until,
                    MessageRow.by_annotator != by_annotator,
                    MessageRow.read_at.is_(None),
                )
                .values(read_at=self._clock())
            )

    def _add(self, session: Session, study: StudyRow, person: AnnotatorRow, text: str, **more: Any) -> None:
        by_annotator = "author" not in more
        values = {"client_token": secrets.token_urlsafe(16), **more, "by_annotator": by_annotator}
        session.add(
            MessageRow(
                study_id=study.id, annotator_id=person.id, text=text, created_at=self._clock(), **values
            )
        )

    def _check_rate(self, session: Session, study: StudyRow, person: AnnotatorRow) -> None:
        recent = select(func.count()).where(
            MessageRow.study_id == study.id,
            MessageRow.annotator_id == person.id,
            MessageRow.by_annotator,
            MessageRow.created_at > self._clock() - timedelta(hours=1),
        )
        if (session.scalar(recent) or 0) >= PER_HOUR:
            raise RefusedError("too_many", "that is a lot of messages at once: go on in an hour")


def _event(study: StudyRow, person: AnnotatorRow, words: str, by: str) -> EventRow:
    """That something was written, and not what."""
    return EventRow(study_id=study.id, annotator_id=person.id, kind="message", text=words, done_by=by)


def _items(assignments: Sequence[int]) -> "Select[*tuple[Any, ...]]":
    """(number, prompt's id, prompt, comment, item) of items that were answered."""
    return (
        select(AssignmentRow.id, PromptRow.prompt_id, PromptRow.text, SubmissionRow.comment, listed_item)
        .join(SubmissionRow, (SubmissionRow.assignment_id == AssignmentRow.id) & SubmissionRow.current)
        .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
        .join(ImageRow, ImageRow.id == ItemRow.image_id)
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .where(AssignmentRow.id.in_(assignments))
    )


def _find_item(session: Session, study: StudyRow, person: AnnotatorRow, number: int) -> None:
    own = _items([number]).join(MemberRow, MemberRow.id == AssignmentRow.member_id)
    found = own.where(MemberRow.study_id == study.id, MemberRow.annotator_id == person.id)
    if session.execute(found).first() is None:
        raise UnknownNameError(
            "item", str(number), hint=f"the numbers are those of `study comments {study.name}`"
        )


def _subjects(session: Session, messages: Sequence[MessageRow]) -> dict[int, Subject]:
    about = [one.about_id for one in messages if one.about_id is not None]
    return {row[0]: Subject(*row) for row in session.execute(_items(about))} if about else {}


def _message(row: MessageRow, annotator: str, subjects: dict[int, Subject]) -> Message:
    about = None if row.about_id is None else subjects.get(row.about_id)
    author = None if row.by_annotator else row.author
    return Message(row.id, annotator, author, row.text, row.created_at, row.read_at is not None, about)

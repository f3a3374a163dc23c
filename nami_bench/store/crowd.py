"""Those who come into a study by themselves: let in, asked, led out."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import FINISHED, Agreement, Identity, Participant, WayOut
from nami_bench.errors import RefusedError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import EventRow
from nami_bench.store.crowd_admission import (
    Coming,
    admits,
    agree,
    entry_of,
    known_participant,
    new_participant,
    took_part,
    use_link,
)
from nami_bench.store.crowd_tables import (
    AnswerRow,
    IdentityRow,
    ParticipantRow,
    TurnedAwayRow,
)
from nami_bench.store.database import Database, Repository
from nami_bench.store.finding import find_study
from nami_bench.store.links import find_invitation
from nami_bench.store.places import place_until
from nami_bench.store.tables import AnnotatorRow, StudyRow
from nami_bench.store.withdrawals import Withdrawal, withdraw


class Crowd(Repository):
    """Participants. Every method is one transaction, in which places are counted."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._clock = clock

    def find(self, study: str, coming: Coming) -> Participant | None:
        """Who came to a study before by the same id, or by a link of their own; None: nobody did."""
        with self._database.reading() as session:
            row = known_participant(session, find_study(session, study), coming)
            return None if row is None else _participant(session, row)

    def of_account(self, name: str) -> Participant | None:
        """The participant whose account this is; None: it is somebody else's."""
        with self._database.reading() as session:
            row = _of_account(session, name)
            return None if row is None else _participant(session, row)

    def came_by(self, name: str, coming: Coming) -> bool:
        """Whether a participant came by this id or link."""
        with self._database.reading() as session:
            row = _of_account(session, name)
            if row is None:
                return False
            if coming.identity is None:
                invitation = find_invitation(session, coming.link)
                return invitation is not None and invitation.id == row.invitation_id
            one = session.get(IdentityRow, row.id)
            known = None if one is None else (one.provider, one.participant)
            return known == (coming.identity.provider, coming.identity.participant)

    def identity(self, name: str) -> Identity | None:
        """What a platform calls a participant; None: they came by a link, or it is forgotten."""
        with self._database.reading() as session:
            row = _of_account(session, name)
            one = None if row is None else session.get(IdentityRow, row.id)
            return None if one is None else convert_identity(one)

    def credit(self, name: str) -> str:
        """How a participant's credit with the platform stands; see `note_credit`."""
        with self._database.reading() as session:
            row = _of_account(session, name)
            return "" if row is None else row.credit

    def may_begin(self, study: str) -> bool:
        """Whether one more may begin now; whoever asks has no place by it."""
        with self._database.reading() as session:
            row = find_study(session, study)
            return admits(session, row, convert.study(row), self._clock())

    def took_part_elsewhere(self, study: str, identity: Identity | None) -> bool:
        """Whether somebody took part in a study from which this one refuses people."""
        with self._database.reading() as session:
            entry = convert.study(find_study(session, study)).entry
            return entry is not None and took_part(session, entry, identity)

    def admit(self, study: str, coming: Coming, agreement: Agreement, device: str) -> Participant:
        """Let somebody in who agreed, and hold a place for them; who is known comes back to their own.

        Raises RefusedError, and changes nothing, where the study takes nobody now (`study_full`), where a
        link opens it to nobody new, or for somebody who took part elsewhere.
        """
        with self._database.writing() as session:
            row = find_study(session, study)
            value = convert.study(row)
            entry, now = entry_of(value), self._clock()
            if (known := known_participant(session, row, coming)) is not None:
                self._rejoin(session, known, coming, agreement, now)
                return _participant(session, known)
            if took_part(session, entry, coming.identity):
                raise RefusedError("took_part", "you took part in a study that excludes you from this one")
            if not admits(session, row, value, now):
                raise RefusedError("study_full", "this study takes nobody new now")
            invitation = use_link(session, row, coming, now)
            new = new_participant(session, row, coming, invitation, device, place_until(entry, now), now)
            agree(session, new, agreement, now)
            return _participant(session, new)

    def come_back(self, study: str, coming: Coming) -> Participant | None:
        """Let somebody who is known in again, in another browser; None for nobody who is known.

        Without proof nothing of before is shown any more, and an event says that it was so.
        """
        with self._database.writing() as session:
            row = find_study(session, study)
            if (known := known_participant(session, row, coming)) is None:
                return None
            self._rejoin(session, known, coming, None, self._clock())
            return _participant(session, known)

    def agree_again(self, name: str, agreement: Agreement) -> None:
        """Record that a participant agreed to the text as it is now."""
        with self._database.writing() as session:
            agree(session, _of_account_or_refuse(session, name), agreement, self._clock())

    def answer(self, name: str, answers: Mapping[str, str]) -> Participant:
        """Keep the answers to all questions of a participant's study, once; who does not qualify is out.

        Raises InputError for an answer that is missing or none, RefusedError where they were answered.
        """
        with self._database.writing() as session:
            row = _of_account_or_refuse(session, name)
            entry = entry_of(convert.study(session.get_one(StudyRow, row.study_id)))
            if row.answered_at is not None or row.way_out is not None:
                raise RefusedError("answered_before", "these questions were answered before")
            kept = {one.name: one.checked(answers.get(one.name, "")) for one in entry.questions}
            row.answered_at = self._clock()
            session.add_all(
                AnswerRow(participant_id=row.id, name=one, value=value)
                for one, value in kept.items()
                if value
            )
            if not all(one.admits(kept[one.name]) for one in entry.questions):
                _leave(row, WayOut.SCREENED_OUT, self._clock())
            session.flush()
            return _participant(session, row)

    def withdraw(self, name: str, *, keep: bool) -> Participant:
        """Let a participant stop: what they gave is kept, or deleted, with what they said of themselves.

        Who is out by another way keeps that way out (and its pay), whatever becomes of the data. Raises
        RefusedError where it is too late to delete.
        """
        with self._database.writing() as session:
            row = _of_account_or_refuse(session, name)
            now = self._clock()
            until = entry_of(convert.study(session.get_one(StudyRow, row.study_id))).consent.delete_until
            if not keep and until is not None and now >= until:
                raise RefusedError("too_late", "it is too late to have the data deleted")
            account = session.get_one(AnnotatorRow, row.annotator_id)
            finished = row.open_way_out if row.open_way_out in FINISHED else None
            way = WayOut(row.way_out or finished or WayOut.WITHDREW)
            made = Withdrawal(account.id, account.created_at, keep, way, row.left_at or now)
            withdraw(session, row, made, "a participant withdrew")
            return _participant(session, row)

    def turn_away(self, study: str, way: WayOut) -> None:
        """Count somebody who does not come in; nothing else of them is kept."""
        with self._database.writing() as session:
            key = (find_study(session, study).id, way.value)
            row = session.get(TurnedAwayRow, key)
            if row is None:
                row = TurnedAwayRow(study_id=key[0], way_out=key[1], people=0)
                session.add(row)
            row.people += 1

    def note_credit(self, name: str, credit: str, *, unless: tuple[str, ...] = ()) -> bool:
        """Say how a participant's credit stands with the platform; False, and nothing: it is one of `unless`.

        It is asked for after this has said so, never before: nobody is credited twice.
        """
        with self._database.writing() as session:
            row = _of_account_or_refuse(session, name)
            if row.credit in unless:
                return False
            row.credit = credit
            return True

    def _rejoin(
        self,
        session: Session,
        row: ParticipantRow,
        coming: Coming,
        agreement: Agreement | None,
        now: datetime,
    ) -> None:
        if agreement is not None:
            agree(session, row, agreement, now)
        is_same_tab = bool(coming.once) and coming.once_sha256 == row.once_sha256
        if is_same_tab or coming.identity is None or coming.identity.is_proven:
            return  # who has the link, or the platform's word, is the person
        row.rejoined_at = now
        name = session.get_one(AnnotatorRow, row.annotator_id).name
        text = f"{name} came in another browser, by an id that anybody could write"
        session.add(
            EventRow(study_id=row.study_id, annotator_id=row.annotator_id, kind="rejoined", text=text)
        )
        session.flush()


def _leave(row: ParticipantRow, way: WayOut, now: datetime) -> None:
    row.way_out, row.left_at = way.value, now


def _of_account(session: Session, name: str) -> ParticipantRow | None:
    query = select(ParticipantRow).join(AnnotatorRow, AnnotatorRow.id == ParticipantRow.annotator_id)
    return session.scalar(query.where(AnnotatorRow.name == name))


def _of_account_or_refuse(session: Session, name: str) -> ParticipantRow:
    row = _of_account(session, name)
    if row is None:
        raise RefusedError("not_yours", "this is for participants of a study")
    return row


def convert_identity(row: IdentityRow) -> Identity:
    """A row as a value."""
    return Identity(row.provider, row.participant, row.submission, row.platform_study, row.is_proven)


def _participant(session: Session, row: ParticipantRow) -> Participant:
    return Participant(
        name=session.get_one(AnnotatorRow, row.annotator_id).name,
        study=session.get_one(StudyRow, row.study_id).name,
        agreed_sha256=row.agreed_sha256,
        joined_at=row.joined_at,
        holds_until=row.holds_until,
        has_answered=row.answered_at is not None,
        way_out=None if row.way_out is None else WayOut(row.way_out),
        rejoined_at=row.rejoined_at,
    )

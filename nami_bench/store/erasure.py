"""A person's right to be erased: out of the database, and out of the database's file.

Deleted rows leave traces: pages that are free but not overwritten, and the journal of earlier pages (SQLite),
or dead rows and the planner's samples of values (PostgreSQL). So an erasure has two steps, and notes the
second one (`chores`) in the transaction of the first, for whoever has to finish it.
"""

import secrets
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from nami_bench.domain import SIMULATED_PREFIX, Role, SubmissionState, name_in_text
from nami_bench.errors import StorageError
from nami_bench.store.account_tables import (
    ErasedAccountRow,
    LoginAttemptRow,
    LoginSessionRow,
    OutsideAccountRow,
)
from nami_bench.store.annotation_tables import (
    AdjudicationRow,
    AssignmentRow,
    EventRow,
    MarkingRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.chores import TRACES, Chores, note_chores
from nami_bench.store.crowd_tables import (
    AgreementRow,
    AnswerRow,
    IdentityRow,
    InvitationRow,
    ParticipantRow,
)
from nami_bench.store.database import Repository
from nami_bench.store.deleting import count_rows, delete_rows
from nami_bench.store.exclusions import forget, recount_items, release, values_in_force
from nami_bench.store.finding import find_annotator
from nami_bench.store.in_force import put_in_force
from nami_bench.store.kinds import KINDS
from nami_bench.store.logins import name_source
from nami_bench.store.members import forget_future_submissions
from nami_bench.store.people_tables import AnnouncementRow, DismissalRow, EnrolmentRow, MessageRow
from nami_bench.store.submission_tables import PromptSubmissionRow
from nami_bench.store.tables import AnnotatorRow, StudyRow

_WAIT_S = 30.0
_ERASED = "erased"
_PERSONAL = ("annotator", "member", "assignment", "submission", "rating", "comparison", "ranking", "marking",
             "event", "adjudication", "login_session", "login_attempt", "outside_account",
             "prompt_submission", "enrolment", "announcement", "dismissal", "message", "participant",
             "platform_identity", "agreement", "participant_answer", "invitation")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure took away, or would.

    `pseudonym` stands in the place of the name where judgements are kept, else None; `studies`: by study, how
    many values in force are removed (or kept under it). `answers` are all that were sent, with `comments`.
    `prompts_removed` were proposed and not accepted; `prompts_kept` are accepted ones, without an author now.
    `mentions`: texts of others in which the name stands; they are left as they are.
    """

    pseudonym: str | None = None
    studies: Mapping[str, int] = field(default_factory=dict)
    answers: int = 0
    comments: int = 0
    log_ins: int = 0
    events: int = 0
    messages: int = 0
    prompts_removed: int = 0
    prompts_kept: int = 0
    mentions: int = 0


@dataclass(frozen=True, slots=True)
class ErasedAccount:
    """An account that was erased, known by its number and the time when it was made alone."""

    account: int
    created_at: datetime
    ratings_kept: bool


class Erasures(Repository):
    """People, erased."""

    def erase(
        self, name: str, *, keep_ratings: bool = False, dry_run: bool = False, by: str | None = None
    ) -> Erasure:
        """Remove an account with everything that belongs to it, or, with `keep_ratings`, with its name.

        Kept are then ratings, verdicts and flags under a random pseudonym that cannot log in. Either way
        log-ins, comments, messages, and the events about the person go. What others are asked for is counted
        anew. `by`: who did it, for the log. `wipe_traces` is to follow. Raises UnknownNameError.
        """
        with self._database.writing(dry_run=dry_run) as session:
            if session.get_bind().dialect.name == "sqlite":
                session.connection().exec_driver_sql("PRAGMA secure_delete = ON")
            row = find_annotator(session, name)
            called = row.name
            erased = _note(ErasedAccount(row.id, row.created_at, keep_ratings))
            members = session.scalars(select(MemberRow).where(MemberRow.annotator_id == row.id)).all()
            studies = {member.study_id for member in members}
            values = values_in_force(session, row.id)
            pseudonym = _pseudonym(row) if keep_ratings else None
            counts = _forget_person(session, row, [member.id for member in members])
            _forget_participant(session, row)
            if pseudonym is None:
                _remove_work(session, row, [member.id for member in members])
            else:
                _rename(session, row, members, pseudonym)
            recount_items(session, studies)
            forget_future_submissions(session)
            forget(session)
            _tell(session, {*values}, studies, values, pseudonym, by)
            session.add(erased)
            note_chores(session, TRACES, [""])
            return Erasure(pseudonym, values, **counts, mentions=_mentions(session, called))

    def repeat(self, erased: Iterable[ErasedAccount]) -> int:
        """Erase those of the accounts that are here, as they were erased elsewhere; how many that were.

        For a back-up that was made before. The others are noted, for an older one. `wipe_traces` is to
        follow.
        """
        again = 0
        for one in erased:
            with self._database.writing() as session:
                row = session.get(AnnotatorRow, one.account)
                name = row.name if row is not None and row.created_at == one.created_at else None
                if name is None and not _is_noted(session, one):
                    session.add(_note(one))
            if name is not None:
                self.erase(name, keep_ratings=one.ratings_kept)
                again += 1
        return again

    def owes_wiping(self) -> bool:
        """Whether an erasure was not finished by `wipe_traces`."""
        return bool(Chores(self._database).due(TRACES))

    def wipe_traces(self) -> None:
        """Take what erased rows left out of the database's file; done at the next call if it is cut off.

        Raises StorageError where somebody uses the database for so long that it cannot be done.
        """
        if self._database.engine.dialect.name == "sqlite":
            self._wipe_sqlite()
        else:
            self._wipe_postgresql()
        Chores(self._database).strike_off(TRACES, [""])

    def _wipe_sqlite(self) -> None:
        with self._database.outside_transactions() as connection:
            connection.execute("VACUUM")
            deadline = time.monotonic() + _WAIT_S
            # The first column says whether somebody still reads an earlier state.
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > deadline:
                    raise StorageError(
                        "the rows are erased, but somebody reads the database and its journal still holds "
                        "traces of them: run the same command again"
                    )
                time.sleep(0.05)

    def _wipe_postgresql(self) -> None:
        with self._database.outside_transactions() as connection:
            connection.execute(f"VACUUM (FULL, ANALYZE) {', '.join(_PERSONAL)}")


def _note(erased: ErasedAccount) -> ErasedAccountRow:
    return ErasedAccountRow(
        account=erased.account, account_created_at=erased.created_at, ratings_kept=erased.ratings_kept
    )


def _is_noted(session: Session, erased: ErasedAccount) -> bool:
    query = select(ErasedAccountRow.id).where(
        ErasedAccountRow.account == erased.account, ErasedAccountRow.account_created_at == erased.created_at
    )
    return session.scalar(query) is not None


def _pseudonym(row: AnnotatorRow) -> str:
    name = f"{_ERASED}-{secrets.token_hex(4)}"
    return f"{SIMULATED_PREFIX}-{name}" if row.role == Role.SIMULATED else name


def _forget_person(session: Session, row: AnnotatorRow, members: list[int]) -> dict[str, int]:
    """Remove what tells about the person whether their judgements stay or not; how much, by kind."""
    own_prompts = PromptSubmissionRow.author_id == row.id
    is_accepted = PromptSubmissionRow.state == SubmissionState.ACCEPTED.value
    own_answers = SubmissionRow.member_id.in_(members)
    counts = {
        "answers": count_rows(session, SubmissionRow, own_answers),
        "comments": count_rows(session, SubmissionRow, own_answers & (SubmissionRow.comment != "")),
        "log_ins": delete_rows(session, LoginSessionRow, LoginSessionRow.annotator_id == row.id),
        "events": delete_rows(session, EventRow, EventRow.annotator_id == row.id),
        "messages": delete_rows(session, MessageRow, MessageRow.annotator_id == row.id),
        "prompts_removed": delete_rows(session, PromptSubmissionRow, own_prompts & ~is_accepted),
        "prompts_kept": count_rows(session, PromptSubmissionRow, own_prompts),
    }
    _set(session, PromptSubmissionRow, own_prompts, author_id=None)
    _set(session, PromptSubmissionRow, PromptSubmissionRow.decided_by == row.name, decided_by=_ERASED)
    _set(session, AssignmentRow, AssignmentRow.aside_by == row.name, aside_by=_ERASED)
    _set(session, EventRow, EventRow.done_by == row.name, done_by=_ERASED)
    delete_rows(session, EnrolmentRow, EnrolmentRow.annotator_id == row.id)
    delete_rows(session, DismissalRow, DismissalRow.annotator_id == row.id)
    _set(session, EnrolmentRow, EnrolmentRow.enrolled_by == row.name, enrolled_by=_ERASED)
    for written in (AnnouncementRow, MessageRow):
        _set(session, written, written.author == row.name, author=_ERASED)
    delete_rows(session, LoginAttemptRow, LoginAttemptRow.source == name_source(row.name))
    delete_rows(session, OutsideAccountRow, OutsideAccountRow.annotator_id == row.id)
    return counts


def _forget_participant(session: Session, row: AnnotatorRow) -> None:
    """Remove what a platform calls the person, what they agreed to and said of themselves."""
    found = session.scalar(select(ParticipantRow).where(ParticipantRow.annotator_id == row.id))
    if found is None:
        return
    number, invitation = found.id, found.invitation_id
    for table in (IdentityRow, AgreementRow, AnswerRow):
        delete_rows(session, table, table.participant_id == number)
    session.expunge(found)  # the row is deleted under the session's hands
    delete_rows(session, ParticipantRow, ParticipantRow.id == number)
    _set(
        session, InvitationRow, (InvitationRow.id == invitation) & (InvitationRow.uses_allowed == 1), label=""
    )


def forget_work(session: Session, row: AnnotatorRow) -> None:
    """Remove all that somebody judged and said, in the database's file as well; the account stays.

    What is asked of others is to be counted anew, and `Erasures.wipe_traces` is noted as to follow.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete = ON")
    delete_rows(session, MessageRow, MessageRow.annotator_id == row.id)
    members = session.scalars(select(MemberRow.id).where(MemberRow.annotator_id == row.id)).all()
    _remove_judgements(session, row.id, list(members))
    forget_future_submissions(session)
    note_chores(session, TRACES, [""])


def _remove_work(session: Session, row: AnnotatorRow, members: list[int]) -> None:
    number = row.id
    _remove_decisions(session, row)
    _remove_judgements(session, number, members)
    session.expunge_all()  # the rows are deleted under the session's hands
    delete_rows(session, MemberRow, MemberRow.id.in_(members))
    delete_rows(session, AnnotatorRow, AnnotatorRow.id == number)


def _remove_judgements(session: Session, annotator_id: int, members: list[int]) -> None:
    for kind in KINDS:
        delete_rows(session, kind.table, kind.table.annotator_id == annotator_id)
    delete_rows(session, MarkingRow, MarkingRow.annotator_id == annotator_id)
    delete_rows(session, SubmissionRow, SubmissionRow.member_id.in_(members))
    delete_rows(session, AssignmentRow, AssignmentRow.member_id.in_(members))


def _remove_decisions(session: Session, row: AnnotatorRow) -> None:
    """What others decided before about the same is in force again."""
    own = AdjudicationRow.annotator_id == row.id
    items = session.scalars(select(AdjudicationRow.item_id).where(own).distinct()).all()
    delete_rows(session, AdjudicationRow, own)
    for item in items:
        put_in_force(session.connection(), AdjudicationRow, AdjudicationRow.item_id == item)


def _rename(session: Session, row: AnnotatorRow, members: Iterable[MemberRow], pseudonym: str) -> None:
    name = name_in_text(row.name)
    ids = [member.id for member in members]
    release(session, ids)
    _set(session, SubmissionRow, SubmissionRow.member_id.in_(ids), comment="")
    for member in members:
        if member.pause_reason is not None:
            member.pause_reason = name.sub(pseudonym, member.pause_reason)
    row.name, row.active, row.token_sha256, row.password_hash = pseudonym, False, None, None
    session.flush()


def _tell(
    session: Session,
    named: Iterable[str],
    numbered: Iterable[int],
    values: Mapping[str, int],
    pseudonym: str | None,
    by: str | None,
) -> None:
    """Leave an event in every study that it is about; it does not say who it was."""
    of = StudyRow.name.in_(list(named)) | StudyRow.id.in_(list(numbered))
    for study in session.scalars(select(StudyRow).where(of)):
        what = "removed" if pseudonym is None else "kept under a pseudonym"
        text = f"an annotator was erased: {values.get(study.name, 0)} values {what}"
        session.add(EventRow(study_id=study.id, kind=_ERASED, text=text, done_by=by))
    session.flush()


def _mentions(session: Session, name: str) -> int:
    """How many texts of others hold the name as a word."""
    texts: list[Any] = [
        SubmissionRow.comment,
        MemberRow.pause_reason,
        EventRow.text,
        AssignmentRow.aside_reason,
        AdjudicationRow.note,
        PromptSubmissionRow.reason,
        AnnouncementRow.text,
        MessageRow.text,
    ]
    word = name_in_text(name)
    found = (session.scalars(select(text).where(text != "")) for text in texts)  # databases fold ASCII only
    return sum(bool(word.search(unicodedata.normalize("NFC", text))) for one in found for text in one)


def _set(session: Session, table: Any, where: Any, **values: Any) -> None:
    session.execute(update(table).where(where).values(values).execution_options(synchronize_session=False))

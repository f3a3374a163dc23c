"""Prompts that people propose: taken in, listed, decided on once."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from nami_bench.domain import PromptSubmission, SubmissionState
from nami_bench.errors import InputError, RefusedError, UnknownNameError
from nami_bench.store.accounts import find_person
from nami_bench.store.database import Database, Repository
from nami_bench.store.logins import network
from nami_bench.store.submission_tables import PromptSubmissionRow

PER_HOUR = 30
"""So many prompts may one account propose in an hour."""

STRANGERS_PER_HOUR = 5
"""So many may come from one network address without an account."""

STRANGERS_WAITING = 200
"""So many of people without accounts may wait for a decision, whoever sent them."""

_ALL = select(PromptSubmissionRow).options(selectinload(PromptSubmissionRow.author))


class Proposals(Repository):
    """Prompts that people propose."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], secret: Callable[[str], bytes]
    ) -> None:
        super().__init__(database)
        self._clock, self._secret = clock, secret

    def add(self, submission: PromptSubmission, address: str = "") -> None:
        """Take in a pending submission; `address` is where one without an author came from.

        Raises RefusedError: `too_many` for this author or address within an hour, `duplicate` where the very
        text waits or is accepted already.
        """
        source = None if submission.author else self._source(address)
        with self._database.writing() as session:
            author_id = None if submission.author is None else find_person(session, submission.author).id
            _check_rate(session, author_id, source, submission.consented_at)
            if _is_known(session, submission.text):
                raise RefusedError("duplicate", "this prompt has been proposed already")
            session.add(
                PromptSubmissionRow(
                    submission_id=submission.id,
                    text=submission.text,
                    tags=dict(submission.tags),
                    author_id=author_id,
                    source=source,
                    licence=submission.licence,
                    licence_sha256=submission.licence_sha256,
                    consented_at=submission.consented_at,
                    state=SubmissionState.PENDING.value,
                )
            )

    def all(
        self, state: SubmissionState | None = None, author: str | None = None, limit: int | None = None
    ) -> list[PromptSubmission]:
        """Submissions in the order in which they came: all, or those in a state, or somebody's."""
        query = _ALL.order_by(PromptSubmissionRow.id).limit(limit)
        if state is not None:
            query = query.where(PromptSubmissionRow.state == state.value)
        with self._database.reading() as session:
            if author is not None:
                query = query.where(PromptSubmissionRow.author_id == find_person(session, author).id)
            return [_submission(row) for row in session.scalars(query)]

    def decided(self, limit: int) -> list[PromptSubmission]:
        """The latest decisions, newest first."""
        decided = PromptSubmissionRow.state != SubmissionState.PENDING.value
        newest = (PromptSubmissionRow.decided_at.desc(), PromptSubmissionRow.id.desc())
        with self._database.reading() as session:
            rows = session.scalars(_ALL.where(decided).order_by(*newest).limit(limit))
            return [_submission(row) for row in rows]

    def get(self, submission_id: str) -> PromptSubmission:
        """The submission with this id; raises UnknownNameError."""
        with self._database.reading() as session:
            return _submission(_find(session, submission_id))

    def count(self) -> dict[SubmissionState, int]:
        """How many there are in each state; any change of the submissions changes it."""
        query = select(PromptSubmissionRow.state, func.count()).group_by(PromptSubmissionRow.state)
        with self._database.reading() as session:
            found = dict(session.execute(query).all())
        return {state: found.get(state.value, 0) for state in SubmissionState}

    def accept(
        self, submission_id: str, by: str, text: str | None = None, tags: Mapping[str, str] | None = None
    ) -> PromptSubmission:
        """Accept a pending submission, with another text or other tags where those are given.

        What it was proposed as stays beside them. Raises RefusedError `decided` where it is decided already.
        """
        with self._database.writing() as session:
            row = _pending(session, submission_id)
            row.state = SubmissionState.ACCEPTED.value
            row.edited_text = None if text in (None, row.text) else text
            row.edited_tags = None if tags is None or dict(tags) == row.tags else dict(tags)
            self._decide(row, by)
            return _submission(row)

    def refuse(self, submission_id: str, by: str, reason: str) -> PromptSubmission:
        """Refuse a pending submission; its author is shown the reason.

        Raises InputError without a reason, RefusedError `decided` where it is decided already.
        """
        if not reason.strip():
            raise InputError("a refusal needs a reason, which the author is shown")
        with self._database.writing() as session:
            row = _pending(session, submission_id)
            row.state, row.reason = SubmissionState.REFUSED.value, reason.strip()
            self._decide(row, by)
            return _submission(row)

    def _decide(self, row: PromptSubmissionRow, by: str) -> None:
        row.decided_by, row.decided_at, row.source = by, self._clock(), None

    def _source(self, address: str) -> str:
        """What tells one stranger's address from another's, and does not tell the address."""
        key = self._secret("submission-addresses")
        return hmac.digest(key, (network(address) or "nowhere").encode(), hashlib.sha256).hex()


def _check_rate(session: Session, author_id: int | None, source: str | None, now: datetime) -> None:
    """Raise RefusedError where somebody proposes faster than anybody reads."""
    rows, column = PromptSubmissionRow, PromptSubmissionRow.author_id
    count = select(func.count()).select_from(rows)
    recent = count.where(rows.consented_at > now - timedelta(hours=1))
    if author_id is not None:
        too_many = (session.scalar(recent.where(column == author_id)) or 0) >= PER_HOUR
    else:
        waiting = count.where(rows.state == SubmissionState.PENDING.value, column.is_(None))
        too_many = (session.scalar(recent.where(rows.source == source)) or 0) >= STRANGERS_PER_HOUR
        too_many = too_many or (session.scalar(waiting) or 0) >= STRANGERS_WAITING
    if too_many:
        raise RefusedError("too_many", "that is a lot of prompts at once: go on in an hour")


def _is_known(session: Session, text: str) -> bool:
    rows = PromptSubmissionRow
    live = select(rows.id).where(rows.text == text, rows.state != SubmissionState.REFUSED.value)
    return session.scalar(live.limit(1)) is not None


def _pending(session: Session, submission_id: str) -> PromptSubmissionRow:
    """The row, to be decided on in this transaction, which nobody else's runs beside."""
    row = _find(session, submission_id)
    if row.state != SubmissionState.PENDING:
        raise RefusedError(
            "decided", f"{row.decided_by} has {row.state} this prompt already: nothing was changed"
        )
    return row


def _find(session: Session, submission_id: str) -> PromptSubmissionRow:
    rows = PromptSubmissionRow
    row = session.scalar(select(rows).where(rows.submission_id == submission_id))
    if row is None:
        pending = select(rows.submission_id).where(rows.state == SubmissionState.PENDING.value).limit(5)
        raise UnknownNameError("submission", submission_id, session.scalars(pending))
    return row


def _submission(row: PromptSubmissionRow) -> PromptSubmission:
    return PromptSubmission(
        id=row.submission_id,
        text=row.text,
        licence=row.licence,
        licence_sha256=row.licence_sha256,
        consented_at=row.consented_at,
        author=None if row.author is None else row.author.name,
        tags=row.tags,
        state=SubmissionState(row.state),
        edited_text=row.edited_text,
        edited_tags=row.edited_tags,
        reason=row.reason,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )

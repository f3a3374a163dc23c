"""A participant's right to stop and have what they gave deleted: done, noted, repeated after a restore."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import WayOut
from nami_bench.store.annotation_tables import EventRow, MemberRow
from nami_bench.store.crowd_tables import AnswerRow, ParticipantRow, WithdrawalRow
from nami_bench.store.database import Repository
from nami_bench.store.deleting import delete_rows
from nami_bench.store.erasure import forget_work
from nami_bench.store.exclusions import forget, recount_items, release
from nami_bench.store.members import recount_members
from nami_bench.store.tables import AnnotatorRow


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That a participant withdrew; the account is known by its number and the time when it was made alone.

    `way_out` is how their part ended, which may be another than that they withdrew.
    """

    account: int
    created_at: datetime
    kept: bool
    way_out: WayOut
    left_at: datetime


class Withdrawals(Repository):
    """Withdrawals, as a restored back-up needs them."""

    def repeat(self, withdrawals: Iterable[Withdrawal]) -> int:
        """Let those withdraw who are here, as they did elsewhere; how many had not yet.

        For a back-up that was made before. The others are noted, for an older one. `Erasures.wipe_traces` is
        to follow.
        """
        again: set[int] = set()
        for one in withdrawals:
            with self._database.writing() as session:
                if _is_noted(session, one):
                    continue
                row = _participant_of(session, one)
                if row is not None:
                    withdraw(session, row, one, "a withdrawal was repeated after a restore")
                    again.add(one.account)
                else:
                    session.add(_note(one))
        return len(again)


def withdraw(session: Session, row: ParticipantRow, made: Withdrawal, words: str) -> None:
    """Let a participant stop, and note it; who is out keeps the way out by which they are paid.

    `words` begin the event, which does not say who it was.
    """
    if row.way_out is None:
        row.way_out, row.left_at = made.way_out.value, made.left_at
    members = select(MemberRow.id).where(MemberRow.annotator_id == row.annotator_id)
    release(session, list(session.scalars(members)))
    if not made.kept:
        delete_rows(session, AnswerRow, AnswerRow.participant_id == row.id)
        forget_work(session, session.get_one(AnnotatorRow, row.annotator_id))
    text = f"{words}; what they gave is {'kept' if made.kept else 'deleted'}"
    session.add(EventRow(study_id=row.study_id, kind="withdrew", text=text))
    if not _is_noted(session, made):
        session.add(_note(made))
    session.flush()
    recount_members(session, session.scalars(members))
    recount_items(session, [row.study_id])
    forget(session)


def _participant_of(session: Session, made: Withdrawal) -> ParticipantRow | None:
    account = session.get(AnnotatorRow, made.account)
    if account is None or account.created_at != made.created_at:
        return None
    return session.scalar(select(ParticipantRow).where(ParticipantRow.annotator_id == account.id))


def _note(made: Withdrawal) -> WithdrawalRow:
    return WithdrawalRow(
        account=made.account,
        account_created_at=made.created_at,
        kept=made.kept,
        way_out=made.way_out.value,
        left_at=made.left_at,
    )


def _is_noted(session: Session, made: Withdrawal) -> bool:
    query = select(WithdrawalRow.id).where(
        WithdrawalRow.account == made.account,
        WithdrawalRow.account_created_at == made.created_at,
        WithdrawalRow.kept == made.kept,
    )
    return session.scalar(query.limit(1)) is not None

"""What is counted of an annotator in a study, counted anew where rows are gone."""

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nami_bench.domain import CheckKind
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    ANSWERED_STATES,
    STUDY_KIND,
    AssignmentRow,
    ItemRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.tables import StudyRow


def recount_members(session: Session, members: Iterable[int]) -> None:
    """Set how many items of the work each member completed, in all and before the last day; those that were
    set aside were done, too.

    `shown` stays: it numbers the places in a member's work, which are not given twice.
    """
    found = session.scalars(select(MemberRow).where(MemberRow.id.in_(list(members)))).all()
    studies = session.scalars(select(StudyRow).where(StudyRow.id.in_({one.study_id for one in found})))
    days = {study.id: convert.study(study).day for study in studies}
    for member in found:
        completed = session.scalars(
            select(AssignmentRow.completed_at)
            .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
            .where(
                AssignmentRow.member_id == member.id,
                AssignmentRow.state.in_(ANSWERED_STATES),
                ItemRow.kind.in_((STUDY_KIND, CheckKind.GOLD.value)),
            )
        ).all()
        member.done = len(completed)
        member.done_before_day = sum(at is None or days[member.study_id](at) < member.day for at in completed)
    forget_future_submissions(session)


def forget_future_submissions(session: Session) -> None:
    """No member's `checked_from` lies above the last submission: SQLite gives freed numbers out again."""
    last = session.scalar(select(func.max(SubmissionRow.id))) or 0
    for member in session.scalars(select(MemberRow).where(MemberRow.checked_from > last)):
        member.checked_from = last
    session.flush()

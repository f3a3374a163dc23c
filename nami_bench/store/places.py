"""Places in a study for those who come by themselves: counted in the transaction that gives one away."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.orm import Session

from nami_bench.domain import FINISHED, Entry
from nami_bench.store.crowd_tables import ParticipantRow

# Who had nothing left to do has finished, whether or not they pressed the last button.
_HAS_FINISHED = func.coalesce(ParticipantRow.way_out, ParticipantRow.open_way_out).in_(FINISHED)


def has_room(session: Session | Connection, study_id: int, entry: Entry, now: datetime) -> bool:
    """Whether one more may begin, or take up a place that was not held any more.

    Who is inside when the quota is met is not looked at: they finish, and are paid.
    """
    finished = _count(session, study_id, _HAS_FINISHED)
    if entry.quota and finished >= entry.quota:
        return False
    return not entry.places or finished + _count(session, study_id, *_inside(now)) < entry.places


def place_until(entry: Entry, now: datetime) -> datetime | None:
    """So long a place is held that is taken now; None: without end."""
    return now + timedelta(minutes=entry.allowed_minutes) if entry.allowed_minutes else None


def _inside(now: datetime) -> tuple[object, ...]:
    return (
        ParticipantRow.way_out.is_(None),
        _HAS_FINISHED.is_not(True),
        or_(ParticipantRow.holds_until.is_(None), ParticipantRow.holds_until > now),
    )


def _count(session: Session | Connection, study_id: int, *where: object) -> int:
    query = select(func.count()).where(ParticipantRow.study_id == study_id, *where)  # type: ignore[arg-type]
    return session.scalar(query) or 0

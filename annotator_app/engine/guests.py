"""Those who came into a study by themselves: why they get no items now, and how their part in it ends.

What is finished is finished: no clock keeps anybody from what they earned.
"""

from collections.abc import Callable
from datetime import timedelta

from nami_bench.annotator_app.engine.rules import reason_code
from nami_bench.annotator_app.engine.seat import Seat
from nami_bench.domain import FINISHED, Entry, WayOut
from nami_bench.errors import RefusedError
from nami_bench.store.desk_values import Guest

AT_WORK = ("training", "qualification", "work")
_CHECKS = ("gold", "fast", "constant")

_WORDS = {
    "left": "your part in this study has ended",
    "consent_changed": "the text that you agreed to has changed: read it again",
    "questions": "some questions come first",
    "timed_out": "your time is up, and your place was taken: what you rated is kept",
}


def kept_out(seat: Seat, is_through: Callable[[], bool]) -> tuple[str, str, str] | None:
    """(phase, code, words) where a participant gets nothing now; None: they go on, or are no participant.

    Whoever comes late takes up a place that is free, and it is held anew. `is_through` says whether nothing
    is left that the annotator could do.
    """
    guest, entry = seat.guest, seat.study.entry
    if guest is None or entry is None:
        return None
    code = _code(seat, guest, entry, is_through)
    return None if code is None else ("closed", code, _WORDS[code])


def way_out(seat: Seat, phase: str, code: str | None) -> WayOut:
    """How a participant's part ends who leaves in this phase; raises RefusedError for one who is at work."""
    guest = seat.guest
    if guest is None:
        raise RefusedError("not_yours", "this is for participants of a study")
    if guest.way_out is not None:
        return WayOut(guest.way_out)
    if phase in AT_WORK or code in ("consent_changed", "questions"):
        raise RefusedError("not_done", "there is more to do first: go on with the study")
    if code == "timed_out":
        return WayOut.TIMED_OUT if guest.open_way_out is None else WayOut(guest.open_way_out)
    if phase == "paused":
        return _out_by_checks(seat.member.paused or "")
    if not seat.member.done:
        return WayOut.STUDY_FULL
    return WayOut.COMPLETED if phase == "finished" and _has_share(seat) else WayOut.NOTHING_LEFT


def note_way_out(seat: Seat, phase: str, code: str | None) -> None:
    """Keep how a participant's part would end now: many close the window and never press the last button.

    Who had nothing left to do once has finished, though an item that comes back later brings more.
    """
    guest = seat.guest
    if guest is None or guest.way_out is not None or guest.open_way_out in FINISHED or code == "day_done":
        return
    try:
        way = way_out(seat, phase, code)
    except RefusedError:
        way = None
    if way is not WayOut.TIMED_OUT and way != guest.open_way_out:
        seat.desk.change_guest(guest, open_way_out=None if way is None else way.value)


def leave(seat: Seat, way: WayOut) -> None:
    """Write down how it ended, once; what is in the participant's hands goes back to the pool."""
    guest = seat.guest
    if guest is None or guest.way_out is not None:
        return
    seat.desk.change_guest(guest, way_out=way.value, left_at=seat.desk.now)
    seat.desk.release(seat.desk.held(seat.member))
    if way not in FINISHED:
        words = f"{seat.annotator} left: {way.value.replace('_', ' ')}"
        seat.desk.tell(seat.study_id, seat.member, "left", words)


def _code(seat: Seat, guest: Guest, entry: Entry, is_through: Callable[[], bool]) -> str | None:
    if guest.way_out is not None:
        return "left"
    if entry.consent.language_of(guest.agreed_sha256) is None:
        return "consent_changed"
    if entry.questions and guest.answered_at is None:
        return "questions"
    if guest.holds_until is None or seat.desk.now < guest.holds_until:
        return None
    # Neither is late: who cannot go on, nor who has worked and finds nothing more to do.
    if seat.member.paused is not None or (seat.member.done and is_through()):
        return None
    if not entry.is_open or not seat.desk.has_room(seat.study_id, entry):
        return "timed_out"
    seat.desk.change_guest(guest, holds_until=seat.desk.now + timedelta(minutes=entry.allowed_minutes))
    return None


def _has_share(seat: Seat) -> bool:
    """Whether the participant was given as many items as one person is to rate, or all that there are."""
    limit = seat.study.items_per_annotator
    return not limit or len(seat.given.own) >= min(limit, _listed(seat))


def _listed(seat: Seat) -> int:
    return sum(map(len, seat.index.cells.values()))


def _out_by_checks(reason: str) -> WayOut:
    code = reason_code(reason)
    if code == "qualification":
        return WayOut.SCREENED_OUT
    if code in _CHECKS:
        return WayOut.FAILED_CHECKS
    raise RefusedError("paused", "the organizer has paused your work, and will write to you")

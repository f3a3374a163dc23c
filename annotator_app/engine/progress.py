"""How far an annotator is, and at what pace."""

from dataclasses import dataclass
from statistics import median

from nami_bench.annotator_app.engine.budget import share_left
from nami_bench.annotator_app.engine.planting import with_planted
from nami_bench.annotator_app.engine.seat import Seat
from nami_bench.annotator_app.engine.view import Progress
from nami_bench.domain import CheckKind, Panel, Study

PACE_ITEMS = 25
"""The pace is the median over so many items."""

RECOUNT_EVERY = 20
"""What others have filled is counted anew after so many items."""


@dataclass
class _Pace:
    """The median time per item, after so many items `done`."""

    done: int = -RECOUNT_EVERY
    median_ms: int | None = None


@dataclass
class _Total:
    """How many items are for an annotator to do, by what was known after so many `done`."""

    done: int = -RECOUNT_EVERY
    items: int = 0


def progress_of(seat: Seat, phase: str) -> Progress:
    """The member's progress in the work, or in what comes before it."""
    desk, member = seat.desk, seat.member
    pace = _pace(seat)
    today = member.done_on(seat.study.day(desk.now))
    if phase in (CheckKind.TRAINING, CheckKind.QUALIFICATION):
        answered = desk.answered(member, phase).keys()
        asked = desk.asked([item.id for item in seat.index.checks[phase]])
        done, total = len(answered), len(answered | asked)
    elif phase == "finished":
        done = total = member.done
    else:
        done, total = member.done, _total(seat)
    return Progress(done, max(done, total), today, pace)


def fixed_share(study: Study, items: int, golds: int) -> int:
    """The most items that one annotator of a study of `items` is given, planted ones among them.

    It depends on the study alone: unlike `progress_of`, which tells annotators of a spread panel how much is
    left for them beside the others, it does not move as others come, go or are faster.
    """
    most = min(items, study.pairs.comparisons) if study.is_adaptive else items
    if study.items_per_annotator:
        most = min(most, study.items_per_annotator)
    return with_planted(most, golds, study.checks)


def _pace(seat: Seat) -> int | None:
    """Median time per item; what other workers recorded is taken note of every RECOUNT_EVERY items."""
    member, known = seat.member, seat.desk.memory.of(_Pace, seat.member.id)
    if member.done - known.done >= RECOUNT_EVERY or member.done < PACE_ITEMS:
        durations = seat.desk.durations(member, PACE_ITEMS)
        known.done, known.median_ms = member.done, int(median(durations)) if durations else None
    return known.median_ms


def _total(seat: Seat) -> int:
    member, known = seat.member, seat.desk.memory.of(_Total, seat.member.id)
    if member.done - known.done >= RECOUNT_EVERY or member.done <= 1:
        own = _own_items(seat)
        elsewhere = len(seat.given.own) - len(seat.given.here)  # nothing was planted there
        planted = with_planted(own - elsewhere, len(_golds(seat)), seat.study.checks)
        known.done, known.items = member.done, elsewhere + planted
    return known.items


def _golds(seat: Seat) -> set[int]:
    """The gold items that the member was given or may still get."""
    golds = {item.id for item in seat.index.checks[CheckKind.GOLD]}
    return (golds & seat.given.items) | seat.desk.asked(list(golds)) if golds else golds


def _own_items(seat: Seat) -> int:
    """The study's own items that the member was given or may still get."""
    desk, study, member = seat.desk, seat.study, seat.member
    there = desk.capacity(seat.study_id, study.overlap)
    most = there.items - there.full + desk.taken_by_member(member, study.overlap)
    # A share as if this one went on: who is paused or excluded has one, too, and is told no other total.
    sharing = desk.others_at_work(seat.study_id, member) + 1
    given = len(seat.given.own)
    if study.panel == Panel.SPREAD or study.is_adaptive:
        left = max(0, study.pairs.comparisons - there.taken) if study.is_adaptive else there.left
        block = desk.asked(sorted(seat.index.block - seat.given.items)) if seat.index.block else ()
        most = min(most, given + len(block) + -(-left // sharing))
    if (share := share_left(seat, sharing)) is not None:
        most = min(most, given + share)
    if study.items_per_annotator:
        most = min(most, study.items_per_annotator)
    return most

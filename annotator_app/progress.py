"""How far an annotator is, and at what pace."""

from dataclasses import dataclass
from statistics import median

from nami_bench.annotator_app.order import Given, StudyIndex
from nami_bench.annotator_app.planting import with_planted
from nami_bench.domain import CheckKind, Panel, Study
from nami_bench.store import Desk, Member

PACE_ITEMS = 25
"""The pace is the median over so many items."""

RECOUNT_EVERY = 20
"""What others have filled is counted anew after so many items."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Items `done` of the `total` that are for this annotator to do, planted ones included."""

    done: int
    total: int
    today: int
    median_ms: int | None


def of(
    desk: Desk, study_id: int, study: Study, member: Member, index: StudyIndex, given: Given, phase: str
) -> Progress:
    """The member's progress in the work, or in what comes before it."""
    pace = _pace(desk, member)
    today = member.done_on(study.day(desk.now))
    if phase in (CheckKind.TRAINING, CheckKind.QUALIFICATION):
        answered = desk.answered(member, phase).keys()
        asked = desk.asked([item.id for item in index.checks[phase]])
        done, total = len(answered), len(answered | asked)
    elif phase == "finished":
        done = total = member.done
    else:
        done, total = member.done, _total(desk, study_id, study, member, index, given)
    return Progress(done, max(done, total), today, pace)


def _pace(desk: Desk, member: Member) -> int | None:
    """Median time per item; what other workers recorded is taken note of every RECOUNT_EVERY items."""
    key = ("pace", member.id)
    counted_at: int
    pace: int | None
    counted_at, pace = desk.memory.get(key, (-RECOUNT_EVERY, None))
    if member.done - counted_at >= RECOUNT_EVERY or member.done < PACE_ITEMS:
        durations = [s.duration_ms for s in desk.recent(member, PACE_ITEMS) if s.duration_ms is not None]
        pace = int(median(durations)) if durations else None
        desk.memory[key] = (member.done, pace)
    return pace


def _total(desk: Desk, study_id: int, study: Study, member: Member, index: StudyIndex, given: Given) -> int:
    key = ("total", member.id)
    counted_at: int
    total: int
    counted_at, total = desk.memory.get(key, (-RECOUNT_EVERY, 0))
    if member.done - counted_at >= RECOUNT_EVERY or member.done <= 1:
        own = _own_items(desk, study_id, study, member, given)
        elsewhere = len(given.own) - len(given.here)  # nothing was planted there
        golds = len(_golds(desk, index, given))
        total = elsewhere + with_planted(own - elsewhere, golds, study.checks)
        desk.memory[key] = (member.done, total)
    return total


def _golds(desk: Desk, index: StudyIndex, given: Given) -> set[int]:
    """The gold items that the member was given or may still get."""
    golds = {item.id for item in index.checks[CheckKind.GOLD]}
    return (golds & given.items) | desk.asked(list(golds)) if golds else golds


def _own_items(desk: Desk, study_id: int, study: Study, member: Member, given: Given) -> int:
    """The study's own items that the member was given or may still get."""
    items, full, taken = desk.capacity(study_id, study.overlap)
    most = items - full + desk.taken_by_member(member, study.overlap)
    if study.panel == Panel.SPREAD or study.is_adaptive:
        wanted = study.pairs.comparisons if study.is_adaptive else items * study.overlap
        left = max(0, wanted - taken)
        # A share as if this one went on: who is paused or excluded has one, too, and is told no other total.
        sharing = desk.others_at_work(study_id, member) + 1
        most = min(most, len(given.own) + -(-left // sharing))
    if study.items_per_annotator:
        most = min(most, study.items_per_annotator)
    return most

"""How much an annotator may still be given: by the day, and by what the study may cost in all.

What is in somebody's hands may be finished: nothing is taken away where a limit is met meanwhile.
"""

from nami_bench.annotator_app.engine.seat import Seat


def affordable(seat: Seat, held: int, count: int) -> int:
    """How many of `count` more items of the work may be given to an annotator who holds `held`."""
    budget = seat.study.budget
    if budget.per_day:
        count = min(count, left_today(seat) - held)
    if budget.answers and count > 0:
        count = min(count, budget.answers - seat.desk.spent(seat.study_id, seat.member))
    return max(0, count)


def left_today(seat: Seat) -> int:
    """How many items of the day's limit the annotator has not done."""
    return seat.study.budget.per_day - seat.member.done_on(seat.study.day(seat.desk.now))


def is_day_done(seat: Seat) -> bool:
    """Whether the day's limit is met, and the study's is not."""
    budget = seat.study.budget
    if not budget.per_day or left_today(seat) > 0:
        return False
    return not budget.answers or seat.desk.spent(seat.study_id, seat.member) < budget.answers


def share_left(seat: Seat, sharing: int) -> int | None:
    """An annotator's part of the answers that the study may still ask for; None: it has no limit."""
    answers = seat.study.budget.answers
    return -(-max(0, answers - seat.desk.spent(seat.study_id, seat.member)) // sharing) if answers else None

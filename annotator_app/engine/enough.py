"""Whether an item has enough judgements before it has the overlap: decided when an answer completes it.

The decision rests on the answers in force at that moment. A correction that comes later does not undo it, nor
does it end an item: whoever corrects would decide what is asked of others.
"""

from collections.abc import Mapping
from typing import Any

from nami_bench.annotator_app.engine.seat import Seat
from nami_bench.domain import Criterion, Mode, Outcome, Study
from nami_bench.evaluation.human.early_end import Judgement, reason_to_end
from nami_bench.store import Lease

_TURNED = {Outcome.LEFT.value: Outcome.RIGHT.value, Outcome.RIGHT.value: Outcome.LEFT.value}


def end_item(seat: Seat, lease: Lease) -> None:
    """End the item that was completed where the study's rule says so; not one of the calibration block."""
    study = seat.study
    if not (study.ends_early and lease.counts) or seat.index.items[lease.item_id].calibration:
        return
    answers = seat.desk.answers_to(lease.item_id)
    judged = [
        [_judgement(study, criterion, given, swapped) for given, swapped in answers]
        for criterion in study.asked(lease.prompt_id)
        if criterion.weight > 0
    ]
    why = reason_to_end(study.stopping, study.overlap, judged)
    if why is not None:
        seat.desk.stop(lease.item_id, why.value, len(answers))


def _judgement(study: Study, criterion: Criterion, given: Mapping[str, Any], swapped: bool) -> Judgement:
    """As the rule compares it: a verdict by the pair's own order, a rating on 0-100."""
    value = given["values"].get(criterion.name)
    if value is None:
        return None
    if study.mode == Mode.PAIRWISE:
        return _TURNED.get(value, value) if swapped else str(value)
    return 100.0 * (float(value) - criterion.minimum) / (criterion.maximum - criterion.minimum)

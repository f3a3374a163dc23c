"""Changes of a study that exists: what may change while people work on it, and what may not."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from nami_bench.domain import Criterion, Entry, Study
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.catalog import find_model
from nami_bench.store.tables import StudyModelRow, StudyRow

FIXED = (
    "prompt_set", "mode", "panel", "control", "seed", "canvas", "pairs", "ranks", "total", "question_file",
    "stopping", "marks",
)  # fmt: skip
"""What a study keeps: another value would make later judgements something else than earlier ones."""


def check_changes(before: Study, after: Study) -> None:
    def refuse(what: str) -> None:
        raise InputError(
            f"study {before.name!r}: {what}; what was judged would no longer compare with what comes: "
            "make a new study"
        )

    for name in FIXED:
        if getattr(before, name) != getattr(after, name):
            refuse(f"{name} cannot change ({getattr(before, name)!r} to {getattr(after, name)!r})")
    if [_scale(c) for c in before.criteria] != [_scale(c) for c in after.criteria]:
        refuse("criteria, their scales and weights cannot change")
    if gone := set(before.models) - set(after.models):
        refuse(f"model {min(gone)!r} cannot be taken out")
    if any(getattr(after, name) < getattr(before, name) for name in ("overlap", "samples", "calibration")):
        refuse("overlap, samples and calibration can only grow")
    if _shrinks(before, after):
        refuse("strata can only grow")
    if before.check_items != after.check_items[: len(before.check_items)]:
        refuse("items with known answers can only be added, at the end")
    if before.entry and after.entry:
        _check_entry(before.entry, after.entry, refuse)
    if before.languages[0] != after.languages[0]:
        refuse("the first language cannot change")


def _check_entry(before: Entry, after: Entry, refuse: Callable[[str], None]) -> None:
    for name in ("provider", "parameters"):
        if getattr(before, name) != getattr(after, name):
            refuse(f"entry.{name} cannot change")
    asked = {one.name: one for one in after.questions}
    for one in before.questions:
        new = asked.get(one.name)
        if new is None or new.kind != one.kind:
            refuse(f"entry.question {one.name!r} cannot go, nor ask for another kind of answer")
        elif {o.value for o in one.options} - {o.value for o in new.options}:
            refuse(f"entry.question {one.name!r}: options can only be added")


def _scale(criterion: Criterion) -> tuple[object, ...]:
    return (criterion.name, criterion.weight, criterion.minimum, criterion.maximum, criterion.step)


def _shrinks(before: Study, after: Study) -> bool:
    if not after.strata:
        return False
    if not before.strata:
        return True
    most = float("inf")
    return any(
        (after.strata.get(stratum, -1) or most) < (count or most) for stratum, count in before.strata.items()
    )


def apply_changes(session: Session, row: StudyRow, before: Study, after: Study) -> None:
    row.overlap, row.samples = after.overlap, after.samples
    row.instructions = after.instructions.get(after.languages[0], "")
    row.protocol = convert.study_protocol(after)
    row.version += 1
    for criterion_row, criterion in zip(row.criteria, after.criteria, strict=True):
        new = convert.criterion_row(criterion, criterion_row.position)
        criterion_row.anchors, criterion_row.texts = new.anchors, new.texts
    for model in after.models:
        if model not in before.models:
            row.models.append(StudyModelRow(model_id=find_model(session, model).id, position=len(row.models)))
    session.flush()
    session.refresh(row)

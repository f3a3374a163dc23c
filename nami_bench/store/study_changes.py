"""Changes of a study that exists: what may change while people work on it, and what may not."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from nami_bench.domain import Criterion, Study
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    AssignmentRow,
    ComparisonRow,
    EventRow,
    ItemRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.catalog import find_model
from nami_bench.store.database import Database
from nami_bench.store.finding import find_study
from nami_bench.store.items import check_strata, refresh_items
from nami_bench.store.tables import CriterionRow, RatingRow, StudyModelRow, StudyRow

FIXED = ("prompt_set", "mode", "panel", "control", "seed", "canvas", "pairs", "total")
"""What a study keeps: another value would make later judgements something else than earlier ones."""


class StudyChanges:
    """Store methods that change studies."""

    _database: Database

    def change_study(self, study: Study) -> list[str]:
        """Give the study of this name the new protocol; return what changed, in words.

        Models, samples, prompts of strata, overlap and items with known answers may grow; texts, hours,
        checks and limits may be set at will. It holds from the next item that anybody gets. Raises
        InputError, and changes nothing, for anything else.
        """
        with self._database.writing() as session:
            row = find_study(session, study.name)
            before = convert.study(row)
            if before == study:
                return []
            _check_changes(before, study)
            check_strata(session, row.prompt_set_id, study)
            _apply(session, row, before, study)
            added = refresh_items(session, row)
        changed = [f for f in Study.__dataclass_fields__ if getattr(before, f) != getattr(study, f)]
        return [f"{name} changed" for name in changed] + ([f"{added} items added"] if added else [])

    def delete_study(self, name: str) -> None:
        """Forget a study that has no judgements; raises InputError where it has some."""
        with self._database.writing() as session:
            row = find_study(session, name)
            criteria = select(CriterionRow.id).where(CriterionRow.study_id == row.id)
            members = select(MemberRow.id).where(MemberRow.study_id == row.id)
            for kept in (
                select(func.count()).where(RatingRow.criterion_id.in_(criteria)),
                select(func.count()).where(ComparisonRow.criterion_id.in_(criteria)),
                select(func.count()).where(SubmissionRow.member_id.in_(members)),
            ):
                if session.scalar(kept):
                    raise InputError(f"study {name!r} has judgements: it is kept")
            for table in (AssignmentRow, MemberRow, ItemRow, EventRow, CriterionRow, StudyModelRow):
                session.execute(delete(table).where(table.study_id == row.id))
            session.execute(delete(StudyRow).where(StudyRow.id == row.id))


def _check_changes(before: Study, after: Study) -> None:
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
    if after.overlap < before.overlap or after.samples < before.samples:
        refuse("overlap and samples can only grow")
    if _shrinks(before, after):
        refuse("strata can only grow")
    if before.check_items != after.check_items[: len(before.check_items)]:
        refuse("items with known answers can only be added, at the end")
    if before.languages[0] != after.languages[0]:
        refuse("the first language cannot change")


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


def _apply(session: Session, row: StudyRow, before: Study, after: Study) -> None:
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

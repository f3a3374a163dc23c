"""Answers that a study does not count: to items with known answers, and to repeated ones."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from nami_bench.domain import CheckAnswer
from nami_bench.store.annotation_tables import STUDY_KIND, AssignmentRow, ItemRow, SubmissionRow
from nami_bench.store.finding import find_study
from nami_bench.store.item_images import Group, groups_of, other_model, shown_models, with_answered_items
from nami_bench.store.sides import Sides, arranged, as_seen, sides_of
from nami_bench.store.tables import AnnotatorRow, ImageRow, ModelRow, PromptRow


def check_answers(session: Session, study: str) -> list[CheckAnswer]:
    """See `Oversight.check_answers`."""
    study_id = find_study(session, study).id
    mine = ItemRow.study_id == study_id
    # Among the many answers of the work itself these are few, and found by their assignments.
    planted = select(AssignmentRow.id).join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    known = planted.where(mine, ItemRow.kind != STUDY_KIND)
    again = select(AssignmentRow.id).where(AssignmentRow.study_id == study_id, AssignmentRow.occasion > 0)
    query = (
        with_answered_items(
            select(
                SubmissionRow,
                SubmissionRow.current,
                AssignmentRow,
                ItemRow,
                AnnotatorRow.name,
                ModelRow.name,
                other_model.name,
                PromptRow.prompt_id,
                ImageRow.sample,
            )
        )
        .where(SubmissionRow.assignment_id.in_(known.union(again)))
        .order_by(SubmissionRow.id)
    )
    first = _first_answers(session, study_id)
    groups = groups_of(session, mine)
    return [_answer(study, first, groups, *row) for row in session.execute(query)]


def _first_answers(session: Session, study_id: int) -> dict[tuple[int, int], tuple[dict[str, Any], Sides]]:
    """(answers in force, how the images stood) of items that were repeated, by item and member."""
    again = aliased(AssignmentRow)
    query = (
        select(
            AssignmentRow.item_id,
            AssignmentRow.member_id,
            SubmissionRow.answers,
            AssignmentRow.swapped,
            AssignmentRow.arrangement,
        )
        .join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
        .join(
            again,
            (again.item_id == AssignmentRow.item_id)
            & (again.member_id == AssignmentRow.member_id)
            & (again.occasion > 0),
        )
        .where(again.study_id == study_id, AssignmentRow.occasion == 0, SubmissionRow.current)
    )
    return {
        (row.item_id, row.member_id): (row.answers, sides_of(row.swapped, row.arrangement))
        for row in session.execute(query)
    }


def _answer(
    study: str,
    first: dict[tuple[int, int], tuple[dict[str, Any], Sides]],
    groups: Mapping[int, Group],
    submission: SubmissionRow,
    is_in_force: bool,
    assignment: AssignmentRow,
    item: ItemRow,
    annotator: str,
    model: str,
    other: str | None,
    prompt_id: str,
    sample: int,
) -> CheckAnswer:
    sides = sides_of(assignment.swapped, assignment.arrangement)
    models = arranged(shown_models(groups, item.id, model, other), sides)
    expected: dict[str, Any] = item.expected or {}
    if assignment.occasion:
        before, stood = first.get((item.id, assignment.member_id), ({"values": {}}, sides))
        expected = {name: as_seen(value, stood, sides) for name, value in before["values"].items()}
    return CheckAnswer(
        study=study,
        annotator=annotator,
        kind="repeat" if assignment.occasion else item.kind,
        prompt_id=prompt_id,
        sample=sample,
        models=models,
        values=submission.answers["values"],
        reasons=submission.answers["reasons"],
        expected=expected,
        passed=assignment.passed if is_in_force else None,
        revision=submission.revision,
        in_force=bool(is_in_force),
        duration_ms=submission.duration_ms,
        created_at=submission.created_at,
    )

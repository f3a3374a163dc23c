"""The answer in force: of whatever was corrected, the last revision."""

from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased

from nami_bench.store.annotation_tables import ComparisonRow, SubmissionRow
from nami_bench.store.tables import CriterionRow, RatingRow, StudyRow

Revised = type[RatingRow] | type[ComparisonRow] | type[SubmissionRow]

_JUDGED: dict[Any, tuple[str, ...]] = {
    RatingRow: ("criterion_id", "annotator_id", "image_id"),
    ComparisonRow: ("criterion_id", "annotator_id", "item_id"),
    SubmissionRow: ("assignment_id",),
}
"""What the revisions of one answer have in common."""


def in_force(table: Revised) -> ColumnElement[bool]:
    """Condition on `table`: no correction came after the row."""
    later: Any = aliased(table)
    same = (getattr(later, name) == getattr(table, name) for name in _JUDGED[table])
    return ~exists().where(*same, later.revision > table.revision)


def in_force_by_study(
    session: Session, table: type[RatingRow] | type[ComparisonRow], where: Any
) -> dict[str, int]:
    """By study, how many of the rows of `table` that `where` lets pass are in force."""
    query = (
        select(StudyRow.name, func.count())
        .join(CriterionRow, CriterionRow.study_id == StudyRow.id)
        .join(table, table.criterion_id == CriterionRow.id)
        .where(where, in_force(table))
        .group_by(StudyRow.id, StudyRow.name)
    )
    return dict(session.execute(query).all())

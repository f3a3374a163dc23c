"""What a study counts: rows of ratings and comparisons, corrections appended as revisions."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select

from nami_bench.store.annotation_tables import ComparisonRow
from nami_bench.store.desk import Desk
from nami_bench.store.desk_values import Lease, Member
from nami_bench.store.tables import Base, CriterionRow, RatingRow

_ratings = Base.metadata.tables[RatingRow.__tablename__]
_comparisons = Base.metadata.tables[ComparisonRow.__tablename__]


def count_answers(
    desk: Desk, lease: Lease, member: Member, answers: Mapping[str, Any], duration_ms: int | None
) -> None:
    """Let the study count an answer: a rating, or a comparison, for each criterion.

    `answers` has "values" and "reasons" by criterion. A criterion that was judged before gets a revision,
    unless it says what the last one says; its `duration_ms` stays the time that the item itself took, for a
    look back takes seconds. That of the correction stands with the submission.
    """
    criteria = _criteria(desk, lease.study_id)
    given = {
        criteria[name]: (answers["values"].get(name), answers["reasons"].get(name))
        for name in (*answers["values"], *answers["reasons"])
    }
    common = {"annotator_id": member.annotator_id, "duration_ms": duration_ms, "created_at": desk.now}
    if lease.other_image_id is None:
        _append(desk, _ratings, "value", {**common, "image_id": lease.image_id}, "image_id", given)
    else:
        pair = {"item_id": lease.item_id, "swapped": lease.swapped, "position": lease.position}
        _append(desk, _comparisons, "outcome", {**common, **pair}, "item_id", given)


def _criteria(desk: Desk, study_id: int) -> dict[str, int]:
    known: dict[str, int] | None = desk.memory.get(("criteria", study_id))
    if known is None:
        query = select(CriterionRow.name, CriterionRow.id).where(CriterionRow.study_id == study_id)
        known = desk.memory[("criteria", study_id)] = dict(desk.connection.execute(query).all())
    return known


def _append(
    desk: Desk,
    table: Any,
    column: str,
    common: Mapping[str, Any],
    what: str,
    given: Mapping[int, tuple[Any, str | None]],
) -> None:
    columns = table.c
    before = {
        row.criterion_id: row
        for row in desk.connection.execute(
            select(
                columns.criterion_id,
                columns.revision,
                columns[column],
                columns.reason,
                columns.duration_ms,
            )
            .where(
                columns.criterion_id.in_(list(given)),
                columns.annotator_id == common["annotator_id"],
                columns[what] == common[what],
            )
            .order_by(columns.revision)  # the last one of each stays
        )
    }
    rows = []
    for criterion_id, (value, reason) in given.items():
        last = before.get(criterion_id)
        if last is not None and (getattr(last, column), last.reason) == (value, reason):
            continue
        row = {**common, "criterion_id": criterion_id, "revision": 0, column: value, "reason": reason}
        if last is not None:
            row |= {"revision": last.revision + 1, "duration_ms": last.duration_ms}
        rows.append(row)
    if rows:
        desk.write(insert(table), rows)

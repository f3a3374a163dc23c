"""What a study counts: rows of ratings and comparisons, corrections appended as revisions."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from nami_bench.store.annotation_tables import ComparisonRow
from nami_bench.store.desk import Desk
from nami_bench.store.desk_values import Lease, Member
from nami_bench.store.in_force import Revised
from nami_bench.store.sides import as_seen
from nami_bench.store.tables import RatingRow


def count_answers(
    desk: Desk, lease: Lease, member: Member, answers: Mapping[str, Any], duration_ms: int | None
) -> None:
    """Let the study count an answer: a rating, or a comparison, for each criterion.

    `answers` has "values" and "reasons" by criterion. A criterion that was judged before gets a revision,
    unless it says what the last one says; its `duration_ms` stays the time that the item itself took, for a
    look back takes seconds. That of the correction stands with the submission.
    """
    criteria = desk.criteria(lease.study_id)
    given = {
        criteria[name]: (answers["values"].get(name), answers["reasons"].get(name))
        for name in (*answers["values"], *answers["reasons"])
    }
    common = {"annotator_id": member.annotator_id, "duration_ms": duration_ms, "created_at": desk.now}
    if lease.other_image_id is None:
        _append(desk, RatingRow, "value", {**common, "image_id": lease.image_id}, "image_id", given)
    else:
        pair = {"item_id": lease.item_id, "swapped": lease.swapped, "position": lease.position}
        _append(desk, ComparisonRow, "outcome", {**common, **pair}, "item_id", given)


def judged_so_far(desk: Desk, lease: Lease, member: Member) -> dict[str, dict[str, Any]]:
    """What the study counts of the member's judgements of an item, as `count_answers` takes it, the images
    standing as they do in `lease`."""
    names = {number: name for name, number in desk.criteria(lease.study_id).items()}
    is_pair = lease.other_image_id is not None
    table, column, what = (
        (ComparisonRow, "outcome", "item_id") if is_pair else (RatingRow, "value", "image_id")
    )
    whose = {"annotator_id": member.annotator_id, what: lease.item_id if is_pair else lease.image_id}
    found: dict[str, dict[str, Any]] = {"values": {}, "reasons": {}}
    for criterion, last in _standing(desk, table, column, whose, names).items():
        if last.reason is not None:
            found["reasons"][names[criterion]] = last.reason
        else:
            turned = is_pair and last.swapped != lease.swapped
            found["values"][names[criterion]] = as_seen(getattr(last, column), turned)
    return found


def _append(
    desk: Desk,
    table: Revised,
    column: str,
    common: Mapping[str, Any],
    what: str,
    given: Mapping[int, tuple[Any, str | None]],
) -> None:
    whose = {"annotator_id": common["annotator_id"], what: common[what]}
    before = _standing(desk, table, column, whose, given)
    rows = []
    for criterion_id, (value, reason) in given.items():
        last = before.get(criterion_id)
        if last is not None:
            turned = "swapped" in common and last.swapped != common["swapped"]
            if (as_seen(getattr(last, column), turned), last.reason) == (value, reason):
                continue
        row = {**common, "criterion_id": criterion_id, "revision": 0, column: value, "reason": reason}
        if last is not None:
            row |= {"revision": last.revision + 1, "duration_ms": last.duration_ms}
        rows.append(row)
    desk.append(table, rows)


def _standing(
    desk: Desk, table: Revised, column: str, whose: Mapping[str, int], criteria: Iterable[int]
) -> dict[int, Any]:
    """What is in force of somebody's judgements of a thing, by criterion."""
    columns = table.__table__.c
    chosen = [columns[name] for name in ("criterion_id", "revision", column, "reason", "duration_ms")]
    if "swapped" in columns:
        chosen.append(columns.swapped)
    query = (
        select(*chosen)
        .where(columns.criterion_id.in_(list(criteria)), columns.current)
        .where(*(columns[name] == value for name, value in whose.items()))
    )
    return {row.criterion_id: row for row in desk.connection.execute(query)}

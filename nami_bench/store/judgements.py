"""What a study counts: rows of ratings, comparisons and rankings, corrections appended as revisions."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, literal, select

from nami_bench.store.desk import Desk
from nami_bench.store.desk_values import Lease, Member
from nami_bench.store.kinds import COMPARISONS, RANKINGS, RATINGS, Kind
from nami_bench.store.sides import Sides, as_seen


def count_answers(
    desk: Desk, lease: Lease, member: Member, answers: Mapping[str, Any], duration_ms: int | None
) -> None:
    """Let the study count an answer: a rating, a comparison or a ranking for each criterion.

    `answers` has "values" and "reasons" by criterion. A criterion that was judged before gets a revision,
    unless it says what the last one says; its `duration_ms` stays the time that the item itself took, for a
    look back takes seconds. That of the correction stands with the submission.
    """
    criteria = desk.criteria(lease.study_id)
    given = {
        criteria[name]: (answers["values"].get(name), answers["reasons"].get(name))
        for name in (*answers["values"], *answers["reasons"])
    }
    common: dict[str, Any] = {
        "annotator_id": member.annotator_id,
        "duration_ms": duration_ms,
        "created_at": desk.now,
    }
    kind, about = _kind(lease), _about(lease)
    if kind.sides is not None:
        common |= {kind.sides: lease.sides, "position": lease.position}
    _append(desk, kind, {**common, **about}, lease.sides, given)


def judged_so_far(desk: Desk, lease: Lease, member: Member) -> dict[str, dict[str, Any]]:
    """What the study counts of the member's judgements of an item, as `count_answers` takes it, the images
    standing as they do in `lease`."""
    names = {number: name for name, number in desk.criteria(lease.study_id).items()}
    kind = _kind(lease)
    whose = {"annotator_id": member.annotator_id, **_about(lease)}
    found: dict[str, dict[str, Any]] = {"values": {}, "reasons": {}}
    for criterion, last in _standing(desk, kind, whose, names).items():
        if last.reason is not None:
            found["reasons"][names[criterion]] = last.reason
        else:
            found["values"][names[criterion]] = as_seen(last.answer, last.sides, lease.sides)
    return found


def _kind(lease: Lease) -> Kind:
    if lease.arrangement is not None:
        return RANKINGS
    return RATINGS if lease.other_image_id is None else COMPARISONS


def _about(lease: Lease) -> dict[str, int]:
    """What is judged: an image, or what an item shows together."""
    kind = _kind(lease)
    return {kind.thing: lease.image_id if kind is RATINGS else lease.item_id}


def _append(
    desk: Desk,
    kind: Kind,
    common: Mapping[str, Any],
    sides: Sides,
    given: Mapping[int, tuple[Any, str | None]],
) -> None:
    whose = {"annotator_id": common["annotator_id"], kind.thing: common[kind.thing]}
    before = _standing(desk, kind, whose, given)
    rows = []
    for criterion_id, (value, reason) in given.items():
        last = before.get(criterion_id)
        if last is not None and (as_seen(last.answer, last.sides, sides), last.reason) == (value, reason):
            continue
        row = {**common, "criterion_id": criterion_id, "revision": 0, kind.answer: value, "reason": reason}
        if last is not None:
            row |= {"revision": last.revision + 1, "duration_ms": last.duration_ms}
        rows.append(row)
    desk.append(kind.table, rows)


def _standing(desk: Desk, kind: Kind, whose: Mapping[str, int], criteria: Iterable[int]) -> dict[int, Any]:
    """What is in force of somebody's judgements of a thing, by criterion."""
    values = {**whose, "criteria": list(criteria)}
    return {row.criterion_id: row for row in desk.connection.execute(_standing_of(kind), values)}


@cache
def _standing_of(kind: Kind) -> Select[Any]:
    """Built once: it runs at every submission."""
    columns: Any = kind.table.__table__.c
    return select(
        columns.criterion_id,
        columns.revision,
        columns[kind.answer].label("answer"),
        columns.reason,
        columns.duration_ms,
        (literal(False) if kind.sides is None else columns[kind.sides]).label("sides"),
    ).where(
        columns.criterion_id.in_(bindparam("criteria", expanding=True)),
        columns.current,
        columns.annotator_id == bindparam("annotator_id"),
        columns[kind.thing] == bindparam(kind.thing),
    )

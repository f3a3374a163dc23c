"""What adjudicators decided in another database on the same study, taken over."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import Annotator, Role
from nami_bench.store.accounts import add_annotator_row
from nami_bench.store.annotation_tables import AdjudicationRow
from nami_bench.store.finding import match_annotator
from nami_bench.store.in_force import append_revisions
from nami_bench.store.sides import as_seen
from nami_bench.store.study_work import Decided, StudyWork
from nami_bench.store.tables import StudyRow
from nami_bench.store.work_items import ItemHere, ItemName

_DECIDES = (Role.ADJUDICATOR, Role.ADMINISTRATOR)


def take_decisions(
    session: Session, study: StudyRow, work: StudyWork, items: Mapping[ItemName, ItemHere]
) -> int:
    """Take over decisions that were made later than ours about the same thing; how many.

    Who decided is known by name, where that is somebody here who may decide or nobody; else it is left open.
    """
    criteria = {row.name: row.id for row in study.criteria}
    query = select(AdjudicationRow).where(
        AdjudicationRow.current, AdjudicationRow.criterion_id.in_(criteria.values())
    )
    ours = {(row.item_id, row.criterion_id): row for row in session.scalars(query)}
    rows = []
    for (name, criterion), decided in work.decided.items():
        here = items[name]
        last = ours.get((here.id, criteria[criterion]))
        new = [one for one in decided if last is None or one.created_at > last.created_at]
        after = 0 if last is None else last.revision + 1
        for revision, one in enumerate(new, after):
            rows.append(
                {
                    "item_id": here.id,
                    "criterion_id": criteria[criterion],
                    "annotator_id": _who(session, one),
                    "revision": revision,
                    "answer": as_seen(one.answer, here.sides(one.shown), here.sides(here.models)),
                    "reason": one.reason,
                    "note": one.note,
                    "overruled": one.overruled,
                    "saw_models": one.saw_models,
                    "created_at": one.created_at,
                }
            )
    append_revisions(session.connection(), AdjudicationRow, rows)
    return len(rows)


def _who(session: Session, decided: Decided) -> int | None:
    if decided.by is None:
        return None
    row = match_annotator(session, decided.by)
    if row is None:
        return add_annotator_row(session, Annotator(decided.by, Role.ADJUDICATOR)).id
    return row.id if row.role in _DECIDES else None

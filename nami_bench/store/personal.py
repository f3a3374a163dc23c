"""Everybody's judgements of a study as arrays, also of those whose judgements do not count."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nami_bench.domain import Outcome
from nami_bench.store.annotation_tables import ComparisonRow, ItemRow, MemberRow, SubmissionRow
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_study
from nami_bench.store.ratings_table import of_criteria, plain_rows
from nami_bench.store.tables import AnnotatorRow, RatingRow

if TYPE_CHECKING:
    import numpy as np
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

FIRST, SECOND, TIE, BOTH_BAD = range(4)
"""Verdicts on a pair, whichever of its images stood on the left."""

_SEEN: dict[str, int] = {Outcome.LEFT: 1, Outcome.TIE: 0, Outcome.RIGHT: -1, Outcome.BOTH_BAD: -2}


@dataclass(frozen=True, slots=True, eq=False)
class Judgements:
    """Values in force, in the order in which they were given; withheld ones are left out.

    `annotator`, `criterion`, `item`: numbers, shape (rows,), by which `annotators` and `criteria` name the
    first two; of ratings an item is an image. `value`: on the criterion's own scale, of pairs one of `FIRST`
    and its kin. `side`: of pairs 1 where the left was chosen, -1 the right, 0 neither; of ratings 0.
    """

    annotators: Mapping[int, str]
    criteria: Mapping[int, str]
    annotator: "np.ndarray"
    criterion: "np.ndarray"
    item: "np.ndarray"
    value: "np.ndarray"
    side: "np.ndarray"


class Personal(Repository):
    """What each person gave."""

    def ratings(self, study: str) -> Judgements:
        """Of a study of ratings or questions; raises UnknownNameError."""
        columns = (
            RatingRow.id,
            RatingRow.annotator_id,
            RatingRow.criterion_id,
            RatingRow.image_id,
            RatingRow.value,
        )
        with self._database.reading() as session:
            criteria = {one.id: one.name for one in find_study(session, study).criteria}
            query = select(*columns).where(
                of_criteria(session, list(criteria)), RatingRow.current, RatingRow.value.is_not(None)
            )
            _, annotator, criterion, item, value = _in_order(session, query)
            keys = _whole(annotator, criterion, item)
            return Judgements(_names(session), criteria, *keys, value=value, side=value * 0)

    def verdicts(self, study: str) -> Judgements:
        """Of a study of pairs; raises UnknownNameError."""
        import numpy as np

        columns = (
            ComparisonRow.id, ComparisonRow.annotator_id, ComparisonRow.criterion_id, ComparisonRow.item_id,
            ComparisonRow.swapped, ComparisonRow.outcome,
        )  # fmt: skip
        with self._database.reading() as session:
            row = find_study(session, study)
            query = (
                select(*columns)
                .join(ItemRow, ItemRow.id == ComparisonRow.item_id)
                .where(ItemRow.study_id == row.id, ComparisonRow.current, ComparisonRow.outcome.is_not(None))
            )
            _, annotator, criterion, item, swapped, seen = _in_order(session, query)
            is_second = (seen == -1) != (swapped == 1)
            value = np.select([seen == -2, seen == 0, is_second], [BOTH_BAD, TIE, SECOND], FIRST)
            side = np.where(seen > -2, seen, 0)
            keys = _whole(annotator, criterion, item)
            criteria = {one.id: one.name for one in row.criteria}
            return Judgements(_names(session), criteria, *keys, value=value, side=side)

    def seconds(self, study: str, since: datetime | None = None) -> "dict[str, np.ndarray]":
        """By annotator, the seconds of each item's first answer (`since` then), planted items included."""
        import numpy as np

        with self._database.reading() as session:
            query = (
                select(MemberRow.annotator_id, SubmissionRow.duration_ms)
                .join(MemberRow, MemberRow.id == SubmissionRow.member_id)
                .where(
                    MemberRow.study_id == find_study(session, study).id,
                    SubmissionRow.revision == 0,
                    SubmissionRow.duration_ms.is_not(None),
                )
            )
            if since is not None:
                query = query.where(SubmissionRow.created_at >= since)
            parts = [np.array(rows, dtype=np.int64) for rows in plain_rows(session, query)]
            annotator, milliseconds = np.concatenate([np.zeros((0, 2), dtype=np.int64), *parts]).T
            names = _names(session)
            return {names[int(one)]: milliseconds[annotator == one] / 1000 for one in np.unique(annotator)}


def _in_order(session: "Session", query: "Select[*tuple[Any, ...]]") -> "tuple[np.ndarray, ...]":
    """The query's columns as numbers, by the first of them."""
    import numpy as np

    width = len(query.selected_columns)
    parts = [
        np.array([[_SEEN[x] if isinstance(x, str) else x for x in row] for row in rows], dtype=np.float64)
        for rows in plain_rows(session, query)
    ]
    table = np.concatenate([np.zeros((0, width)), *parts])
    return tuple(table[np.argsort(table[:, 0])].T)


def _whole(
    annotator: "np.ndarray", criterion: "np.ndarray", item: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    import numpy as np

    return annotator.astype(np.int64), criterion.astype(np.int64), item.astype(np.int64)


def _names(session: "Session") -> dict[int, str]:
    rows = session.execute(select(AnnotatorRow.id, AnnotatorRow.name))
    return {row.id: row.name for row in rows}

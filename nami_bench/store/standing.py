"""What a study's judgements say so far, as arrays: for numbers that are looked at again while it runs."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from nami_bench.domain import Mode, Outcome
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    ComparisonRow,
    EventRow,
    ItemRow,
    MemberRow,
    RankingRow,
    SubmissionRow,
)
from nami_bench.store.database import Repository
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.item_images import groups_of
from nami_bench.store.items import is_asked
from nami_bench.store.kinds import KINDS
from nami_bench.store.ratings_table import KEY_AND_VALUE, in_order, plain_rows, read_ratings
from nami_bench.store.sides import as_seen
from nami_bench.store.tables import AnnotatorRow, ImageRow, PromptRow, RatingRow, StudyRow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_SHIFT = 2**31
"""More than there are annotators, or images: two numbers make one."""

_other = aliased(ImageRow)


@dataclass(frozen=True, slots=True)
class StandingRatings:
    """The ratings in force of a study at one time, and what they rest on (see `Standing.ratings`).

    `found`: by criterion's name, sorted keys (image and annotator) and values, each of shape (n,). `places`:
    the images' numbers in the order of `Ratings.all`. `last`: the last row that was read.
    """

    found: "Mapping[str, tuple[np.ndarray, np.ndarray]]"
    places: "pd.Index[int]"
    last: int
    basis: Hashable

    def values(self, criterion: str) -> "tuple[np.ndarray, np.ndarray]":
        """(unit, value), shape (n,) each: images as codes in the order of `Ratings.all`, and the values
        on the criterion's own scale, NaN where one was withheld."""
        keys, values = self.found[criterion]
        return keys // _SHIFT, values


class Standing(Repository):
    """A study as it stands."""

    def state(self, study: str) -> Hashable:
        """A value that is another one as soon as anything was done in the study, or its settings changed.

        Raises UnknownNameError for an unknown study.
        """
        with self._database.reading() as session:
            row = find_study(session, study)
            tables = (*(kind.table for kind in KINDS), SubmissionRow, EventRow)
            queries = (
                *(select(func.max(table.id)) for table in tables),
                select(func.count(), func.sum(ItemRow.completed), func.sum(ItemRow.taken)).where(
                    ItemRow.study_id == row.id, *is_asked()
                ),
                select(
                    MemberRow.id,
                    MemberRow.done,
                    MemberRow.pause_reason,
                    AnnotatorRow.name,
                    AnnotatorRow.role,
                    AnnotatorRow.active,
                    AnnotatorRow.excluded_at,
                )
                .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
                .where(MemberRow.study_id == row.id)
                .order_by(MemberRow.id),
                select(StudyRow.name).order_by(StudyRow.id),
            )
            found = (tuple(map(tuple, session.execute(query))) for query in queries)
            return (row.id, row.version, row.overlap, repr(row.protocol), *found)

    def ratings(self, study: str, known: StandingRatings | None = None) -> StandingRatings:
        """The ratings in force; what `known`, an earlier result, holds already is not read again.

        Unless ratings were removed, annotators excluded or images added meanwhile. Raises UnknownNameError
        for an unknown study.
        """
        import numpy as np
        import pandas as pd

        with self._database.reading() as session:
            row = find_study(session, study)
            criteria = {criterion.id: criterion.name for criterion in row.criteria}
            basis = (row.id, row.version, tuple(criteria.items()), _images_state(session, row.prompt_set_id))
            if known is None or known.basis != basis:
                places = pd.Index(list(_ordered_images(session, row.prompt_set_id)), dtype=np.int64)
                known = StandingRatings({}, places, 0, basis)
            last = session.scalar(select(func.max(RatingRow.id))) or 0
            columns = read_ratings(session, list(criteria), KEY_AND_VALUE, after=known.last)
        key = known.places.get_indexer(pd.Index(columns["image_id"])) * _SHIFT + columns["annotator_id"]
        found = {}
        for number, name in criteria.items():
            own = columns["criterion_id"] == number
            newest = in_order((key[own],))
            found[name] = _merged(known.found.get(name), key[own][newest], columns["value"][own][newest])
        return StandingRatings(found, known.places, last, basis)

    def implied_verdicts(self, study: str) -> "dict[str, tuple[np.ndarray, np.ndarray]]":
        """What orders, or best and worst, in force say of each two images, as `verdicts` has it: who stands
        before whom, or a tie. What was not said of two images is left out. Raises UnknownNameError."""
        import numpy as np
        import pandas as pd

        with self._database.reading() as session:
            row = find_study(session, study)
            groups = groups_of(session, ItemRow.study_id == row.id)
            size = max((len(group.images) for group in groups.values()), default=0)
            best_worst = row.mode == Mode.BEST_WORST
            said = {}
            for criterion in row.criteria:
                query = (
                    select(RankingRow.item_id, RankingRow.arrangement, RankingRow.ranks)
                    .where(
                        RankingRow.criterion_id == criterion.id,
                        RankingRow.ranks.is_not(None),
                        RankingRow.current,
                        is_counted(RankingRow.annotator_id),
                    )
                    .order_by(RankingRow.id)
                )
                rows = session.execute(query).all()
                images = [[groups[item].images[int(at)] for at in stood] for item, stood, _ in rows]
                ranks = [[int(rank) for rank in given or ""] for _, _, given in rows]
                said[criterion.name] = (
                    np.array(images, dtype=np.int64).reshape(-1, size),
                    np.array(ranks, dtype=np.int64).reshape(-1, size),
                )
        found = {}
        for name, (image, rank) in said.items():
            first, second = np.triu_indices(size, 1)
            a, b = image[:, first].ravel(), image[:, second].ravel()
            by = (rank[:, second] - rank[:, first]).ravel()
            told = (by != 0) if best_worst else np.full(len(by), True)
            unit = (np.minimum(a, b) * _SHIFT + np.maximum(a, b))[told]
            verdict = np.where(by > 0, a, np.where(by < 0, b, -1))[told]
            found[name] = (pd.factorize(unit)[0], pd.factorize(verdict)[0])
        return found

    def orders(self, study: str) -> "dict[str, tuple[np.ndarray, np.ndarray]]":
        """Orders in force, by criterion: item, shape (n,), and the ranks of its images in the item's own
        order, shape (n, images). What was withheld is left out. Raises UnknownNameError for an unknown study.
        """
        import numpy as np

        with self._database.reading() as session:
            row = find_study(session, study)
            size = convert.study(row).ranks.size
            found = {}
            for criterion in row.criteria:
                query = select(RankingRow.item_id, RankingRow.arrangement, RankingRow.ranks).where(
                    RankingRow.criterion_id == criterion.id,
                    RankingRow.ranks.is_not(None),
                    RankingRow.current,
                    is_counted(RankingRow.annotator_id),
                )
                rows = [
                    (item, *map(int, as_seen(ranks or "", stood, "".join(sorted(stood)))))
                    for item, stood, ranks in session.execute(query)
                ]
                table = np.array(rows, dtype=np.int64).reshape(-1, 1 + size)
                found[criterion.name] = table[:, 0], table[:, 1:]
            return found

    def verdicts(self, study: str) -> "dict[str, tuple[np.ndarray, np.ndarray]]":
        """Verdicts on pairs in force, by criterion: (unit, verdict), shape (n,) each.

        A pair of images is one unit, whichever of them stood on the left; equal codes are equal verdicts: who
        won, or a tie, or both bad. Both are numbered in the order of the comparisons. What was withheld is
        left out. Raises UnknownNameError for an unknown study.
        """
        import numpy as np
        import pandas as pd

        with self._database.reading() as session:
            row = find_study(session, study)
            criteria = {criterion.id: criterion.name for criterion in row.criteria}
            query = (
                select(
                    ComparisonRow.criterion_id,
                    ItemRow.image_id,
                    ItemRow.other_image_id,
                    ImageRow.model_id,
                    _other.model_id,
                    ComparisonRow.swapped,
                    ComparisonRow.outcome,
                )
                .join(ItemRow, ItemRow.id == ComparisonRow.item_id)
                .join(ImageRow, ImageRow.id == ItemRow.image_id)
                .join(_other, _other.id == ItemRow.other_image_id)
                .where(
                    ItemRow.study_id == row.id,
                    ComparisonRow.outcome.is_not(None),
                    ComparisonRow.current,
                    is_counted(ComparisonRow.annotator_id),
                )
                .order_by(ComparisonRow.id)
            )
            parts = [
                np.array([(*row, _OUTCOMES[outcome]) for *row, outcome in rows], dtype=np.int64)
                for rows in plain_rows(session, query)
            ]
        none = np.zeros((0, 7), dtype=np.int64)
        criterion, image, other, model, other_model, swapped, outcome = np.concatenate([none, *parts]).T
        unit = np.minimum(image, other) * _SHIFT + np.maximum(image, other)
        is_second = (outcome == _OUTCOMES[Outcome.RIGHT]) != (swapped == 1)
        verdict = np.where(outcome < 0, outcome, np.where(is_second, other_model, model))
        return {
            name: (pd.factorize(unit[own])[0], pd.factorize(verdict[own])[0])
            for number, name in criteria.items()
            for own in [criterion == number]
        }

    def outcomes(self, study: str) -> "dict[str, tuple[np.ndarray, np.ndarray]]":
        """Verdicts on pairs in force, by criterion: (item, outcome), shape (n,) each, in no order.

        0: for the item's first image, 1: for the second, 2: a tie, 3: both bad. What was withheld is left
        out. Raises UnknownNameError for an unknown study.
        """
        import numpy as np

        with self._database.reading() as session:
            row = find_study(session, study)
            criteria = {criterion.id: criterion.name for criterion in row.criteria}
            query = (
                select(
                    ComparisonRow.criterion_id,
                    ComparisonRow.item_id,
                    ComparisonRow.swapped,
                    ComparisonRow.outcome,
                )
                .join(ItemRow, ItemRow.id == ComparisonRow.item_id)
                .where(
                    ItemRow.study_id == row.id,
                    ComparisonRow.outcome.is_not(None),
                    ComparisonRow.current,
                    is_counted(ComparisonRow.annotator_id),
                )
            )
            parts = [
                np.array([(*row, _SEEN[outcome]) for *row, outcome in rows], dtype=np.int64)
                for rows in plain_rows(session, query)
            ]
        criterion, item, swapped, seen = np.concatenate([np.zeros((0, 4), dtype=np.int64), *parts]).T
        outcome = np.where((seen < 2) & (swapped == 1), 1 - seen, seen)
        return {
            name: (item[own], outcome[own])
            for number, name in criteria.items()
            for own in [criterion == number]
        }


_SEEN: dict[str, int] = {Outcome.LEFT: 0, Outcome.RIGHT: 1, Outcome.TIE: 2, Outcome.BOTH_BAD: 3}

_OUTCOMES: dict[str, int] = {Outcome.LEFT: 0, Outcome.RIGHT: 1, Outcome.TIE: -1, Outcome.BOTH_BAD: -2}


def _images_state(session: Session, prompt_set_id: int) -> tuple[int, ...]:
    query = (
        select(func.count(), func.max(ImageRow.id))
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .where(PromptRow.set_id == prompt_set_id)
    )
    return tuple(session.execute(query).one())


def _ordered_images(session: Session, prompt_set_id: int) -> Iterator[int]:
    query = (
        select(ImageRow.id)
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .where(PromptRow.set_id == prompt_set_id)
        .order_by(ImageRow.model_id, PromptRow.id, ImageRow.sample)
    )
    return (number for (number,) in session.connection().execute(query))


def _merged(
    known: "tuple[np.ndarray, np.ndarray] | None", keys: "np.ndarray", values: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """`known`, keys sorted, with values that came later: in the place of those they correct, or between."""
    import numpy as np

    if known is None or not len(known[0]):
        return keys, values
    if not len(keys):
        return known
    at = np.searchsorted(known[0], keys)
    is_known = known[0][np.minimum(at, len(known[0]) - 1)] == keys
    corrected = known[1].copy()
    corrected[at[is_known]] = values[is_known]
    new = ~is_known
    return np.insert(known[0], at[new], keys[new]), np.insert(corrected, at[new], values[new])

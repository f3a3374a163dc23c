"""The items of a study by how far annotators disagree about them."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nami_bench.domain import Mode, Study
from nami_bench.evaluation.human.item_disagreement import ItemSpread, rating_spread, verdict_spread

if TYPE_CHECKING:
    from nami_bench.evaluation.human.ratings_array import Floats, Integers
    from nami_bench.store import StandingRatings, Store

OUTCOMES = 4
"""Verdicts on a pair: for the one, for the other, a tie, both bad."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemFigures:
    """Of the items of a study that anybody judged, arrays of shape (items,); see `ItemSpread`.

    `item`: numbers, ascending. `values`: how many count by the criterion that has the most. `figure` and
    `width`: of the criterion with the largest figure, which is `names[criterion]`; NaN, and -1, where no
    criterion has two values. `criteria`: all figures, shape (items, criteria).
    """

    names: tuple[str, ...]
    item: "Integers"
    values: "Integers"
    criterion: "Integers"
    figure: "Floats"
    width: "Floats"
    criteria: "Floats"

    def to_bytes(self) -> bytes:
        """For another process."""
        stream = io.BytesIO()
        np.savez(
            stream,
            names=np.array(self.names, dtype=np.str_),
            **{name: getattr(self, name) for name in self.__slots__ if name != "names"},
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ItemFigures":
        """Undo `to_bytes`."""
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            arrays = {name: found[name] for name in cls.__slots__ if name != "names"}
            return cls(names=tuple(map(str, found["names"])), **arrays)

    def ordered(self, chosen: Sequence[int], *, most_disputed_first: bool = True) -> list[int]:
        """The chosen items, those without a figure last; else in the order of their numbers."""
        items = np.unique(np.asarray(chosen, dtype=np.int64))
        if not most_disputed_first:
            return [int(one) for one in items]
        figures = np.full(len(items), -1.0)
        _, here, there = np.intersect1d(items, self.item, assume_unique=True, return_indices=True)
        figures[here] = np.nan_to_num(self.figure[there], nan=-1.0)
        return [int(one) for one in items[np.argsort(-figures, kind="stable")]]

    def of(self, item: int) -> "ItemFigure | None":
        """The figures of an item; None where nobody judged it."""
        at = int(np.searchsorted(self.item, item))
        if at == len(self.item) or self.item[at] != item:
            return None
        worst = int(self.criterion[at])
        return ItemFigure(
            values=int(self.values[at]),
            criterion=None if worst < 0 else self.names[worst],
            figure=None if worst < 0 else float(self.figure[at]),
            width=None if worst < 0 else float(self.width[at]),
        )


@dataclass(frozen=True, slots=True)
class ItemFigure:
    """How far annotators disagree about one item: see `ItemFigures`; None with fewer than two values."""

    values: int
    criterion: str | None
    figure: float | None
    width: float | None


def item_figures(store: "Store", study: Study, ratings: "StandingRatings | None" = None) -> ItemFigures:
    """How far annotators disagree about each item; raises UnknownNameError for an unknown study.

    Planted repetitions, and what is withheld, set aside or excluded, have no part in it. `ratings`: those in
    force, where they were read already.
    """
    names = tuple(criterion.name for criterion in study.criteria)
    if study.mode == Mode.PAIRWISE:
        verdicts = store.standing.outcomes(study.name)
        items = np.unique(np.concatenate([item for item, _ in verdicts.values()]))
        spreads = [
            verdict_spread(np.searchsorted(items, item), outcome, OUTCOMES, len(items))
            for item, outcome in (verdicts[name] for name in names)
        ]
        return _figures(names, items, spreads)
    if study.is_ranked:
        return _of_orders(names, store.standing.orders(study.name), study.ranks.size)
    ratings = ratings or store.standing.ratings(study.name)
    numbers = store.answers.by_image(study.name)
    units = len(ratings.places)
    spreads = [
        rating_spread(*ratings.values(one.name), one.maximum - one.minimum, units) for one in study.criteria
    ]
    items = np.array([numbers.get(int(image), -1) for image in ratings.places], dtype=np.int64)
    return _figures(names, items, spreads)


def _of_orders(
    names: tuple[str, ...], orders: "Mapping[str, tuple[Integers, Integers]]", size: int
) -> ItemFigures:
    """Of an order the figures are those of the image whose place is the most disputed."""
    items = np.unique(np.concatenate([item for item, _ in orders.values()]))
    spreads = []
    for name in names:
        item, ranks = orders[name]
        place = np.searchsorted(items, item)[:, None] * size + np.arange(size)
        spread = rating_spread(place.ravel(), ranks.astype(float).ravel(), size - 1, len(items) * size)
        figures, widths = spread.figure.reshape(-1, size), spread.width.reshape(-1, size)
        rows, worst = np.arange(len(items)), np.argmax(np.nan_to_num(figures, nan=-1.0), axis=1)
        values = spread.values.reshape(-1, size)[:, 0]
        spreads.append(ItemSpread(values, figures[rows, worst], widths[rows, worst]))
    return _figures(names, items, spreads)


def _figures(names: tuple[str, ...], items: "Integers", spreads: Sequence[ItemSpread]) -> ItemFigures:
    """Of the items that are there (not -1) and that anybody judged, in the order of their numbers."""
    values = np.max([one.values for one in spreads], axis=0)
    order = np.argsort(items)
    order = order[(items[order] >= 0) & (values[order] > 0)]
    figures = np.stack([one.figure for one in spreads], axis=1)[order]
    widths = np.stack([one.width for one in spreads], axis=1)[order]
    worst = np.argmax(np.nan_to_num(figures, nan=-1.0), axis=1)
    rows = np.arange(len(order))
    figure = figures[rows, worst]
    return ItemFigures(
        names=names,
        item=items[order],
        values=values[order],
        criterion=np.where(np.isnan(figure), -1, worst),
        figure=figure,
        width=widths[rows, worst],
        criteria=figures,
    )

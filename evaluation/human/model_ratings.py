"""The ratings of one model by itself, to be scored on any part of its images."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nami_bench.evaluation.human.crossed import Clusters
from nami_bench.evaluation.human.estimates import ROUNDING, rating_weights, sums
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers, RatingsArray


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """A score, the weights c in it, and the pulls u (see `nami_bench.evaluation.human.estimates`).

    `weight`, `pull`: shape (rows,), or (cells,).
    """

    score: float
    weight: Floats
    pull: Floats


class ModelRatings:
    """One model's ratings by some criteria.

    `prompt`, `annotator`, `item`: shape (rows,), codes of the whole study; an item is a prompt and a sample.
    `rated`: shape (items, criteria). `images`: rated ones, shape (criteria,). `cell`: shape (cells,), the
    model's cells (a prompt, an annotator), numbered among those of all models, rising; `cell_prompt`: their
    prompts; `clusters`: theirs. `whole`: by criterion the influence on all images, zeros without a value.
    """

    def __init__(
        self,
        rows: tuple[Integers, Integers, Integers, Integers],
        value: Floats,
        weight: Floats,
        sizes: tuple[int, int, int],
    ) -> None:
        """`rows`: prompt, annotator, item and cell of each; `sizes`: numbers of prompts, annotators, items.

        `value`, `weight`: shape (rows, criteria), the values and their weights in the model's scores.
        """
        self.prompt, self.annotator, self.item, cell = rows
        prompts, annotators, items = sizes
        self._value, self._weight = value, weight
        self.cell, first, self._cell_of_row = np.unique(cell, return_index=True, return_inverse=True)
        self._rows_are_cells = np.array_equal(self._cell_of_row, np.arange(len(self.cell)))
        self.cell_prompt = self.prompt[first]
        self.clusters = Clusters.of_one(self.cell_prompt, self.annotator[first], prompts, annotators)
        self.rated = np.zeros((items, value.shape[1]), dtype=bool)
        row, criterion = np.nonzero(weight)
        self.rated[self.item[row], criterion] = True
        self.images = self.rated.sum(axis=0)
        self.whole = tuple(self._influence(c, of_rows) for c, of_rows in enumerate(weight.T))

    def on(self, criterion: int, shared: Booleans) -> Influence:
        """The influence on the score of the items of `shared`, shape (items,), all of which are rated."""
        if shared.sum() == self.images[criterion]:
            return self.whole[criterion]
        weight = self._weight[:, criterion] * shared[self.item]
        return self._influence(criterion, weight / weight.sum())

    def by_cell(self, influence: Influence) -> Influence:
        """The same with the rows of each cell added up."""
        if self._rows_are_cells:
            return influence
        parts = np.stack((influence.weight, influence.pull), axis=-1)
        weight, pull = sums(self._cell_of_row, parts, len(self.cell)).T
        return Influence(influence.score, weight, pull)

    def _influence(self, criterion: int, weight: Floats) -> Influence:
        value = self._value[:, criterion]
        score = float(weight @ value)
        away = value - score
        return Influence(score, weight, weight * np.where(np.abs(away) > ROUNDING, away, 0.0))


def split_by_model(ratings: RatingsArray, criteria: Sequence[int]) -> tuple[list[ModelRatings], int]:
    """The ratings of every model by these criteria, and how many cells they have together."""
    values = ratings.values[:, list(criteria)]
    valid = ~np.isnan(values)
    weight = rating_weights(ratings, ~np.isnan(ratings.values))[:, list(criteria)]
    values = np.where(valid, values, 0.0)
    item = ratings.item()
    cells, cell = np.unique(ratings.prompt * len(ratings.annotators) + ratings.annotator, return_inverse=True)
    sizes = (len(ratings.prompts), len(ratings.annotators), int(item.max(initial=-1)) + 1)
    bounds = np.searchsorted(ratings.model, np.arange(len(ratings.models) + 1))
    found = []
    for start, end in pairwise(bounds.tolist()):
        rows = slice(start, end)
        codes = (ratings.prompt[rows], ratings.annotator[rows], item[rows], cell[rows])
        found.append(ModelRatings(codes, values[rows], weight[rows], sizes))
    return found, len(cells)

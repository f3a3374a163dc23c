"""Differences between two models on the images that both have ratings of, and how sure they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import sparse

from nami_bench.evaluation.human.crossed import (
    NO_RATING,
    NO_VARIATION,
    Clusters,
    Design,
    Over,
    crossed_spread,
    variance_shares,
    without_rounding,
)
from nami_bench.evaluation.human.difficulty import Difficulty
from nami_bench.evaluation.human.estimates import ROUNDING, estimate_scores, without_remainders
from nami_bench.evaluation.human.model_ratings import Influence, ModelRatings, split_by_model
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers, RatingsArray
from nami_bench.evaluation.human.spread import Spread


@dataclass(frozen=True, slots=True, eq=False)
class PairedDifferences:
    """Of all pairs of models: what the first is better by, and how sure that is.

    Arrays begin with the axes (models, models). `reason`: why the spread is not known (see
    `nami_bench.evaluation.human.crossed`), 0 where it is and on the diagonal. `strangers`: whether no
    annotator rated both.
    """

    difference: Floats
    spread: Spread
    reason: Integers
    strangers: Booleans


def shared_items(ratings: RatingsArray, column: int) -> tuple[Integers, bool]:
    """How many items each pair shares, and whether all rated models have the same ones."""
    weighed = [column] if column < len(ratings.criteria) else np.flatnonzero(ratings.weights > 0).tolist()
    item = ratings.item()
    shape = (len(ratings.models), int(item.max(initial=-1)) + 1)
    every = None
    same = True
    for criterion in weighed:
        valid = ~np.isnan(ratings.values[:, criterion])
        at = (ratings.model[valid], item[valid])
        rated = sparse.csr_array((np.ones(len(at[0]), dtype=np.int64), at), shape=shape)
        rated.data[:] = 1  # the annotators of an image had been added up
        own: Integers = np.asarray(rated.sum(axis=1))
        union = int((np.asarray(rated.sum(axis=0)) > 0).sum())
        same &= bool(((own == union) | (own == 0)).all())
        every = rated if every is None else every.multiply(rated)
    assert every is not None  # some criterion carries weight
    return np.asarray((every @ every.T).toarray(), dtype=np.int64), same


def paired_differences(ratings: RatingsArray, column: int, over: Over) -> PairedDifferences:
    """The differences of all pairs in a column, a criterion or the total."""
    models = len(ratings.models)
    found = PairedDifferences(
        np.full((models, models), np.nan),
        Spread.unknown((models, models)),
        np.where(np.eye(models, dtype=bool), 0, NO_RATING),
        np.zeros((models, models), dtype=bool),
    )
    pairs = list(_Pairs(ratings, column, over).all())
    if not pairs:
        return found
    first, second = (np.array([pair.models[side] for pair in pairs]) for side in (0, 1))
    forms, difference = np.stack([pair.forms for pair in pairs]), np.array([p.difference for p in pairs])
    designs = [_stacked([pair.designs[side] for pair in pairs]) for side in (0, 1)]
    cross = np.stack([pair.cross for pair in pairs])
    spread, reason = crossed_spread(designs, forms, over=over, cross=cross)
    alike = (reason == NO_VARIATION) & (np.abs(difference) <= ROUNDING)
    difference[alike], spread.parts[alike], spread.freedom[alike], reason[alike] = 0.0, 0.0, np.inf, 0
    for at, sign in (((first, second), 1.0), ((second, first), -1.0)):
        found.difference[at] = sign * difference
        found.spread.put(at, spread)
        found.reason[at] = reason
        found.strangers[at] = cross[:, 0, 0, 0] == 0
    return found


def pair_components(ratings: RatingsArray, column: int) -> Floats:
    """Unbiased variances of single ratings' differences: by annotators, prompts and the rest, (pairs, 3).

    Each pair on the images that the same annotators rated of both; pairs that do not show all three are left
    out.
    """
    found = []
    for i, j in combinations(range(len(ratings.models)), 2):
        estimates = estimate_scores(_differences(ratings, i, j))
        clusters = Clusters.of_models(estimates.model, estimates.prompt, estimates.annotator, 1)
        design = clusters.design(estimates.weight[:, column])
        annotators, prompts, cells = design.sizes[0]
        # Neither kind may have one member only, nor be the same as the cells.
        if min(annotators, prompts) > cells * (1 + 1e-9) and not (design.alone(0) | design.alone(1)).any():
            shares = variance_shares(design, clusters.forms(estimates.pull[:, column]))
            found.append(shares[0] / design.sizes[0])
    return np.array(found).reshape(-1, 3)


def _differences(ratings: RatingsArray, i: int, j: int) -> RatingsArray:
    """As one model's ratings, the differences of two on what the same annotators rated of both."""
    bounds = np.searchsorted(ratings.model, [i, i + 1, j, j + 1])
    key = ratings.item() * len(ratings.annotators) + ratings.annotator
    _, of_i, of_j = np.intersect1d(
        key[bounds[0] : bounds[1]], key[bounds[2] : bounds[3]], assume_unique=True, return_indices=True
    )
    rows = np.zeros(len(ratings.model), dtype=bool)
    rows[bounds[0] + of_i] = True
    values = ratings.values[bounds[0] + of_i] - ratings.values[bounds[2] + of_j]
    part = ratings.of_rows(rows)
    return replace(part, models=(ratings.models[i],), model=np.zeros_like(part.model), values=values)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """What the spread of one pair's difference follows from."""

    models: tuple[int, int]
    difference: float
    forms: Floats
    designs: tuple[Design, Design]
    cross: Floats


class _Pairs:
    """All pairs of models with what they share in one column."""

    def __init__(self, ratings: RatingsArray, column: int, over: Over) -> None:
        total = column == len(ratings.criteria)
        criteria = np.flatnonzero(ratings.weights > 0) if total else np.array([column])
        self._shares = ratings.weights[criteria] if total else np.ones(1)
        self._models, self._cells = split_by_model(ratings, criteria.tolist())
        self._difficulties: list[Difficulty] = []
        if over != "prompts" and len(ratings.models) > 2:
            sizes = (len(ratings.prompts), len(ratings.annotators))
            self._difficulties = [Difficulty(self._models, c, sizes) for c in range(len(criteria))]

    def all(self) -> Iterator[_Pair]:
        """The pairs that share something, each once."""
        place = np.full(self._cells, -1)
        for j, second in enumerate(self._models):
            place[:] = -1
            place[second.cell] = np.arange(len(second.cell))
            for i, first in enumerate(self._models[:j]):
                common = place[first.cell]
                if (influences := self._influences(i, j)) is not None:
                    yield _pair((i, j), (first, second), influences, common)

    def _influences(self, i: int, j: int) -> tuple[Influence, Influence] | None:
        """By cell, on the images that the two share; None where that is none by some criterion."""
        pair = (self._models[i], self._models[j])
        same_cells = np.array_equal(pair[0].cell, pair[1].cell)
        sums = [Influence(0.0, np.zeros(len(m.cell)), np.zeros(len(m.cell))) for m in pair]
        for criterion, share in enumerate(self._shares):
            shared = pair[0].rated[:, criterion] & pair[1].rated[:, criterion]
            if not shared.any():
                return None
            by_row = [model.on(criterion, shared) for model in pair]
            by_cell = [model.by_cell(found) for model, found in zip(pair, by_row, strict=True)]
            # Where the same annotators rated both, a shift of a prompt changes nothing.
            if self._difficulties and not (
                same_cells and np.array_equal(by_cell[0].weight, by_cell[1].weight)
            ):
                shift = self._difficulties[criterion].shift(i, j, by_row)
                by_cell = [_shifted(model, found, shift) for model, found in zip(pair, by_cell, strict=True)]
            sums = [_added(whole, found, share) for whole, found in zip(sums, by_cell, strict=True)]
        first, second = (replace(s, pull=without_remainders(s.pull, s.weight)) for s in sums)
        return first, second


def _shifted(model: ModelRatings, found: Influence, shift: Floats) -> Influence:
    return replace(found, pull=found.pull - found.weight * shift[model.cell_prompt])


def _added(whole: Influence, found: Influence, share: float) -> Influence:
    return Influence(
        whole.score + share * found.score,
        whole.weight + share * found.weight,
        whole.pull + share * found.pull,
    )


def _pair(
    models: tuple[int, int],
    ratings: tuple[ModelRatings, ModelRatings],
    influences: tuple[Influence, Influence],
    common: Integers,
) -> _Pair:
    """`common`: by cell of the first its place among the second's, -1 where there is none."""
    clusters = [model.clusters for model in ratings]
    vectors = [own.vectors(found.weight) for own, found in zip(clusters, influences, strict=True)]
    designs = [
        own.design(found.weight, v) for own, found, v in zip(clusters, influences, vectors, strict=True)
    ]
    pulls = [found.pull for found in influences]
    apart = [clusters[0].sums(kind, pulls[0]) - clusters[1].sums(kind, pulls[1]) for kind in (0, 1)]
    met = common >= 0
    whole = pulls[0] @ pulls[0] + pulls[1] @ pulls[1]
    of_cells = whole - 2 * (pulls[0][met] @ pulls[1][common[met]])
    return _Pair(
        models,
        influences[0].score - influences[1].score,
        without_rounding(np.array([apart[0] @ apart[0], apart[1] @ apart[1], of_cells]), np.array(whole)),
        (designs[0], designs[1]),
        np.stack([vectors[0][kind] @ vectors[1][kind].T for kind in (0, 1)]),
    )


def _stacked(designs: Sequence[Design]) -> Design:
    """Designs of one estimate each as one, shape (designs,)."""
    parts = ([d.sizes for d in designs], [d.expectations for d in designs], [d.products for d in designs])
    return Design(*(np.concatenate(part) for part in parts))

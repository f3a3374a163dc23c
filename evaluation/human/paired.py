"""Differences between two models, from their pulls cell by cell, and the variance of these."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
from scipy import sparse

from evaluation.human.crossed import (
    Clusters,
    Design,
    Over,
    Spread,
    crossed_spread,
    one_way_spread,
    variance_shares,
)
from evaluation.human.estimates import Estimates, estimate_scores
from evaluation.human.ratings_array import Floats, Integers, RatingsArray

_DENSE = 2**26
"""Numbers in a table of models by cells."""


def shared_items(ratings: RatingsArray, column: int, item: Integers) -> tuple[Integers, bool]:
    """How many items each pair shares, and whether all rated models have the same ones."""
    weighed = [column] if column < len(ratings.criteria) else np.flatnonzero(ratings.weights > 0).tolist()
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


def pair_components(ratings: RatingsArray, column: int) -> Floats:
    """Unbiased variances of single ratings' differences: by annotators, prompts and the rest, (pairs, 3).

    Each pair on the images that the same annotators rated of both; pairs that do not show all three are left
    out.
    """
    if shared_items(ratings, column, _item_and_annotator(ratings))[1]:
        return _components_of(ratings, column, np.triu_indices(len(ratings.models), 1))
    found = [
        _components_of(_of_pair(ratings, i, j, _item_and_annotator), column, (np.array([0]), np.array([1])))
        for i, j in combinations(range(len(ratings.models)), 2)
    ]
    return np.concatenate(found) if found else np.zeros((0, 3))


def all_pairs(ratings: RatingsArray, estimates: Estimates, column: int, over: Over) -> tuple[Floats, Spread]:
    """Differences and their spreads, (models, models), where all have the same images."""
    clusters, design, forms = _pair_forms(ratings, estimates, column)
    scores = estimates.scores[:, column]
    members = design.members
    spread = Spread.unknown(forms.shape[:2])
    rated = ~(np.isnan(scores)[:, None] | np.isnan(scores)[None]) & ~np.eye(len(scores), dtype=bool)
    if over == "both":
        enough = rated & (members[..., :2] > 1 + 1e-9).all(axis=-1)
        spread.put(enough, crossed_spread(design.of(enough), forms[enough]))
    else:
        kind = 0 if over == "annotators" else 1
        enough = rated & (members[..., kind] > 1 + 1e-9)
        counts = clusters.counts(estimates.weight[:, column])[:, kind]
        least = np.minimum(counts[:, None], counts[None])
        spread.put(enough, one_way_spread(forms[enough, kind], least[enough]))
    return scores[:, None] - scores[None], spread


def _pair_forms(ratings: RatingsArray, estimates: Estimates, column: int) -> tuple[Clusters, Design, Floats]:
    """Designs (models, models, ...) and quadratic forms (models, models, 3) of all differences."""
    models, n_prompts, n_annotators = len(ratings.models), len(ratings.prompts), len(ratings.annotators)
    clusters = Clusters(estimates.model, estimates.prompt, estimates.annotator, models)
    pull = estimates.pull[:, column]
    cell = estimates.prompt * n_annotators + estimates.annotator
    forms = np.stack(
        [
            _squared_distances(estimates.model, estimates.annotator, pull, (models, n_annotators)),
            _squared_distances(estimates.model, estimates.prompt, pull, (models, n_prompts)),
            _squared_distances(estimates.model, cell, pull, (models, n_prompts * n_annotators)),
        ],
        axis=-1,
    )
    one = clusters.design(estimates.weight[:, column])
    sizes = one.sizes[:, None] + one.sizes[None]
    return clusters, Design(sizes, one.expectations[:, None] + one.expectations[None], estimates=2), forms


def _squared_distances(model: Integers, code: Integers, pull: Floats, shape: tuple[int, int]) -> Floats:
    """sum over codes of (pull of one model - pull of another)^2, shape (models, models)."""
    if shape[0] * shape[1] <= _DENSE:
        cells = np.bincount(model * shape[1] + code, weights=pull, minlength=shape[0] * shape[1])
        dense = cells.astype(float).reshape(shape)
        gram: Floats = dense @ dense.T
    else:
        thin = sparse.csr_array((pull, (model, code)), shape=shape)
        gram = (thin @ thin.T).toarray()
    own = np.diag(gram)
    whole = own[:, None] + own[None]
    distances = whole - 2 * gram
    # Of two models that are rated alike nothing is left but rounding.
    return np.where(distances > 1e-12 * whole, distances, 0.0)


def _components_of(ratings: RatingsArray, column: int, pairs: tuple[Integers, Integers]) -> Floats:
    _, design, forms = _pair_forms(ratings, estimate_scores(ratings), column)
    sizes = design.sizes[pairs]
    # Neither kind may have one member only, nor be the same as the cells.
    shown = (design.members[pairs][:, :2] > 1 + 1e-9).all(axis=1) & (
        sizes[:, :2] > sizes[:, 2:] * (1 + 1e-9)
    ).all(axis=1)
    part = tuple(kind[shown] for kind in pairs)
    return (
        design.estimates * variance_shares(design.of(part), forms[part], truncated=False) / design.sizes[part]
    )


def pair_by_pair(ratings: RatingsArray, column: int, over: Over) -> tuple[Floats, Spread]:
    """As `all_pairs`, each pair on the images that it shares."""
    models = len(ratings.models)
    difference, spread = np.full((models, models), np.nan), Spread.unknown((models, models))
    for i, j in combinations(range(models), 2):
        pair = _of_pair(ratings, i, j, RatingsArray.item)
        d, found = all_pairs(pair, estimate_scores(pair), column, over)
        difference[i, j], difference[j, i] = d[0, 1], d[1, 0]
        for at in ((i, j), (j, i)):
            spread.put(at, Spread(found.parts[0, 1], found.freedom[0, 1]))
    return difference, spread


def _item_and_annotator(ratings: RatingsArray) -> Integers:
    return ratings.item() * len(ratings.annotators) + ratings.annotator


def _of_pair(
    ratings: RatingsArray, i: int, j: int, item_of: Callable[[RatingsArray], Integers]
) -> RatingsArray:
    """The ratings of two models without the values of items that the other has none of."""
    pair = ratings.of_models([ratings.models[i], ratings.models[j]])
    item = item_of(pair)
    values = pair.values.copy()
    for criterion in range(values.shape[1]):
        valid = ~np.isnan(values[:, criterion])
        rated = np.zeros((2, int(item.max(initial=-1)) + 1), dtype=bool)
        rated[pair.model[valid], item[valid]] = True
        shared = np.asarray(rated.all(axis=0))
        values[~shared[item], criterion] = np.nan
    return replace(pair, values=values)

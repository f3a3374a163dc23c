"""Scores as weighted sums of ratings: every rating's weight, and its pull on the score.

A criterion's score is the mean over images of each image's mean over its annotators,

    T = sum_i c_i y_i,   c_i = 1 / (images of the model * annotators of the image),   sum_i c_i = 1,

and the total is the weighted mean of the criteria's scores, so it is such a sum too. Intervals need only the
weights c and the pulls u_i = c_i (y_i - T), summed over the samples of a cell (model, prompt, annotator).
"""

from dataclasses import dataclass

import numpy as np

from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers, RatingsArray

ROUNDING = 1e-9
"""On the scale 0-100: less is no variation."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Scores of models, and the cells that they are sums over.

    `scores`: shape (models, columns), 0-100, NaN where there is none; columns are the criteria, then the
    total. `model`, `prompt`, `annotator`: codes of the cells, shape (cells,), sorted. `weight`, `pull`: c
    and u above, shape (cells, columns).
    """

    scores: Floats
    model: Integers
    prompt: Integers
    annotator: Integers
    weight: Floats
    pull: Floats


def estimate_scores(ratings: RatingsArray) -> Estimates:
    """The scores of all models of `ratings`."""
    valid = ~np.isnan(ratings.values)
    weight = rating_weights(ratings, valid)
    y = np.where(valid, ratings.values, 0.0)
    models = len(ratings.models)
    scores = sums(ratings.model, weight * y, models)
    away = y - scores[ratings.model]
    pull = weight * np.where(np.abs(away) > ROUNDING, away, 0.0)
    counts = sums(ratings.model, valid.astype(float), models)
    scores = np.where(counts > 0, scores, np.nan)
    order, starts = _cells(ratings)
    model, prompt, annotator = (
        code[order][starts] for code in (ratings.model, ratings.prompt, ratings.annotator)
    )
    if len(starts):
        weight, pull = (np.add.reduceat(part[order], starts) for part in (weight, pull))
    shares = ratings.weights
    used = shares > 0  # a criterion without weight may lack values
    whole = np.column_stack((weight, weight @ shares))
    return Estimates(
        scores=np.column_stack((scores, scores[:, used] @ shares[used])),
        model=model,
        prompt=prompt,
        annotator=annotator,
        weight=whole,
        pull=without_remainders(np.column_stack((pull, pull @ shares)), whole),
    )


def without_remainders(pull: Floats, weight: Floats) -> Floats:
    """The pulls of cells, those set to zero that are what rounding left of pulls that cancel."""
    return np.where(np.abs(pull) > ROUNDING * np.abs(weight), pull, 0.0)


def rating_weights(ratings: RatingsArray, valid: Booleans) -> Floats:
    """c of every rating, shape (rows, criteria); zero where there is no value."""
    image = ratings.image()
    images = int(image[-1]) + 1 if len(image) else 0
    raters = sums(image, valid.astype(float), images)
    model_of_image = np.zeros(images, dtype=np.int64)
    model_of_image[image] = ratings.model
    rated = sums(model_of_image, (raters > 0).astype(float), len(ratings.models))
    with np.errstate(divide="ignore"):
        weight = 1.0 / (raters[image] * rated[ratings.model])
    return np.where(valid, weight, 0.0)


def sums(codes: Integers, values: Floats, groups: int) -> Floats:
    """Sums of the columns of `values`, shape (n, columns), by code: shape (groups, columns)."""
    columns = [np.bincount(codes, weights=column, minlength=groups) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.zeros((groups, 0))


def _cells(ratings: RatingsArray) -> tuple[Integers, Integers]:
    """An order of the rows in which those of a cell follow one another, and where in it each cell begins."""
    parts = np.stack((ratings.model, ratings.prompt, ratings.annotator))
    order = np.lexsort(parts[::-1]) if ratings.sample.any() else np.arange(parts.shape[1])
    changes = np.any(np.diff(parts[:, order]) != 0, axis=0)
    starts = np.flatnonzero(np.concatenate(([True], changes))) if len(order) else order
    return order, starts

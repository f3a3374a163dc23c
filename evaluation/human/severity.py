"""Scores adjusted for annotators who are strict or lenient, and who use little or much of the scale.

The subjective model (Li & Bampis 2017; ITU-T P.910 (2023), clause 12.6 and annex E) says of annotator a's
rating of image i

    x_ia = quality_i + bias_a + inconsistency_a * noise,

and is fitted by maximum likelihood, alternating between its parts as the Recommendation does. Spread goes
beyond it: like ITU-R BT.500's normalization, each annotator's ratings are moved and stretched to the mean
and the standard deviation that the panel has *on the images which that annotator rated*, so that it holds
for designs in which annotators rate different images.

Adjusted scores belong beside the raw ones, never in their place: what looks like severity can be a real
difference in taste. In a complete crossed design a shift of each annotator changes no difference between
models.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluation.human.ratings_array import Floats, Integers, RatingsArray
from nami_bench.errors import InputError

_MOST_ROUNDS = 1000
_TOLERANCE = 1e-9
_LEAST_INCONSISTENCY = 0.05
"""Of the panel's: without a bound the likelihood grows without one around a single annotator."""


@dataclass(frozen=True, slots=True, eq=False)
class SubjectiveModel:
    """A fit to one criterion.

    `quality`: by image, shape (images,). `bias`, mean zero, and `inconsistency`, a standard deviation: by
    annotator, shape (annotators,), NaN for one without values. `converged`: whether it settled within the
    rounds allowed.
    """

    quality: Floats
    bias: Floats
    inconsistency: Floats
    converged: bool
    rounds: int


@dataclass(frozen=True, slots=True, eq=False)
class SeverityAdjustment:
    """`ratings` with adjusted values, clipped to 0-100, to be scored like any others.

    `bias`, `inconsistency`, `spread`: shape (annotators, criteria), on the scale 0-100; spread is the
    annotator's standard deviation over the panel's on the same images. NaN where an annotator gave no
    values.
    """

    ratings: RatingsArray
    bias: Floats
    inconsistency: Floats
    spread: Floats
    notes: tuple[str, ...]


def fit_subjective_model(image: Integers, annotator: Integers, value: Floats) -> SubjectiveModel:
    """Fit to values in long form, each of shape (n,), without NaN; codes count from 0.

    Where images and annotators fall into parts without a rating in common, biases compare within a part only.
    Raises InputError without values.
    """
    if not len(value):
        raise InputError("there are no ratings to adjust")
    images, annotators = int(image.max()) + 1, int(annotator.max()) + 1
    given = np.bincount(annotator, minlength=annotators)
    bias, deviation = np.zeros(annotators), np.ones(annotators)
    quality = np.zeros(images)
    for rounds in range(1, _MOST_ROUNDS + 1):
        weight = deviation[annotator] ** -2
        before = quality
        quality = _mean(image, value - bias[annotator], weight, images)
        bias = _mean(annotator, value - quality[image], np.ones_like(value), annotators)
        bias -= np.nanmean(bias)
        squares = (value - quality[image] - bias[annotator]) ** 2
        panel = np.sqrt(squares.mean())
        if panel < 1e-12:
            deviation = np.where(given > 0, 0.0, np.nan)
            return SubjectiveModel(quality, bias, deviation, True, rounds)
        deviation = np.sqrt(_mean(annotator, squares, np.ones_like(value), annotators))
        deviation = np.maximum(deviation, _LEAST_INCONSISTENCY * panel)
        if np.nanmax(np.abs(quality - before)) < _TOLERANCE:
            return SubjectiveModel(quality, bias, deviation, True, rounds)
    return SubjectiveModel(quality, bias, deviation, False, _MOST_ROUNDS)


def adjust_severity(ratings: RatingsArray, *, spread: bool = True) -> SeverityAdjustment:
    """Ratings without the annotators' biases and, with `spread`, with equal use of the scale.

    An annotator with fewer than ten values of a criterion, or all equal ones, is moved but not stretched.
    """
    values = ratings.values.copy()
    shape = (len(ratings.annotators), len(ratings.criteria))
    bias, inconsistency, used = (np.full(shape, np.nan) for _ in range(3))
    notes: list[str] = []
    image = ratings.image()
    for column, criterion in enumerate(ratings.criteria):
        rows = np.flatnonzero(~np.isnan(ratings.values[:, column]))
        if not len(rows):
            continue
        _, code = np.unique(image[rows], return_inverse=True)
        annotator, value = ratings.annotator[rows], ratings.values[rows, column]
        model = fit_subjective_model(code, annotator, value)
        count = len(model.bias)
        bias[:count, column], inconsistency[:count, column] = model.bias, model.inconsistency
        if not model.converged:
            notes.append(
                f"{criterion.name}: the adjustment did not settle in {model.rounds} rounds and is rough"
            )
        adjusted = value - model.bias[annotator]
        if spread:
            adjusted, used[:count, column] = _stretched(model, code, annotator, value)
        values[rows, column] = np.clip(adjusted, 0.0, 100.0)
        if clipped := int(((adjusted < 0) | (adjusted > 100)).sum()):
            notes.append(
                f"{criterion.name}: {clipped} of {len(rows)} adjusted values were cut to the scale's ends"
            )
    return SeverityAdjustment(replace(ratings, values=values), bias, inconsistency, used, tuple(notes))


def _stretched(
    model: SubjectiveModel, image: Integers, annotator: Integers, value: Floats
) -> tuple[Floats, Floats]:
    """Values with the panel's mean and deviation on each annotator's images, and each annotator's spread."""
    annotators = len(model.bias)
    ones = np.ones_like(value)
    count = np.bincount(annotator, minlength=annotators)
    centre = _mean(annotator, value, ones, annotators)
    target = _mean(annotator, model.quality[image], ones, annotators)
    own = np.sqrt(_mean(annotator, (value - centre[annotator]) ** 2, ones, annotators))
    noise = np.nanmean(model.inconsistency**2)
    truth = _mean(annotator, (model.quality[image] - target[annotator]) ** 2, ones, annotators)
    spread = own / np.sqrt(truth + noise) if noise > 0 else np.where(count > 0, 1.0, np.nan)
    stretch = np.where((count >= 10) & (own > 1e-9), 1 / np.where(spread > 0, spread, 1.0), 1.0)
    return target[annotator] + (value - centre[annotator]) * stretch[annotator], spread


def _mean(code: Integers, value: Floats, weight: Floats, groups: int) -> Floats:
    total = np.bincount(code, weights=weight, minlength=groups)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(code, weights=weight * value, minlength=groups) / total)

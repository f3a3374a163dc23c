"""The many-facet Rasch model for ordered categories (Linacre 1989), with Andrich's rating scale (1978).

    ln(P_k / P_{k-1}) = model - difficulty of the prompt - severity of the annotator - threshold_k

in logits, k = 1 ... categories - 1; prompts, annotators and thresholds have mean zero. Fitted by joint
maximum likelihood: every parameter is moved until its expected score is the observed one (UCON, Wright &
Panchapakesan 1969). Joint estimates are too far apart by about n / (n - 1) for n observations of a
parameter's element; they are left uncorrected, as in FACETS. Elements with only lowest or only highest
categories have no finite measure: their score is moved inward by 0.3, as FACETS does, and `notes` count
them.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.human.ratings_array import Booleans, Floats, Integers, RatingsArray
from nami_bench.errors import InputError, UnknownNameError

_MOST_ROUNDS = 500
_TOLERANCE = 1e-6
_EXTREME = 0.3
FACETS = ("model", "prompt", "annotator")


@dataclass(frozen=True, slots=True, eq=False)
class Facet:
    """One facet's elements: measures in logits, standard errors, and fit.

    `infit`, `outfit`: mean squares, 1 where ratings vary as the model expects, above where they are
    erratic. NaN for an element without ratings. `extreme`: whether it had the lowest or the highest
    category only.
    """

    names: tuple[str, ...]
    measure: Floats
    standard_error: Floats
    infit: Floats
    outfit: Floats
    extreme: Booleans


@dataclass(frozen=True, slots=True, eq=False)
class RaschFit:
    """A fit to one criterion. Of prompts higher is harder, of annotators stricter, of models better.

    `fair_score`: by model, 0-100, the expected rating by an average annotator on an average prompt, with the
    categories evenly spaced. `thresholds`: shape (categories - 1,).
    """

    models: Facet
    prompts: Facet
    annotators: Facet
    thresholds: Floats
    fair_score: Floats
    converged: bool
    rounds: int
    notes: tuple[str, ...]


def fit_rasch(ratings: RatingsArray, criterion: str, *, categories: int = 5) -> RaschFit:
    """Fit to one criterion, the scale cut into so many categories of equal width.

    A scale with fewer distinct values than categories keeps its own. Raises UnknownNameError, and
    InputError where there are no two categories in use or an inner one is empty after merging.
    """
    names = [c.name for c in ratings.criteria]
    if criterion not in names:
        raise UnknownNameError("criterion", criterion, names)
    if categories < 2:
        raise InputError("ordered categories are two at least")
    value = ratings.values[:, names.index(criterion)]
    rows = np.flatnonzero(~np.isnan(value))
    category, notes = _categories(value[rows], categories)
    codes = [ratings.model[rows], ratings.prompt[rows], ratings.annotator[rows]]
    sizes = [len(ratings.models), len(ratings.prompts), len(ratings.annotators)]
    return _Joint(codes, sizes, category).fit((ratings.models, ratings.prompts, ratings.annotators), notes)


def _categories(value: Floats, categories: int) -> tuple[Integers, list[str]]:
    """Categories from 0 without gaps."""
    distinct = np.unique(value)
    if len(distinct) > categories:
        cut = np.minimum((value / 100 * categories).astype(np.int64), categories - 1)
        notes = [f"values are cut into {categories} categories of equal width"]
    else:
        cut, notes = np.searchsorted(distinct, value), []
    used, merged = np.unique(cut, return_inverse=True)
    if len(used) < 2:
        raise InputError("all ratings are in one category: a Rasch model needs two at least")
    if len(distinct) > categories and len(used) < categories:
        notes.append(f"{categories - len(used)} categories are empty and left out")
    return merged, notes


class _Joint:
    """The joint maximum-likelihood fit."""

    def __init__(self, codes: list[Integers], sizes: list[int], category: Integers) -> None:
        self.codes = codes
        self.category = category
        self.top = int(category.max())
        self.measures = [np.zeros(n) for n in sizes]
        self.signs = (1.0, -1.0, -1.0)
        self.steps = np.zeros(self.top)  # thresholds
        self.counts = [np.bincount(c, minlength=n) for c, n in zip(codes, sizes, strict=True)]
        raw = [np.bincount(c, weights=category, minlength=n) for c, n in zip(codes, sizes, strict=True)]
        self.extreme = [
            (n > 0) & ((s == 0) | (s == n * self.top)) for s, n in zip(raw, self.counts, strict=True)
        ]
        self.scores = [
            np.where(e, np.clip(s, _EXTREME, np.maximum(n * self.top - _EXTREME, _EXTREME)), s)
            for s, n, e in zip(raw, self.counts, self.extreme, strict=True)
        ]

    def fit(self, names: tuple[tuple[str, ...], ...], notes: list[str]) -> RaschFit:
        rounds, moved = 0, np.inf
        while moved > _TOLERANCE and rounds < _MOST_ROUNDS:
            moved = max([self._move(kind) for kind in range(3)] + [self._move_thresholds()])
            rounds += 1
        for kind, name in enumerate(FACETS):
            if count := int(self.extreme[kind].sum()):
                notes.append(
                    f"{count} {name}s have one end of the scale only: their measures are moved inward"
                )
        if moved > _TOLERANCE:
            notes.append(f"the fit did not settle in {rounds} rounds: measures are rough")
        probabilities = self._probabilities(self._logit())
        models, prompts, annotators = (self._facet(kind, names[kind], probabilities) for kind in range(3))
        expected = self._moments(self._probabilities(models.measure))[0]
        fair = np.where(self.counts[0] > 0, 100 * expected / self.top, np.nan)
        return RaschFit(
            models=models,
            prompts=prompts,
            annotators=annotators,
            thresholds=self.steps,
            fair_score=fair,
            converged=moved <= _TOLERANCE,
            rounds=rounds,
            notes=tuple(notes),
        )

    def _logit(self) -> Floats:
        parts = zip(self.signs, self.measures, self.codes, strict=True)
        return np.asarray(sum(sign * measure[code] for sign, measure, code in parts))

    def _probabilities(self, logit: Floats) -> Floats:
        """Shape (categories, n)."""
        k = np.arange(self.top + 1)
        thresholds = np.concatenate(([0.0], np.cumsum(self.steps)))
        exponent = k[:, None] * logit - thresholds[:, None]
        exponent -= exponent.max(axis=0)
        weight = np.exp(exponent)
        return np.asarray(weight / weight.sum(axis=0))

    def _moments(self, probabilities: Floats) -> tuple[Floats, Floats]:
        k = np.arange(self.top + 1)
        mean = k @ probabilities
        return mean, (k**2) @ probabilities - mean**2

    def _move(self, kind: int) -> float:
        """One Newton step of a facet, each element for itself; how far the farthest went."""
        mean, variance = self._moments(self._probabilities(self._logit()))
        code, size = self.codes[kind], len(self.measures[kind])
        expected = np.bincount(code, weights=mean, minlength=size)
        information = np.bincount(code, weights=variance, minlength=size)
        step = np.where(information > 0, (self.scores[kind] - expected) / np.maximum(information, 1e-12), 0.0)
        step = np.clip(self.signs[kind] * step, -1.0, 1.0)
        self.measures[kind] += step
        if kind > 0:
            rated = self.counts[kind] > 0
            centre = self.measures[kind][rated].mean()
            self.measures[kind][rated] -= centre
            self.measures[0] -= centre
        return float(np.abs(step).max())

    def _move_thresholds(self) -> float:
        """Newton's step of all thresholds; numbers at or above each category are sufficient for them."""
        probabilities = self._probabilities(self._logit())
        above = np.cumsum(probabilities[::-1], axis=0)[::-1][1:]
        observed = np.bincount(self.category, minlength=self.top + 1)[::-1].cumsum()[::-1][1:]
        total = above.sum(axis=1)
        joint = np.array([[above[max(i, j)].sum() for j in range(self.top)] for i in range(self.top)])
        information = joint - above @ above.T
        step = np.clip(np.linalg.lstsq(information, total - observed, rcond=None)[0], -1.0, 1.0)
        self.steps += step
        shift = self.steps.mean()
        self.steps -= shift
        self.measures[0] -= shift
        return float(np.abs(step).max())

    def _facet(self, kind: int, names: tuple[str, ...], probabilities: Floats) -> Facet:
        mean, variance = self._moments(probabilities)
        code, size = self.codes[kind], len(names)
        squares = (self.category - mean) ** 2
        information = np.bincount(code, weights=variance, minlength=size)
        rated = self.counts[kind] > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(rated, 1 / np.sqrt(information), np.nan)
            infit = np.bincount(code, weights=squares, minlength=size) / information
            scaled = squares / np.maximum(variance, 1e-12)
            outfit = np.bincount(code, weights=scaled, minlength=size) / self.counts[kind]
        measure = np.where(rated, self.measures[kind], np.nan)
        return Facet(names, measure, error, infit, outfit, self.extreme[kind])

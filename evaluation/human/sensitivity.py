"""How much a leaderboard hangs on single annotators, and on a handful of ratings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.estimates import Estimates, estimate_scores
from nami_bench.evaluation.human.ratings_array import TOTAL, Booleans, Floats, Integers, RatingsArray

Unit = Literal["prompts", "ratings"]


@dataclass(frozen=True, slots=True)
class WithoutAnnotator:
    """The scores without one annotator.

    `scores`: by model, None where only this annotator rated it. `first`: the models that lead then.
    `moved`: models whose rank is another one than with all annotators, by the places moved; up is positive.
    """

    annotator: str
    scores: Mapping[str, float | None]
    first: tuple[str, ...]
    moved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reversal:
    """How few prompts, or ratings, need to go for `second` to catch up with `first`.

    A rating is all that one annotator gave to one image's prompt, whatever the criterion. `dropped` of
    `units`; None where no such choice was found. `difference`: between the two with all ratings, and `after`
    without the dropped ones.
    """

    first: str
    second: str
    unit: Unit
    units: int
    dropped: int | None
    difference: float
    after: float | None

    @property
    def share(self) -> float | None:
        """Share of the units, 0-1, that decides the order."""
        return None if self.dropped is None else self.dropped / self.units


def leave_one_annotator_out(ratings: RatingsArray, column: str = TOTAL) -> tuple[WithoutAnnotator, ...]:
    """The scores and ranks of all models without each annotator in turn; empty with one annotator only."""
    index = ratings.column(column)
    whole = _ranks(estimate_scores(ratings).scores[:, index])
    found = []
    for code, name in enumerate(ratings.annotators if len(ratings.annotators) > 1 else ()):
        scores = estimate_scores(ratings.of_rows(ratings.annotator != code)).scores[:, index]
        ranks = _ranks(scores)
        moved = {m: int(whole[i] - ranks[i]) for i, m in enumerate(ratings.models) if whole[i] != ranks[i]}
        first = tuple(m for i, m in enumerate(ratings.models) if ranks[i] == 1)
        shown = {m: None if np.isnan(s) else float(s) for m, s in zip(ratings.models, scores, strict=True)}
        found.append(WithoutAnnotator(name, shown, first, moved))
    return tuple(found)


def drop_few(
    ratings: RatingsArray,
    column: str = TOTAL,
    *,
    unit: Unit = "prompts",
    models: tuple[str, str] | None = None,
) -> Reversal:
    """The fewest prompts or ratings, about, without which the second model is level or ahead.

    `models`: better and worse; default: the two that lead. Units go in the order of their pull on the
    difference (the approximate maximum influence of Broderick, Giordano & Meager 2020); the number is found
    by scoring what is left, so the reversal is real, and no smaller set *in this order* brings it about.

    Raises InputError where there are not two models with scores, or the first is not ahead.
    """
    if unit not in get_args(Unit):
        raise UnknownNameError("unit", unit, get_args(Unit))
    index = ratings.column(column)
    pair = ratings.of_models(models or _leaders(ratings, index))
    estimates = estimate_scores(pair)
    difference = float(estimates.scores[0, index] - estimates.scores[1, index])
    if not difference >= 0:
        raise InputError(f"{pair.models[0]!r} is not ahead of {pair.models[1]!r} in {column}")
    pull, code, units = _pulls(pair, estimates, index, unit)
    order = np.argsort(-pull, kind="stable")
    dropped, after = _fewest(pair, index, order, code, int((pull > 0).sum()))
    return Reversal(pair.models[0], pair.models[1], unit, units, dropped, difference, after)


def _pulls(pair: RatingsArray, estimates: Estimates, index: int, unit: Unit) -> tuple[Floats, Integers, int]:
    """Each unit's pull on the difference, every row's unit, and how many units there are."""
    sign = np.where(estimates.model == 0, 1.0, -1.0)
    signed = sign * estimates.pull[:, index]
    if unit == "prompts":
        pull = np.bincount(estimates.prompt, weights=signed).astype(float)
        return pull, pair.prompt, len(pair.prompts)
    shape = (2, len(pair.prompts), len(pair.annotators))
    cells = np.ravel_multi_index((estimates.model, estimates.prompt, estimates.annotator), shape)
    rows = np.ravel_multi_index((pair.model, pair.prompt, pair.annotator), shape)
    return np.asarray(signed), np.searchsorted(cells, rows), len(cells)


def _fewest(
    pair: RatingsArray, index: int, order: Integers, code: Integers, most: int
) -> tuple[int | None, float | None]:
    """By bisection, the smallest number of leading units in `order` without which the order is reversed."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    at = place[code]

    def without(count: int) -> float:
        scores = estimate_scores(pair.of_rows(at >= count)).scores[:, index]
        return float(scores[0] - scores[1])

    low, high = 0, min(most, len(order) - 1)
    if high < 1 or not without(high) <= 0:
        return None, None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if without(middle) <= 0 else (middle, high)
    return high, without(high)


def _leaders(ratings: RatingsArray, index: int) -> tuple[str, str]:
    scores = estimate_scores(ratings).scores[:, index]
    order = [int(i) for i in np.argsort(-scores, kind="stable") if not np.isnan(scores[i])]
    if len(order) < 2:
        raise InputError("there are not two models with scores to compare")
    return ratings.models[order[0]], ratings.models[order[1]]


def _ranks(scores: Floats) -> Integers:
    """1 for the highest, shared by equal ones; 0 without a score."""
    known: Booleans = ~np.isnan(scores)
    rounded = np.round(scores, 9)
    return np.array([1 + (rounded[known] > s).sum() if k else 0 for s, k in zip(rounded, known, strict=True)])

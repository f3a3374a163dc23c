"""Which models differ: paired differences on shared images, with a correction for the number of pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.crossed import NO_RATING, NO_VARIATION, ONE_ANNOTATOR, ONE_PROMPT, Over
from nami_bench.evaluation.human.estimates import estimate_scores
from nami_bench.evaluation.human.intervals import listed, usable_kinds
from nami_bench.evaluation.human.paired import PairedDifferences, paired_differences, shared_items
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers, RatingsArray
from nami_bench.evaluation.human.spread import SCARCE

Correction = Literal["holm", "benjamini-hochberg", "none"]

FULL_SCALE = 100.0
"""Points; no difference of two scores is larger."""
_FEW = 3
"""Degrees of freedom of annotators; three annotators have two."""

Texts = NDArray[np.str_]

MOST_MODELS = 300
"""More would be over 45,000 pairs, in which hardly any difference survives a correction."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better `first` is than `second`, on the images that both have ratings of.

    `low` to `high` is the interval of this pair alone, within -100 to 100. `p_value`: two-sided, of no
    difference; `p_adjusted`: corrected for all pairs. `significant`: p_adjusted is at most 1 - level.
    `images`: shared ones. None where the two share nothing, all but `difference` where what they share does
    not show how much it varies: `reason` says why. Not to be told apart is not to be alike.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_adjusted: float | None
    significant: bool
    images: int
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """All pairs of models in one column.

    Arrays have the shape (models, models), row less column, NaN on the diagonal and where a pair cannot be
    compared, for the `reason` in words ("" where it can). `scores`: shape (models,). `half_width`: of the
    pair's own interval at `level`, the same function of the level as `p_value` is its inverse: p_value < 1 -
    level exactly where the interval leaves zero out.
    """

    models: tuple[str, ...]
    column: str
    scores: Floats
    difference: Floats
    standard_error: Floats
    half_width: Floats
    degrees_of_freedom: Floats
    p_value: Floats
    p_adjusted: Floats
    images: Integers
    reason: Texts
    over: Over
    correction: Correction
    level: float
    notes: tuple[str, ...]

    @property
    def better(self) -> Booleans:
        """Whether the row's model is better than the column's, significantly after correction."""
        with np.errstate(invalid="ignore"):
            return (self.p_adjusted <= 1 - self.level) & (self.difference > 0)

    def pairs(self) -> Iterator[Difference]:
        """Every pair once, the better model first, the best models' pairs first."""
        order = np.argsort(-np.nan_to_num(self.scores, nan=-np.inf), kind="stable")
        for i, j in combinations(order.tolist(), 2):
            # On shared images alone the order may be the other one.
            yield self._pair(j, i) if self.difference[i, j] < 0 else self._pair(i, j)

    def of(self, first: str, second: str) -> Difference:
        """One pair; raises UnknownNameError."""
        for name in (first, second):
            if name not in self.models:
                raise UnknownNameError("model", name, self.models)
        return self._pair(self.models.index(first), self.models.index(second))

    def corrected(self, correction: Correction) -> "Differences":
        """The same differences with another correction."""
        return replace(self, correction=correction, p_adjusted=_adjusted_pairs(self.p_value, correction))

    def _pair(self, i: int, j: int) -> Difference:
        difference, half = self.difference[i, j], self.half_width[i, j]
        low, high = np.clip((difference - half, difference + half), -FULL_SCALE, FULL_SCALE)
        values = (difference, low, high, self.p_value[i, j], self.p_adjusted[i, j])
        shown, lowest, highest, p_value, p_adjusted = (None if np.isnan(x) else float(x) for x in values)
        significant = bool(self.better[i, j] or self.better[j, i])
        return Difference(
            self.models[i],
            self.models[j],
            difference=shown,
            low=lowest,
            high=highest,
            p_value=p_value,
            p_adjusted=p_adjusted,
            significant=significant,
            images=int(self.images[i, j]),
            reason=str(self.reason[i, j]) or None,
        )


def compare_models(
    ratings: RatingsArray,
    *,
    column: str = "total",
    over: Over = "both",
    correction: Correction = "holm",
    level: float = 0.95,
) -> Differences:
    """Test every pair of models for a difference in `column`, a criterion or the total.

    A pair is compared on the images (prompt and sample) that both have ratings of, by the crossed
    random-effects model (see `nami_bench.evaluation.human.crossed`; Westfall, Kenny & Judd 2014, their fully
    crossed design): what both models share drops out, and the standard error is how much prompts and
    annotators disagree about the difference. Where different annotators rated the two images, prompts'
    difficulty is taken out as far as the other models tell it (see `nami_bench.evaluation.human.difficulty`).
    `over` as for `score_intervals`.

    `correction`: "holm" bounds the chance of any false claim (Holm 1979), "benjamini-hochberg" the
    expected share of false ones among the claims (1995; holds here up to the pairs' positive dependence).

    Raises InputError for more than `MOST_MODELS` models, UnknownNameError for an unknown column or
    correction.
    """
    if len(ratings.models) > MOST_MODELS:
        raise InputError(
            f"{len(ratings.models)} models are {len(ratings.models) * (len(ratings.models) - 1) // 2} pairs, "
            f"too many to compare: choose up to {MOST_MODELS} models"
        )
    if correction not in get_args(Correction):
        raise UnknownNameError("correction", correction, get_args(Correction))
    if not 0 < level < 1:
        raise InputError(f"the level {level:g} is not between 0 and 1")
    index = ratings.column(column)
    over, notes = usable_kinds(ratings, over)
    estimates = estimate_scores(ratings)
    images, same = shared_items(ratings, index)
    if not same:
        notes += ("models have ratings of different images: each pair is compared on those that it shares",)
    found = paired_differences(ratings, index, over)
    p_value = found.spread.p_value(found.difference)
    return Differences(
        ratings.models, column, estimates.scores[:, index], found.difference,
        np.sqrt(found.spread.variance), found.spread.half_width(1 - level), found.spread.degrees_of_freedom,
        p_value, _adjusted_pairs(p_value, correction), images, _words(found.reason), over, correction, level,
        notes + _cautions(ratings.models, found),
    )  # fmt: skip


_NO_TEST = {
    NO_RATING: "no image has values of both",
    ONE_PROMPT: "one prompt only: what they are worth cannot be told from the prompt",
    ONE_ANNOTATOR: "a model was rated by one annotator only: taste and worth cannot be told apart",
    NO_VARIATION: "the ratings do not vary",
}


def _words(reason: Integers) -> Texts:
    words = np.array(["", *(_NO_TEST[code] for code in sorted(_NO_TEST))])
    return np.asarray(words[reason])


def _cautions(models: Sequence[str], found: PairedDifferences) -> tuple[str, ...]:
    """Which pairs have no test, and which have one that can find little."""
    upper = np.triu(np.ones(found.reason.shape, dtype=bool), 1)
    notes = []
    for code, words in _NO_TEST.items():
        if (these := (found.reason == code) & upper).any():
            notes.append(f"{_counted(models, these)} cannot be compared, which is not to be alike: {words}")
    if (these := found.strangers & found.spread.known & upper).any():
        notes.append(f"{_counted(models, these)} had different annotators, whose severity counts in the test")
    freedom = found.spread.freedom[found.spread.known][:, 0]
    if (freedom < _FEW).any():
        few = "two annotators, or as good as two," if (freedom < SCARCE).all() else "so few annotators"
        notes.append(f"with {few} only very large differences can be found")
    return tuple(notes)


def _counted(models: Sequence[str], pairs: Booleans) -> str:
    names = [f"{models[i]} - {models[j]}" for i, j in zip(*np.nonzero(pairs), strict=True)]
    return f"{len(names)} pair{'s' * (len(names) != 1)} of models ({listed(names)})"


def adjusted_p_values(p_values: Floats, correction: Correction) -> Floats:
    """p-values, shape (n,), corrected for all that are not NaN."""
    known = np.flatnonzero(~np.isnan(p_values))
    adjusted = np.array(p_values, dtype=float)
    if correction == "none" or not len(known):
        return adjusted
    order = known[np.argsort(p_values[known])]
    n = len(order)
    if correction == "holm":
        stepped = np.maximum.accumulate(p_values[order] * np.arange(n, 0, -1))
    else:
        stepped = np.minimum.accumulate((p_values[order] * n / np.arange(1, n + 1))[::-1])[::-1]
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _adjusted_pairs(p_value: Floats, correction: Correction) -> Floats:
    upper = np.triu_indices(len(p_value), 1)
    adjusted = np.full_like(p_value, np.nan)
    adjusted[upper] = adjusted.T[upper] = adjusted_p_values(p_value[upper], correction)
    return adjusted

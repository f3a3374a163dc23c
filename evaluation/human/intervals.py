"""Intervals of the scores of models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.bootstrap import bootstrap_scores
from nami_bench.evaluation.human.crossed import (
    NO_VARIATION,
    ONE_ANNOTATOR,
    ONE_PROMPT,
    Clusters,
    Over,
    crossed_spread,
    without_rounding,
)
from nami_bench.evaluation.human.estimates import Estimates, estimate_scores
from nami_bench.evaluation.human.ratings_array import Floats, Integers, RatingsArray
from nami_bench.evaluation.human.spread import Spread

Method = Literal["crossed", "percentile", "bca"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and the interval around it, all 0-100; the interval is None where it cannot be estimated."""

    estimate: float
    low: float | None
    high: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True, eq=False)
class ScoreIntervals:
    """Scores of models with intervals.

    Arrays have the shape (models, columns), 0-100, NaN where there is no score or no interval: `notes` say
    why. `columns` are the criteria, then the total. `degrees_of_freedom`, Satterthwaite's, describe
    intervals of the method "crossed" only.
    """

    models: tuple[str, ...]
    columns: tuple[str, ...]
    scores: Floats
    low: Floats
    high: Floats
    standard_error: Floats
    degrees_of_freedom: Floats
    method: Method
    over: Over
    level: float
    notes: tuple[str, ...]

    def of(self, model: str, column: str = "total") -> Interval | None:
        """One model's score in one column; None where it has none."""
        if model not in self.models:
            raise UnknownNameError("model", model, self.models)
        if column not in self.columns:
            raise UnknownNameError("criterion", column, self.columns)
        at = self.models.index(model), self.columns.index(column)
        low, high, error = (_known(part[at]) for part in (self.low, self.high, self.standard_error))
        score = _known(self.scores[at])
        return None if score is None else Interval(score, low, high, error)


def score_intervals(
    ratings: RatingsArray,
    *,
    method: Method = "crossed",
    over: Over = "both",
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> ScoreIntervals:
    """The scores of all models with intervals at `level`.

    `over`: what is taken for a sample of many, prompts, annotators or both; the other kind is taken as it is,
    so that the interval says nothing about other annotators, or other prompts.

    `method`:

    - "crossed": estimate +- t * standard error from the crossed random-effects model (see
      `nami_bench.evaluation.human.crossed`). The one that holds its level with few annotators.
    - "percentile": quantiles of the bootstrap (see `nami_bench.evaluation.human.bootstrap`). Too narrow with
      few annotators: a resample of five has less variance than five, and its quantiles are those of a normal
      distribution.
    - "bca": the same corrected for bias and skewness (Efron 1987), the acceleration from the pulls of
      prompts and annotators.

    Raises InputError for a level outside (0, 1), or another method.
    """
    if not 0 < level < 1:
        raise InputError(f"the level {level:g} is not between 0 and 1")
    if method not in get_args(Method):
        raise UnknownNameError("method", method, get_args(Method))
    over, notes = usable_kinds(ratings, over)
    estimates = estimate_scores(ratings)
    spread, reasons = _spreads(ratings, estimates, over)
    error, freedom = np.sqrt(spread.variance), spread.degrees_of_freedom
    if method == "crossed":
        half = spread.half_width(1 - level)
        low, high = estimates.scores - half, estimates.scores + half
    else:
        samples = bootstrap_scores(ratings, over=over, replicates=replicates, seed=seed)
        error = np.where(np.isnan(error), np.nan, samples.standard_error)
        freedom = np.full_like(error, np.nan)
        shares = np.array([(1 - level) / 2, (1 + level) / 2])
        low, high = samples.quantiles(
            shares, _acceleration(ratings, estimates, over) if method == "bca" else None
        )
        low, high = (np.where(np.isnan(error), np.nan, part) for part in (low, high))
        notes += samples.notes
    return ScoreIntervals(
        models=ratings.models,
        columns=ratings.columns,
        scores=estimates.scores,
        low=np.clip(low, 0.0, 100.0),
        high=np.clip(high, 0.0, 100.0),
        standard_error=error,
        degrees_of_freedom=freedom,
        method=method,
        over=over,
        level=level,
        notes=notes + _gaps(ratings, estimates.scores[:, -1], reasons[:, -1]),
    )


def usable_kinds(ratings: RatingsArray, over: Over) -> tuple[Over, tuple[str, ...]]:
    """`over` without a kind that has one member only, and a note that says so."""
    if over not in get_args(Over):
        raise UnknownNameError("kind of resampling", over, get_args(Over))
    if over == "both" and len(ratings.annotators) == 1 and len(ratings.prompts) > 1:
        note = (
            "there is one annotator only: intervals and p-values hold for this annotator, and tell what "
            "other prompts would give, not other annotators"
        )
        return "prompts", (note,)
    if over == "both" and len(ratings.prompts) == 1 and len(ratings.annotators) > 1:
        note = (
            "there is one prompt only: intervals and p-values hold for this prompt, and tell what "
            "other annotators would give, not other prompts"
        )
        return "annotators", (note,)
    return over, ()


def _spreads(ratings: RatingsArray, estimates: Estimates, over: Over) -> tuple[Spread, Integers]:
    """The spreads of all scores, shape (models, columns), and why they are not known."""
    clusters = Clusters.of_models(estimates.model, estimates.prompt, estimates.annotator, len(ratings.models))
    spread = Spread.unknown(estimates.scores.shape)
    reasons = np.zeros(estimates.scores.shape, dtype=np.int64)
    for column in range(estimates.weight.shape[1]):
        forms = clusters.forms(estimates.pull[:, column])
        design = clusters.design(estimates.weight[:, column])
        found, reason = crossed_spread([design], without_rounding(forms, forms[:, 2]), over=over)
        scored = ~np.isnan(estimates.scores[:, column])
        spread.put((scored, column), Spread(found.parts[scored], found.freedom[scored]))
        reasons[:, column] = reason
    return spread, reasons


def _acceleration(ratings: RatingsArray, estimates: Estimates, over: Over) -> Floats:
    """Efron's a, shape (models, columns): a sixth of the skewness of the sum of the pulls."""
    clusters = Clusters.of_models(estimates.model, estimates.prompt, estimates.annotator, len(ratings.models))
    kinds = [kind for kind, name in enumerate(("annotators", "prompts")) if over in ("both", name)]
    found = []
    for pull in estimates.pull.T:
        squares = clusters.forms(pull)[:, kinds].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(clusters.cubes(pull)[:, kinds].sum(axis=1) / (6 * squares**1.5))
    return np.asarray(np.nan_to_num(np.stack(found, axis=1)))


_NO_INTERVAL = {
    ONE_PROMPT: "one prompt only: it does not show how much scores vary with prompts",
    ONE_ANNOTATOR: "one annotator only: taste and the model's worth cannot be told apart",
    NO_VARIATION: "the ratings do not vary at all",
}


def _gaps(ratings: RatingsArray, totals: Floats, reasons: Integers) -> tuple[str, ...]:
    notes = []
    lacks_total = np.isnan(totals)
    if lacks_total.any():
        names = listed(np.array(ratings.models)[lacks_total].tolist())
        notes.append(f"no total for {names}: a criterion that carries weight has no value")
    for reason, words in _NO_INTERVAL.items():
        lacks = (reasons == reason) & ~lacks_total
        if lacks.any():
            notes.append(f"no interval for {listed(np.array(ratings.models)[lacks].tolist())}: {words}")
    return tuple(notes)


def listed(names: Sequence[str]) -> str:
    """The first five of the names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

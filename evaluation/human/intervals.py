"""Intervals of the scores of models."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from evaluation.human.bootstrap import bootstrap_scores
from evaluation.human.crossed import Clusters, Over, Spread, crossed_spread, one_way_spread
from evaluation.human.estimates import Estimates, estimate_scores
from evaluation.human.ratings_array import Floats, RatingsArray
from nami_bench.errors import InputError, UnknownNameError

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
      `evaluation.human.crossed`). The one that holds its level with few annotators.
    - "percentile": quantiles of the bootstrap (see `evaluation.human.bootstrap`). Too narrow with few
      annotators: a resample of five has less variance than five, and its quantiles are those of a normal
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
    spread = _spreads(ratings, estimates, over)
    error, freedom = np.sqrt(spread.variance), spread.degrees_of_freedom
    if method == "crossed":
        half = spread.bound(1 - level) * error
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
        notes=notes + _gaps(ratings, estimates.scores, error),
    )


def usable_kinds(ratings: RatingsArray, over: Over) -> tuple[Over, tuple[str, ...]]:
    """`over` without a kind that has one member only, and a note that says so."""
    if over not in get_args(Over):
        raise UnknownNameError("kind of resampling", over, get_args(Over))
    if over == "both" and len(ratings.annotators) == 1 and len(ratings.prompts) > 1:
        note = (
            "there is one annotator only: intervals tell what other prompts would give, not other annotators"
        )
        return "prompts", (note,)
    if over == "both" and len(ratings.prompts) == 1 and len(ratings.annotators) > 1:
        note = "there is one prompt only: intervals tell what other annotators would give, not other prompts"
        return "annotators", (note,)
    return over, ()


def _spreads(ratings: RatingsArray, estimates: Estimates, over: Over) -> Spread:
    """The spreads of all scores, shape (models, columns); NaN where not estimable."""
    clusters = Clusters(estimates.model, estimates.prompt, estimates.annotator, len(ratings.models))
    spread = Spread.unknown(estimates.scores.shape)
    for column in range(estimates.weight.shape[1]):
        weight, pull = estimates.weight[:, column], estimates.pull[:, column]
        design, forms = clusters.design(weight), clusters.forms(pull)
        members = design.members
        known = np.isfinite(members[:, 2]) & ~np.isnan(estimates.scores[:, column])
        if over == "both":
            enough = known & (members[:, :2] > 1 + 1e-9).all(axis=1)
            found = crossed_spread(design.of(enough), forms[enough])
        else:
            kind = 0 if over == "annotators" else 1
            enough = known & (members[:, kind] > 1 + 1e-9)
            found = one_way_spread(forms[enough, kind], clusters.counts(weight)[enough, kind])
        spread.put((enough, column), found)
    return spread


def _acceleration(ratings: RatingsArray, estimates: Estimates, over: Over) -> Floats:
    """Efron's a, shape (models, columns): a sixth of the skewness of the sum of the pulls."""
    clusters = Clusters(estimates.model, estimates.prompt, estimates.annotator, len(ratings.models))
    kinds = [kind for kind, name in enumerate(("annotators", "prompts")) if over in ("both", name)]
    found = []
    for pull in estimates.pull.T:
        squares = clusters.forms(pull)[:, kinds].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(clusters.cubes(pull)[:, kinds].sum(axis=1) / (6 * squares**1.5))
    return np.asarray(np.nan_to_num(np.stack(found, axis=1)))


def _gaps(ratings: RatingsArray, scores: Floats, error: Floats) -> tuple[str, ...]:
    notes = []
    lacks_total = np.isnan(scores[:, -1])
    without = [name for name, lacks in zip(ratings.models, lacks_total, strict=True) if lacks]
    if without:
        notes.append(f"no total for {_listed(without)}: a criterion that carries weight has no value")
    alone = np.isnan(error[:, -1]) & ~lacks_total
    if alone.any():
        names = [name for name, lacks in zip(ratings.models, alone, strict=True) if lacks]
        notes.append(
            f"no interval for {_listed(names)}: one prompt or one annotator does not show how much they vary"
        )
    if (error[:, -1] == 0).any():
        names = [name for name, zero in zip(ratings.models, error[:, -1] == 0, strict=True) if zero]
        notes.append(f"the interval of {_listed(names)} has no width: the ratings do not vary at all")
    return tuple(notes)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

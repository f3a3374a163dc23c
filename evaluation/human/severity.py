"""Scores adjusted for annotators: strict or lenient, using little or much of the scale, more or less steady.

An adjusted score is what the average annotator of the panel would have given, had that annotator rated
everything (the model: see `nami_bench.evaluation.human.severity_fit`). It stands beside the raw score, never
in its place: what looks like severity can be a real difference in taste. In a complete crossed design where
annotators differ in severity only it is the raw score; it matters where annotators rated different images,
or where some follow the images and others hardly do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from nami_bench.domain import Criterion
from nami_bench.errors import InputError
from nami_bench.evaluation.human.estimates import estimate_scores
from nami_bench.evaluation.human.intervals import Interval
from nami_bench.evaluation.human.ratings_array import Floats, Integers, RatingsArray
from nami_bench.evaluation.human.severity_fit import SeverityFit, fit_severity


@dataclass(frozen=True, slots=True, eq=False)
class SeverityAdjustment:
    """Adjusted scores, and what was found of the annotators.

    `ratings`: those given with adjusted values, of which the mean over an image's annotators is the image's
    quality; single ones may lie outside 0-100. NaN throughout a criterion that cannot be adjusted.

    `scores`, `low`, `high`: shape (models, columns), 0-100; columns are the criteria, then the total.
    `standard_error`: the same, in points. NaN where there is none. They hold over other prompts and other
    annotators of the same kind.

    `severity` (points above the average annotator; below zero is strict), `spread` (one is the usual) and
    `inconsistency` (standard deviation of a rating about what is expected of it, in points): shape
    (annotators, criteria), NaN for an annotator without values and for a criterion that cannot be adjusted.

    `notes`: what is not adjusted and why, and which annotators hardly count.
    """

    ratings: RatingsArray
    scores: Floats
    low: Floats
    high: Floats
    standard_error: Floats
    severity: Floats
    spread: Floats
    inconsistency: Floats
    notes: tuple[str, ...]

    def of(self, model: str) -> list[Interval | None]:
        """One model's adjusted scores with their intervals, column by column; None where there is none."""
        at = self.ratings.models.index(model)
        return [
            None if np.isnan(score) else Interval(float(score), *map(_known, rest))
            for score, *rest in zip(
                *(part[at] for part in (self.scores, self.low, self.high, self.standard_error)), strict=True
            )
        ]


def adjust_severity(ratings: RatingsArray, *, level: float = 0.95) -> SeverityAdjustment:
    """Adjust each criterion by itself, with intervals at `level`.

    The total is the criteria's by their weights, as of raw scores: there is none where a criterion that
    carries weight cannot be adjusted. Raises InputError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise InputError(f"the level {level:g} is not between 0 and 1")
    columns = [_Column.of(ratings, value) for value in ratings.values.T]
    adjusted = np.stack([column.adjusted() for column in columns], axis=1)
    scores = estimate_scores(replace(ratings, values=adjusted)).scores
    half, error = (np.full_like(scores, np.nan) for _ in range(2))
    for number, column in enumerate([*columns, _totals(ratings, columns)]):
        if isinstance(column.fit, SeverityFit):
            error[:, number] = np.where(np.isnan(scores[:, number]), np.nan, column.standard_errors())
            half[:, number] = error[:, number] * stats.t.ppf((1 + level) / 2, column.fit.known - 1)
    by_annotator = [column.by_annotator() for column in columns]
    severity, spread, inconsistency = (np.stack(part, axis=1) for part in zip(*by_annotator, strict=True))
    return SeverityAdjustment(
        ratings=replace(ratings, values=adjusted),
        scores=np.clip(scores, 0.0, 100.0),
        low=np.clip(scores - half, 0.0, 100.0),
        high=np.clip(scores + half, 0.0, 100.0),
        standard_error=error,
        severity=severity,
        spread=spread,
        inconsistency=inconsistency,
        notes=tuple(_notes(ratings, columns)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """The fit to one criterion's values, in the ratings' rows `rows`; or why there is none."""

    ratings: RatingsArray
    value: Floats
    rows: Integers
    model: Integers
    prompt: Integers
    fit: SeverityFit | str

    @classmethod
    def of(cls, ratings: RatingsArray, value: Floats) -> "_Column":
        """`value`: by row, NaN where there is none. `model` and `prompt` become those of its images."""
        rows = np.flatnonzero(~np.isnan(value))
        _, first, image = np.unique(ratings.image()[rows], return_index=True, return_inverse=True)
        model, prompt = ratings.model[rows][first], ratings.prompt[rows][first]
        annotators = len(ratings.annotators)
        found: SeverityFit | str = "nobody gave a value"
        if len(rows):
            found = fit_severity(image, ratings.annotator[rows], value[rows], model, annotators)
        return cls(ratings, value, rows, model, prompt, found)

    def adjusted(self) -> Floats:
        """The values without severity, moved to where their mean over an image is its quality."""
        adjusted = np.full_like(self.value, np.nan)
        if isinstance(self.fit, str):
            return adjusted
        rated = self.fit.rated
        moved = self.value[self.rows] - self.fit.severity[rated.annotator]
        mean = rated.by_image(moved) / rated.raters
        adjusted[self.rows] = moved + (self.fit.quality - mean)[rated.image]
        return adjusted

    def by_annotator(self) -> tuple[Floats, Floats, Floats]:
        """Severity, spread and inconsistency, each of shape (annotators,)."""
        if isinstance(self.fit, str):
            nothing = np.full(len(self.ratings.annotators), np.nan)
            return nothing, nothing, nothing
        return self.fit.severity, self.fit.spread, np.sqrt(self.fit.variance)

    def standard_errors(self) -> Floats:
        """Of the mean quality, by model, over other prompts and other annotators; NaN for one prompt.

        Prompts: the variance of the mean over them, the images of a prompt being one cluster. Annotators: the
        errors of their severities and spreads, each by how much of the mean hangs on it.
        """
        assert isinstance(self.fit, SeverityFit)
        fit, rated, models = self.fit, self.fit.rated, len(self.ratings.models)
        images = np.bincount(self.model, minlength=models)
        mean = np.bincount(self.model, weights=fit.quality, minlength=models) / np.maximum(images, 1)
        away = (fit.quality - mean[self.model]) / images[self.model]
        prompts = _clustered(self.model, self.prompt, away, models)
        share = fit.influence / images[self.model][rated.image]
        cell = self.model[rated.image] * rated.annotators + rated.annotator
        shape = (models, rated.annotators)
        on_severity, on_spread = (
            np.bincount(cell, weights=part, minlength=models * rated.annotators).reshape(shape).astype(float)
            for part in (share, share * (fit.quality[rated.image] - fit.centre))
        )
        annotators = fit.predicted.error_variance(on_severity)
        return np.asarray(np.sqrt(prompts + annotators + on_spread**2 @ fit.spread_error**2))


def _totals(ratings: RatingsArray, columns: Sequence[_Column]) -> _Column:
    """A fit to the ratings' totals: the total's error is from there, its score is not."""
    weighted = np.flatnonzero(ratings.weights > 0)
    if len(weighted) == 1:
        return columns[int(weighted[0])]
    return _Column.of(ratings, ratings.values[:, weighted] @ ratings.weights[weighted])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _clustered(model: Integers, prompt: Integers, away: Floats, models: int) -> Floats:
    """By model, the variance of a sum of deviations that are clustered by prompt; NaN for one prompt."""
    cells, code = np.unique(np.stack((model, prompt)), axis=1, return_inverse=True)
    squares = np.bincount(code.ravel(), weights=away) ** 2
    prompts = np.bincount(cells[0], minlength=models).astype(float)
    whole = np.bincount(cells[0], weights=squares, minlength=models)
    variance = np.full(models, np.nan)
    np.divide(whole * prompts, prompts - 1, out=variance, where=prompts > 1)
    return variance


def _notes(ratings: RatingsArray, columns: Sequence[_Column]) -> Iterator[str]:
    reasons: dict[str, list[Criterion]] = {}
    asleep: dict[str, list[str]] = {}
    for criterion, column in zip(ratings.criteria, columns, strict=True):
        if isinstance(column.fit, str):
            reasons.setdefault(column.fit, []).append(criterion)
            continue
        for annotator in np.flatnonzero(~column.fit.follows):
            asleep.setdefault(ratings.annotators[annotator], []).append(criterion.name)
    if reasons:
        yield _absence(reasons, len(ratings.criteria))
    if asleep:
        who = "; ".join(f"{name} ({', '.join(criteria)})" for name, criteria in asleep.items())
        yield (
            f"adjusted: {len(asleep)} of {len(ratings.annotators)} annotators do not follow the images and "
            f"hardly count: {who}"
        )


def _absence(reasons: Mapping[str, Sequence[Criterion]], criteria: int) -> str:
    """In one sentence, what has no adjusted scores; `reasons` names the criteria of each."""
    without = [criterion for part in reasons.values() for criterion in part]
    if len(without) == criteria:
        return f"no adjusted scores: {'; '.join(reasons)}"
    parts = [f"{', '.join(c.name for c in part)} ({reason})" for reason, part in reasons.items()]
    total = ", and so none of the total" if any(c.weight > 0 for c in without) else ""
    return f"no adjusted scores of {'; '.join(parts)}{total}"

"""How far a study's annotators agree: per criterion, per annotator, and how much hangs on each of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX, Criterion
from nami_bench.errors import InputError
from nami_bench.evaluation.human.agreement import Level
from nami_bench.evaluation.human.annotators import AnnotatorSummary, summarize_annotators
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.sensitivity import (
    Reversal,
    WithoutAnnotator,
    drop_few,
    leave_one_annotator_out,
)
from nami_bench.evaluation.leaderboard.checks import AnnotatorChecks
from nami_bench.evaluation.leaderboard.coefficients import (
    CriterionAgreement,
    criteria_agreement,
    criterion_notes,
)


@dataclass(frozen=True, slots=True)
class ModelAgreement:
    """The agreement on one model's images."""

    model: str
    criteria: tuple[CriterionAgreement, ...]


@dataclass(frozen=True, slots=True)
class AnnotatorWork:
    """What one annotator did. `median_seconds`: on an image, None where no times are known.

    `summaries`: by criterion, see `AnnotatorSummary`.
    """

    annotator: str
    images: int
    values: int
    withheld: int
    median_seconds: float | None
    summaries: tuple[AnnotatorSummary, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of a study.

    `level`: of measurement, that of alpha. `criteria`: over all images; `models`: on each model's images,
    empty unless asked for. `images_by_ratings`: how many images have how many annotators. `without`: the
    totals without each annotator; `reversal`: how few prompts decide between the two models that lead, None
    without two models. `notes` say in words what is missing, and why. `checks`: of the study's planted items,
    where known. `left_out` says whose judgements do not count.
    """

    study: str
    level: Level
    images: int
    values: int
    withheld: int
    images_by_ratings: Mapping[int, int]
    simulated_annotators: int
    criteria: tuple[CriterionAgreement, ...]
    models: tuple[ModelAgreement, ...]
    annotators: tuple[AnnotatorWork, ...]
    without: tuple[WithoutAnnotator, ...]
    reversal: Reversal | None
    notes: tuple[str, ...]
    checks: tuple[AnnotatorChecks, ...] = ()
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        return asdict(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Long form, a row for each number; see `agreement_csv` for the columns.

        `model` is empty where the number is of all models, `level` where it is not an alpha.
        """
        for sentence in self.left_out:
            yield _row("", "", sentence, None)
        for model, criteria in (("", self.criteria), *((one.model, one.criteria) for one in self.models)):
            for row in _coefficient_rows(criteria, self.level):
                yield {**row, "model": model}
        for work in self.annotators:
            yield _row("", work.annotator, "images", work.images)
            yield _row("", work.annotator, "median_seconds", work.median_seconds)
            for summary in work.summaries:
                for name in ("correlation", "rank_correlation", "severity", "spread"):
                    value = getattr(summary, name)
                    yield _row(summary.criterion, work.annotator, name, value, n=summary.shared)
                yield _row(summary.criterion, work.annotator, "withheld", summary.withheld)
        for check in self.checks:
            if check.gold_seen:
                share = check.gold_passed / check.gold_seen
                yield _row("", check.annotator, "gold_passed", share, n=check.gold_seen)
            if check.repeats is not None:
                difference, repeats = check.repeats.difference, check.repeats.repeats
                yield _row("", check.annotator, "repeat_difference", difference, n=repeats)


def measure_agreement(
    table: pd.DataFrame,
    criteria: Sequence[Criterion],
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: Level = "interval",
    by_model: bool = False,
    checks: Iterable[AnnotatorChecks] = (),
    left_out: Iterable[str] = (),
) -> Agreement:
    """The agreement in a tidy table (see `nami_bench.evaluation.human.table`) of one study.

    `level` of measurement is that of alpha; `by_model`: also on each model's images alone.

    Raises InputError for an empty table or one of several studies.
    """
    studies = sorted(map(str, table["study"].unique()))
    if not studies:
        raise InputError("there are no ratings to measure agreement of")
    if len(studies) > 1:
        raise InputError(f"the ratings are of {len(studies)} studies ({', '.join(studies)}): choose one")
    ratings = RatingsArray.from_table(table, criteria)
    names = [c.name for c in criteria]
    asked = len(ratings.asked)

    def coefficients(part: RatingsArray) -> tuple[CriterionAgreement, ...]:
        return criteria_agreement(part, names, level, replicates=replicates, seed=seed)

    found = coefficients(ratings)
    reversal, notes = _reversal(ratings)
    return Agreement(
        study=studies[0],
        level=level,
        images=int(ratings.image()[-1]) + 1,
        values=int((~np.isnan(ratings.values[:, :asked])).sum()),
        withheld=int(ratings.withheld[:, :asked].sum()),
        images_by_ratings=dict(sorted(Counter(np.bincount(ratings.image()).tolist()).items())),
        simulated_annotators=sum(name.startswith(SIMULATED_PREFIX) for name in ratings.annotators),
        criteria=found,
        models=tuple(
            ModelAgreement(name, coefficients(ratings.of_models([name])))
            for name in (ratings.models if by_model else ())
        ),
        annotators=tuple(_work(table, ratings)),
        without=leave_one_annotator_out(ratings),
        reversal=reversal,
        notes=tuple(dict.fromkeys([*criterion_notes(found), *notes])),
        checks=tuple(checks),
        left_out=tuple(left_out),
    )


def _work(table: pd.DataFrame, ratings: RatingsArray) -> Iterator[AnnotatorWork]:
    by_criterion = [summarize_annotators(ratings, c.name) for c in ratings.asked]
    seconds = _median_seconds(table)
    for code, name in enumerate(ratings.annotators):
        summaries = tuple(summary[code] for summary in by_criterion)
        yield AnnotatorWork(
            name,
            images=int((ratings.annotator == code).sum()),
            values=sum(summary.ratings for summary in summaries),
            withheld=sum(summary.withheld for summary in summaries),
            median_seconds=seconds.get(name),
            summaries=summaries,
        )


def _median_seconds(table: pd.DataFrame) -> dict[str, float]:
    """By annotator; all criteria of an image carry the same time."""
    key = ["annotator", "model", "prompt_id", "sample"]
    timed = table[table["duration_ms"].notna()].drop_duplicates(key)
    medians = timed["duration_ms"].astype(float).groupby(timed["annotator"].astype(str)).median() / 1000
    return {str(name): float(value) for name, value in medians.items()}


def _reversal(ratings: RatingsArray) -> tuple[Reversal | None, tuple[str, ...]]:
    try:
        found = drop_few(ratings)
    except InputError as error:
        return None, (str(error),)
    return (found, ()) if found.difference > 0 else (None, ("the two models that lead are level",))


def _coefficient_rows(found: Iterable[CriterionAgreement], level: Level) -> Iterator[dict[str, Any]]:
    for one in found:
        alpha = one.alpha
        row = _row(one.criterion, "", "alpha", alpha.alpha, alpha.low, alpha.high, alpha.units)
        yield {**row, "level": level}
        for name, of in (("Fleiss' kappa", one.kappa), *one.icc.items()):
            yield _row(one.criterion, "", name, of.value, of.low, of.high, of.targets)


def _row(
    criterion: str,
    annotator: str,
    statistic: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    n: int | None = None,
) -> dict[str, Any]:
    return {
        "criterion": criterion,
        "model": "",
        "annotator": annotator,
        "statistic": statistic,
        "value": value,
        "low": low,
        "high": high,
        "n": n,
        "level": "",
    }

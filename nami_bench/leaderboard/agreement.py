"""How far a study's annotators agree: per criterion, per annotator, and how much hangs on each of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation.human.agreement import Alpha, ratings_alpha
from evaluation.human.annotators import AnnotatorSummary, summarize_annotators
from evaluation.human.icc import Coefficient, intraclass_correlations
from evaluation.human.ratings_array import RatingsArray
from evaluation.human.sensitivity import Reversal, WithoutAnnotator, drop_few, leave_one_annotator_out
from nami_bench.domain import SIMULATED_PREFIX, Criterion
from nami_bench.errors import InputError
from nami_bench.leaderboard.checks import AnnotatorChecks

ICC_FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(2,k)")
_LARGEST = 2**25
"""Cells of a table of images by annotators."""


@dataclass(frozen=True, slots=True)
class CriterionAgreement:
    """Krippendorff's alpha (interval level) and intraclass correlations (by form) of one criterion."""

    criterion: str
    alpha: Alpha
    icc: Mapping[str, Coefficient]


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

    `images_by_ratings`: how many images have how many annotators. `without`: the totals without each
    annotator; `reversal`: how few prompts decide between the two models that lead, None without two models.
    `notes` say in words what is missing, and why. `checks`: of the study's planted items, where known.
    `left_out` says whose judgements do not count.
    """

    study: str
    images: int
    values: int
    withheld: int
    images_by_ratings: Mapping[int, int]
    simulated_annotators: int
    criteria: tuple[CriterionAgreement, ...]
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
        """Long form, one row for each number: criterion, annotator, statistic, value, low, high, n."""
        for sentence in self.left_out:
            yield _row("", "", sentence, None)
        for found in self.criteria:
            alpha = found.alpha
            yield _row(found.criterion, "", "alpha", alpha.alpha, alpha.low, alpha.high, alpha.units)
            for form, icc in found.icc.items():
                yield _row(found.criterion, "", form, icc.value, icc.low, icc.high, icc.targets)
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
    checks: Iterable[AnnotatorChecks] = (),
    left_out: Iterable[str] = (),
) -> Agreement:
    """The agreement in a tidy table (see `evaluation.human.table`) of one study.

    Raises InputError for an empty table or one of several studies.
    """
    studies = sorted(map(str, table["study"].unique()))
    if not studies:
        raise InputError("there are no ratings to measure agreement of")
    if len(studies) > 1:
        raise InputError(f"the ratings are of {len(studies)} studies ({', '.join(studies)}): choose one")
    ratings = RatingsArray.from_table(table, criteria)
    found = tuple(_criterion(ratings, c.name, replicates, seed) for c in criteria)
    reversal, notes = _reversal(ratings)
    return Agreement(
        study=studies[0],
        images=int(ratings.image()[-1]) + 1,
        values=int((~np.isnan(ratings.values)).sum()),
        withheld=int(ratings.withheld.sum()),
        images_by_ratings=dict(sorted(Counter(np.bincount(ratings.image()).tolist()).items())),
        simulated_annotators=sum(name.startswith(SIMULATED_PREFIX) for name in ratings.annotators),
        criteria=found,
        annotators=tuple(_work(table, ratings)),
        without=leave_one_annotator_out(ratings),
        reversal=reversal,
        notes=tuple(dict.fromkeys([*_criterion_notes(found), *notes])),
        checks=tuple(checks),
        left_out=tuple(left_out),
    )


def _criterion(ratings: RatingsArray, name: str, replicates: int, seed: int) -> CriterionAgreement:
    alpha = ratings_alpha(ratings, name, replicates=replicates, seed=seed)
    return CriterionAgreement(name, alpha, _icc(ratings, ratings.column(name)))


def _icc(ratings: RatingsArray, column: int) -> dict[str, Coefficient]:
    """The forms of `ICC_FORMS`: from the images that every annotator rated, where there are two of them.

    Else form 1, which lets every image have raters of its own, from the images that have the usual number.
    """
    given = ~np.isnan(ratings.values[:, column])
    image, value = ratings.image()[given], ratings.values[given, column]
    images, annotators = int(image.max(initial=-1)) + 1, len(ratings.annotators)
    wide = np.full((images if images * annotators <= _LARGEST else 0, annotators), np.nan)
    if len(wide):
        wide[image, ratings.annotator[given]] = value
    crossed = {found.name: found for found in intraclass_correlations(wide)}
    if crossed["ICC(1,1)"].value is None and crossed["ICC(1,1)"].targets < 2:
        first = {found.name: found for found in intraclass_correlations(_of_usual_number(image, value))}
        crossed["ICC(1,1)"] = first["ICC(1,1)"]
    return {form: _bounded(crossed[form]) for form in ICC_FORMS}


def _bounded(found: Coefficient) -> Coefficient:
    """Without a limit at minus infinity, which the mean of several annotators can have."""
    if found.low is None or np.isfinite(found.low):
        return found
    return replace(found, low=None, notes=(*found.notes, "the interval has no lower limit"))


def _of_usual_number(image: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Values of the images that have the commonest number of them from two on, shape (images, number)."""
    counts = np.bincount(image)
    several = counts[counts > 1]
    if not len(several):
        return np.empty((0, 0))
    usual = int(np.bincount(several).argmax())
    chosen = counts[image] == usual
    return np.asarray(value[chosen][np.argsort(image[chosen], kind="stable")].reshape(-1, usual))


def _work(table: pd.DataFrame, ratings: RatingsArray) -> Iterator[AnnotatorWork]:
    by_criterion = [summarize_annotators(ratings, c.name) for c in ratings.criteria]
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


def _criterion_notes(found: Sequence[CriterionAgreement]) -> Iterator[str]:
    """Each note once, with the criteria and the coefficients that it is about."""
    about: dict[str, tuple[list[str], list[str]]] = {}
    for one in found:
        notes = [("alpha", note) for note in one.alpha.notes]
        notes += [(form, note) for form, icc in one.icc.items() for note in icc.notes]
        for name, note in notes:
            criteria, names = about.setdefault(note, ([], []))
            criteria.append(one.criterion)
            names.append(name)
    for note, (criteria, names) in about.items():
        yield f"{', '.join(dict.fromkeys(names))} of {', '.join(dict.fromkeys(criteria))}: {note}"


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
        "annotator": annotator,
        "statistic": statistic,
        "value": value,
        "low": low,
        "high": high,
        "n": n,
    }

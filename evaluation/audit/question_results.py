"""What an audit by questions finds."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from nami_bench.evaluation.audit.results import Estimate

ALL = "all"
"""Stands in the place of a category where all questions are taken together."""

STATISTICS = ("sensitivity", "specificity", "kappa", "calibration", "brier")


@dataclass(frozen=True, slots=True)
class CategoryAudit:
    """A judge's answers against people's, on the questions of one category, or on all.

    A question about an image is right to people where more of them gave its right answer than the wrong one,
    and to the judge where its score is a half or more. The four counts are of such questions. `ties`: as many
    people said yes as no; `untold`: none said either; both are in nothing else.

    `sensitivity`: of those right to people, the share right to the judge; `specificity`: of the wrong ones,
    the share wrong to it. `kappa`: Cohen's. Of a judge that gives probabilities of the right answer:
    `calibration` is the expected calibration error in ten bins (Naeini et al. 2015), `brier` the mean squared
    difference from people's word (Brier 1950); 0 is best for both, and the first is above 0 by chance alone
    where questions are few. `notes` say in words what is missing.
    """

    category: str
    questions: int
    images: int
    prompts: int
    both_right: int
    only_judge_right: int
    only_people_right: int
    both_wrong: int
    ties: int
    untold: int
    sensitivity: Estimate
    specificity: Estimate
    kappa: Estimate
    calibration: Estimate
    brier: Estimate
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionJudgeAudit:
    """One judge: a metric by questions and its instrument."""

    metric: str
    instrument: str
    overall: CategoryAudit
    categories: tuple[CategoryAudit, ...]


@dataclass(frozen=True, slots=True)
class QuestionAudit:
    """The audit of the judges of a study's questions; `answers` are people's yes and no."""

    study: str
    images: int
    prompts: int
    answers: int
    annotators: int
    simulated_annotators: int
    judges: tuple[QuestionJudgeAudit, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        return asdict(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Long form, one row for each number: metric, instrument, category, statistic, value, low, high,
        questions, images, prompts, ties, untold, notes."""
        for judge in self.judges:
            for found in (judge.overall, *judge.categories):
                for name in STATISTICS:
                    estimate: Estimate = getattr(found, name)
                    low, high = estimate.interval or (None, None)
                    yield {
                        "metric": judge.metric,
                        "instrument": judge.instrument,
                        "category": found.category,
                        "statistic": name,
                        "value": estimate.value,
                        "low": low,
                        "high": high,
                        **{key: getattr(found, key) for key in ("questions", "images", "prompts")},
                        "ties": found.ties,
                        "untold": found.untold,
                        "notes": "; ".join(found.notes),
                    }

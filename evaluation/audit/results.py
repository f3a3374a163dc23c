"""What an audit finds: values that a report can draw."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nami_bench.evaluation.audit.accuracy_results import MetricAccuracy

Interval = tuple[float, float]

ALL_TASKS = "all"
"""Stands in the place of a task's name where all of them were taken together."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, None where it is not defined, with its 95 % interval, None where there is none."""

    value: float | None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class VerdictAgreement:
    """GenEval's verdicts against people's on the images of one task, or of all.

    An image is right to people if its mean rating reaches the threshold. The four counts are of images.
    `verdict_rate` and `people_rate`: share that GenEval, and people, call right. `agreement`: share on
    which they say the same. `kappa`: Cohen's. `auc`: the probability that people rate a random image
    that GenEval calls right above one that it calls wrong, ties half; no threshold enters it.
    `notes` say in words what is missing.
    """

    task: str
    images: int
    prompts: int
    both_right: int
    only_verdict_right: int
    only_people_right: int
    both_wrong: int
    verdict_rate: Estimate
    people_rate: Estimate
    agreement: Estimate
    kappa: Estimate
    auc: Estimate
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """One model's GenEval accuracy beside the one that people give it, over the same images.

    Both are means over tasks, as GenEval's overall score is. `difference`: GenEval's less people's.
    """

    model: str
    images: int
    prompts: int
    verdict_accuracy: float
    people_accuracy: float
    difference: Estimate
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgeAudit:
    """One GenEval instrument (detector, weights, classifier) on one prompt set."""

    prompt_set: str
    instrument: str
    overall: VerdictAgreement
    tasks: tuple[VerdictAgreement, ...]
    drift: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """A metric's order of images, or of models, beside people's. Positive is agreement for every metric.

    `level`: "image" or "model". `count`: how many of them entered. `images` and `prompts`: what they rest on.
    """

    metric: str
    prompt_set: str
    instrument: str
    level: str
    count: int
    images: int
    prompts: int
    spearman: Estimate
    kendall: Estimate
    notes: tuple[str, ...] = ()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Two of the rows of `Audit.rows`."""
        of_metric = {"metric": self.metric, "prompt_set": self.prompt_set, "instrument": self.instrument}
        where = {"table": "correlation", **of_metric, "name": self.level, **_basis(self)}
        yield _row(where, "spearman", self.spearman)
        yield _row(where, "kendall", self.kendall)


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit of a study's automatic metrics.

    People's value of an image is the mean of its ratings on `criterion`, on 0-100; at `threshold` and above
    they call it right. `ratings` have a value and lie on `images` of `prompts`. Of a study of pairs or orders
    `ratings` counts verdicts, and there are neither judges nor correlations. `accuracies`: of every metric
    that has scored two images of one prompt.
    """

    study: str
    criterion: str
    threshold: float
    images: int
    prompts: int
    ratings: int
    annotators: int
    simulated_annotators: int
    judges: tuple[JudgeAudit, ...]
    correlations: tuple[RankCorrelation, ...]
    notes: tuple[str, ...] = ()
    accuracies: "tuple[MetricAccuracy, ...]" = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        return asdict(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Long form, one row for each number: table, metric, prompt_set, instrument, name, statistic, value,
        low, high, images, prompts, notes."""
        for judge in self.judges:
            of_judge = {"metric": "geneval", "prompt_set": judge.prompt_set, "instrument": judge.instrument}
            for verdicts in (judge.overall, *judge.tasks):
                where = {"table": "agreement", **of_judge, "name": verdicts.task, **_basis(verdicts)}
                for name in ("verdict_rate", "people_rate", "agreement", "kappa", "auc"):
                    yield _row(where, name, getattr(verdicts, name))
            for drift in judge.drift:
                where = {"table": "drift", **of_judge, "name": drift.model, **_basis(drift)}
                yield _row(where, "verdict_accuracy", Estimate(drift.verdict_accuracy))
                yield _row(where, "people_accuracy", Estimate(drift.people_accuracy))
                yield _row(where, "difference", drift.difference)
        for rank in self.correlations:
            yield from rank.rows()
        for found in self.accuracies:
            yield from found.rows()
        about = dict.fromkeys(("metric", "prompt_set", "instrument"), "")
        where = {"table": "audit", **about, "name": self.criterion, **_basis(self)}
        yield _row(where, "annotators", Estimate(self.annotators))


def _basis(found: Audit | VerdictAgreement | Drift | RankCorrelation) -> dict[str, Any]:
    return {"images": found.images, "prompts": found.prompts, "notes": "; ".join(found.notes)}


def _row(where: dict[str, Any], statistic: str, estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval or (None, None)
    return {**where, "statistic": statistic, "value": estimate.value, "low": low, "high": high}

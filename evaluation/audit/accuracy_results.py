"""What is found of a metric beside people's preferences, pair by pair."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from nami_bench.evaluation.audit.results import Estimate

MEANS, SINGLE, VOTES = "means of people", "single people", "votes"
"""What a metric's order is compared with: `Accuracy.against`."""
GENAI_BENCH = "genai-bench"
"""The key of GenAI-Bench's protocol, which is no mean of credits."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A metric's pairwise accuracy by one protocol (`protocol` its key, `words` what it does), 0 to 1.

    `against`: MEANS, SINGLE or VOTES. `over`: what the interval generalizes to: "prompts and people" or
    "prompts". `pairs` count in it; `ties` are those that people call alike, `metric_ties` those that the
    metric does, of `all_pairs`. `threshold`: up to which the metric calls a pair a tie, where there is one.
    """

    protocol: str
    words: str
    against: str
    value: Estimate
    over: str
    pairs: int
    all_pairs: int
    ties: int
    metric_ties: int
    lists: int
    prompts: int
    people: int
    threshold: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TauCorrelation:
    """Kendall's tau of images: `variant` a, b, or eq (Deutsch et al. 2023, with scores called alike up to
    `epsilon`, chosen on the same pairs). `grouping`: "no grouping", all pairs of images, or "by prompt", the
    mean over prompts of the tau of each."""

    variant: str
    grouping: str
    value: Estimate
    epsilon: float
    pairs: int


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Pairs whose scores differ by `low` to `high`: `agreement` is the share of judgements that prefer the
    image with the higher score, of those that prefer one; `expected` what softmax of the scores says."""

    low: float
    high: float
    pairs: int
    agreement: Estimate
    expected: float


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How far people agree with the others, and the metric with the same others about the same pairs.

    Each person is left out once: `people` is the accuracy, by `protocol`, of what they said against the mean
    (of votes the majority) of the others; `metric` that of the metric; `difference` is the metric's less
    people's. `over`: as of `Accuracy`.
    """

    protocol: str
    against: str
    over: str
    people: Estimate
    metric: Estimate
    difference: Estimate
    pairs: int
    annotators: int
    prompts: int


@dataclass(frozen=True, slots=True)
class MetricAccuracy:
    """One metric by one instrument beside people. `unscored` images that people judged have no score."""

    metric: str
    prompt_set: str
    instrument: str
    images: int
    unscored: int
    accuracies: tuple[Accuracy, ...]
    taus: tuple[TauCorrelation, ...]
    calibration: tuple[CalibrationBin, ...]
    ceilings: tuple[Ceiling, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Long form, one row for each number: table, metric, prompt_set, instrument, name, statistic, value,
        low, high, images, prompts, notes."""
        about = {"metric": self.metric, "prompt_set": self.prompt_set, "instrument": self.instrument}
        for one in self.accuracies:
            notes = "; ".join((one.words, f"interval over {one.over}", *one.notes))
            where = {"table": "accuracy", **about, "name": one.against, "images": self.images}
            yield _row(where | {"prompts": one.prompts, "notes": notes}, one.protocol, one.value)
        for tau in self.taus:
            where = {"table": "tau", **about, "name": tau.grouping, "images": self.images, "prompts": None}
            yield _row(where | {"notes": f"epsilon {tau.epsilon:g}"}, f"tau-{tau.variant}", tau.value)
        for bin_ in self.calibration:
            where = {"table": "calibration", **about, "name": f"{bin_.low:g} to {bin_.high:g}"}
            where |= {"images": self.images, "prompts": None, "notes": f"softmax says {bin_.expected:.3f}"}
            yield _row(where, "agreement", bin_.agreement)
        for ceiling in self.ceilings:
            where = {"table": "ceiling", **about, "name": ceiling.protocol, "images": self.images}
            where |= {"prompts": ceiling.prompts}
            where |= {"notes": f"{ceiling.against}; interval over {ceiling.over}"}
            for name in ("people", "metric", "difference"):
                yield _row(where, name, getattr(ceiling, name))


def _row(where: dict[str, Any], statistic: str, estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval or (None, None)
    return {**where, "statistic": statistic, "value": estimate.value, "low": low, "high": high}

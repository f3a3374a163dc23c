"""A leaderboard as values: its rows, what they rest on, and their order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from nami_bench.domain import Criterion, PromptFile, Score, SetScore
from nami_bench.evaluation.leaderboard.origins import InstrumentOrigin, ModelOrigin
from nami_bench.evaluation.leaderboard.speed import Speed


class Status(StrEnum):
    """Where a row's numbers come from."""

    MEASURED = "measured"
    SIMULATED = "simulated"
    """Ratings of simulated annotators are among them."""
    PUBLISHED = "published"
    """Quoted from a publication; never ranked with the others."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the true value lies, at the leaderboard's level, in the units of the score."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PromptOrigin:
    """Of a prompt set, beside its canonical hash: how many `prompts` it has, how many of them are `rewritten`
    from others, and the `file` that it was read from (None: from none, or it is not known)."""

    prompts: int
    rewritten: int = 0
    file: PromptFile | None = None


@dataclass(frozen=True, slots=True)
class AutomaticColumn:
    """One automatic metric, measured by one instrument on one prompt set: never mixed with another."""

    metric: str
    prompt_set: str
    instrument: str
    tasks: tuple[str, ...] = ()
    """GenEval's tasks that occur in the prompt set, in GenEval's order; of a metric that asks questions their
    broad categories, in alphabetical order; empty for other metrics."""
    of_sets: bool = False
    """Whether there is one value for all of a model's images, not one for each."""
    lower_is_better: bool = False
    rewritten: bool = False
    """Whether prompts of the set are rewrites of others: see `PromptOrigin`."""

    @property
    def key(self) -> str:
        """METRIC:PROMPT_SET:INSTRUMENT."""
        return f"{self.metric}:{self.prompt_set}:{self.instrument}"

    def holds(self, score: Score | SetScore) -> bool:
        """Whether `score` belongs in this column."""
        measured = (score.metric, score.prompt_set, score.instrument)
        return measured == (self.metric, self.prompt_set, self.instrument)


@dataclass(frozen=True, slots=True)
class AutomaticScore:
    """One model's score in one automatic column.

    `value`: the mean over images, or the one value of all of them; for GenEval, 0-1, the unweighted mean of
    the tasks' accuracies, None unless every task of the prompt set has a scored image. `tasks`: accuracy by
    GenEval task, or the mean over the questions of each category, 0-1. `images` were scored, of `expected`
    (both None where the source does not say). `interval`: over prompts, GenEval's always at 95 %; None for
    one value of all images.
    """

    value: float | None
    tasks: Mapping[str, float | None] = field(default_factory=dict)
    images: int | None = None
    expected: int | None = None
    interval: Interval | None = None
    task_intervals: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupScore:
    """One model's human total on a part of the prompts; None where it has none there."""

    total: float | None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the prompts, and how the models do there.

    `kind` is "stratum", "task" (GenEval's) or a tag's name; `scores` by model.
    """

    kind: str
    name: str
    prompts: int
    scores: Mapping[str, GroupScore]

    @property
    def key(self) -> str:
        """KIND=NAME."""
        return f"{self.kind}={self.name}"


@dataclass(frozen=True, slots=True)
class Precision:
    """How intervals and comparisons are made; the words are those of `nami_bench.evaluation.human.intervals`.

    `method`: crossed, percentile or bca. `over`: what is taken for a sample of many: both, prompts or
    annotators. `replicates` and `seed` are the bootstrap's. `correction`: of the tests of all pairs.
    """

    method: str = "crossed"
    over: str = "both"
    level: float = 0.95
    replicates: int = 1000
    seed: int = 0
    correction: str = "holm"


DEFAULT_PRECISION = Precision()


@dataclass(frozen=True, slots=True)
class PairwiseTest:
    """Two models, the better one `first`, compared on the images that both have ratings of.

    `difference` in the column that the leaderboard is ranked by; its interval is of this pair alone.
    `p_adjusted` is corrected for all pairs. None where the two cannot be compared, for `reason`.
    """

    first: str
    second: str
    difference: float | None
    interval: Interval | None
    p_value: float | None
    p_adjusted: float | None
    significant: bool
    images: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One model.

    `criteria` and `total` are human scores, 0-100, None where there is none. `automatic` has an entry for
    each automatic column that scored the model, by the column's key. `images` have a rating, of
    `images_expected` (None where it is not known); `images_failed` counts requested images that failed or
    were refused (None likewise). `ratings` counts values and `withheld` the ratings without one.
    `gaps` say in words what is missing. `prompt_rewriting`: see `ModelOrigin`, values joined by " and ";
    None where it was not recorded.

    `intervals` and `adjusted` are by criterion; adjusted scores are those that the average annotator of the
    panel would have given (see `nami_bench.evaluation.human.severity`). `rank_low` to `rank_high` are the
    places that the model may have, `ties` the groups of models not told apart that it belongs to,
    `first_probability` (0-1) the share of bootstrap replicates that it leads; None or empty where it has no
    human rank.
    """

    model: str
    status: Status
    criteria: Mapping[str, float | None] = field(default_factory=dict)
    total: float | None = None
    automatic: Mapping[str, AutomaticScore] = field(default_factory=dict)
    parameters: int | None = None
    images: int | None = None
    images_expected: int | None = None
    images_failed: int | None = None
    ratings: int | None = None
    annotators: int | None = None
    withheld: int | None = None
    gaps: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    rank: int | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    total_interval: Interval | None = None
    adjusted: Mapping[str, float] = field(default_factory=dict)
    adjusted_intervals: Mapping[str, Interval] = field(default_factory=dict)
    total_adjusted: float | None = None
    total_adjusted_interval: Interval | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    ties: tuple[str, ...] = ()
    first_probability: float | None = None
    prompt_rewriting: str | None = None

    @property
    def source(self) -> str | None:
        """Where a published row was quoted from; None for a measured one."""
        return "; ".join(self.sources) or None

    @property
    def complete(self) -> bool | None:
        """Whether nothing is missing; None for a published row, of which it is not known."""
        return None if self.status is Status.PUBLISHED else not self.gaps

    @property
    def missing_share(self) -> float | None:
        """Share of ratings, 0-1, in which the annotator could not judge."""
        if self.ratings is None or self.withheld is None or not self.ratings + self.withheld:
            return None
        return self.withheld / (self.ratings + self.withheld)


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Models in order, and what their scores rest on.

    `rows`: ranked ones first, then unranked, then published. `ranked_by` is the key of a column (see
    `nami_bench.evaluation.leaderboard.columns`). `prompt_sets` gives the canonical SHA-256 by name where it
    is known, and `prompt_origins` the file and what is rewritten.
    `criteria` is empty where there are no ratings, `precision` None where there are no intervals; `cautions`
    say in words what was left out and what the intervals do not hold for. `samples`: only the first so
    many of each prompt count, None where all do. `models` and `instruments` are empty where nothing but
    ratings is known. `speeds`: by model, where records say when its images were made, or it has a price;
    `prices_in`: currency and date. `rated_prompts`: the prompt set of the human scores, where it is known.
    `automatic_level`: of the automatic scores' intervals, but GenEval's, which are at 95 %.
    """

    rows: tuple[LeaderboardRow, ...]
    criteria: tuple[Criterion, ...] = ()
    automatic: tuple[AutomaticColumn, ...] = ()
    ranked_by: str | None = None
    study: str | None = None
    stratum: str | None = None
    samples: int | None = None
    prompt_sets: Mapping[str, str] = field(default_factory=dict)
    prompt_origins: Mapping[str, PromptOrigin] = field(default_factory=dict)
    annotators: int = 0
    simulated_annotators: int = 0
    latest_rating: datetime | None = None
    precision: Precision | None = None
    cautions: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    pairs: tuple[PairwiseTest, ...] = ()
    models: tuple[ModelOrigin, ...] = ()
    instruments: tuple[InstrumentOrigin, ...] = ()
    speeds: Mapping[str, Speed] = field(default_factory=dict)
    prices_in: str | None = None
    rated_prompts: str | None = None
    automatic_level: float = 0.95

    @property
    def measured(self) -> tuple[LeaderboardRow, ...]:
        """The rows of this benchmark."""
        return tuple(row for row in self.rows if row.status is not Status.PUBLISHED)

    @property
    def published(self) -> tuple[LeaderboardRow, ...]:
        """The rows quoted from a publication."""
        return tuple(row for row in self.rows if row.status is Status.PUBLISHED)


def ranked(
    rows: Sequence[LeaderboardRow], value: Callable[[LeaderboardRow], float | None]
) -> tuple[LeaderboardRow, ...]:
    """Rows by descending `value`; equal ones (to 1e-9) share a rank, those without come last, unranked."""
    with_value = [(round(score, 9), row) for row in rows if (score := value(row)) is not None]
    with_value.sort(key=lambda pair: (-pair[0], pair[1].model))
    rank: dict[float, int] = {}
    for position, (score, _) in enumerate(with_value, start=1):
        rank.setdefault(score, position)
    without = sorted((row for row in rows if value(row) is None), key=lambda row: row.model)
    return (*(replace(row, rank=rank[score]) for score, row in with_value), *without)

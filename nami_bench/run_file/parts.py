"""The parts of a run file: prompts, models, metrics, studies, leaderboards and reports, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nami_bench.domain import checked_name
from nami_bench.errors import InputError
from nami_bench.export.leaderboard_formats import Format

SAMPLES = 4
"""Images for each prompt, where nothing is said of it."""


def _check_counts(where: str, part: "PromptsPart | GenerationPart") -> None:
    for key in ("samples", "limit", "first"):
        value = getattr(part, key)
        if value is not None and value < 1:
            raise InputError(f"{where}: {key} must be at least 1, got {value}")
    if part.limit is not None and part.first is not None:
        raise InputError(f"{where}: limit and first contradict each other: name one")


@dataclass(frozen=True, slots=True)
class PromptsPart:
    """`[[prompts]]`: one set. It comes from a `recipe` (a name, or a .toml file), from GenEval's `grammar`,
    or from a `file` or folder; where none is named the workspace has it.

    `seed` is the recipe's or grammar's, `per_task` the grammar's, `sources` local files for the recipe's.
    `sha256`: the canonical hash that it must have. `samples`, `limit` and `first` take the place of
    `[generation]`'s for this set.
    """

    name: str
    recipe: str | None = None
    grammar: Literal["coco", "shapes"] | None = None
    file: Path | None = None
    seed: int | None = None
    per_task: int | None = None
    sources: Mapping[str, Path] = field(default_factory=dict)
    sha256: str | None = None
    samples: int | None = None
    limit: int | None = None
    first: int | None = None

    def __post_init__(self) -> None:
        checked_name("prompt set", self.name)
        origins = {"recipe": self.recipe, "grammar": self.grammar, "file": self.file}
        given = [key for key, value in origins.items() if value is not None]
        if len(given) > 1:
            raise InputError(f"prompts {self.name!r}: {' and '.join(given)} contradict each other: name one")
        for key, owner in (
            ("seed", ("recipe", "grammar")),
            ("per_task", ("grammar",)),
            ("sources", ("recipe",)),
        ):
            if getattr(self, key) not in (None, {}) and not set(owner) & set(given):
                raise InputError(
                    f"prompts {self.name!r}: {key} belongs to {' or '.join(owner)}, which is not given"
                )
        _check_counts(f"prompts {self.name!r}", self)


@dataclass(frozen=True, slots=True)
class RayPart:
    """`[generation.ray]`: as `--ray-address` and its like; see docs/scale.md."""

    address: str | None = None
    workers: int | None = None
    cpus: float | None = None
    gpus: float | None = None


@dataclass(frozen=True, slots=True)
class GenerationPart:
    """`[generation]`: how images are made, and where (`engine`, which scores them, too).

    `samples` for each prompt (4; of images made elsewhere as many as there are), `seed` (0) of models that
    have none of their own, `limit` or `first` of the prompts as `nami-bench generate` has them; `limit` is
    drawn by this seed for all models.
    """

    samples: int | None = None
    seed: int = 0
    limit: int | None = None
    first: int | None = None
    engine: Literal["local", "ray"] = "local"
    ray: RayPart = RayPart()

    def __post_init__(self) -> None:
        _check_counts("generation", self)
        if self.engine != "ray" and self.ray != RayPart():
            raise InputError('generation.ray belongs to engine = "ray", which was not asked for')


@dataclass(frozen=True, slots=True)
class ModelPart:
    """`[[model]]`: what makes images (`adapter`, `options`), or the `folder` where images made elsewhere lie.

    `layout`, or a `table` with its `columns` by role, `source_model` and `grid` say which image each file of
    the folder is, as for `nami-bench images import`; without them names are tried out.

    With neither it is a model of the workspace, with the images that it has. `seed`: of its images.
    `prompts`: only these sets.
    """

    name: str
    adapter: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    layout: str | None = None
    table: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    source_model: str | None = None
    grid: str | None = None
    parameters: int | None = None
    licence: str | None = None
    seed: int | None = None
    prompts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_name("model", self.name)
        if self.adapter is not None and self.folder is not None:
            raise InputError(f"model {self.name!r}: adapter and folder contradict each other: name one")
        if self.options and self.adapter is None:
            raise InputError(f"model {self.name!r}: options belong to an adapter, which is not given")
        how = ("layout", "table", "columns", "source_model", "grid")
        if self.folder is None and (given := [name for name in how if getattr(self, name)]):
            raise InputError(f"model {self.name!r}: {given[0]} belongs to a folder, which is not given")
        if self.is_recorded and (self.seed, self.parameters, self.licence) != (None, None, None):
            raise InputError(
                f"model {self.name!r}: seed, parameters and licence belong to an adapter or folder: without "
                "one it is a model of the workspace, as it is recorded there"
            )

    @property
    def is_recorded(self) -> bool:
        """Whether it is a model of the workspace, of which nothing is made."""
        return self.adapter is None and self.folder is None


@dataclass(frozen=True, slots=True)
class MetricPart:
    """`[[metric]]`: what scores images, as `nami-bench evaluate` has it.

    `questions` names a file of questions, `questions_from = "clauses"` has one made of the prompts' GenEval
    clauses. `options` are the metric's own. `prompts` and `models`: only these. `alone`: it does not look at
    images together with the other metrics, whose weights would be in memory, too.
    """

    name: str
    detector: str | None = None
    detector_options: Mapping[str, Any] = field(default_factory=dict)
    judge: str | None = None
    judge_options: Mapping[str, Any] = field(default_factory=dict)
    questions: Path | None = None
    questions_from: Literal["clauses"] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    prompts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    alone: bool = False

    def __post_init__(self) -> None:
        if self.questions is not None and self.questions_from is not None:
            raise InputError(
                f"metric {self.name!r}: questions and questions_from contradict each other: name one"
            )

    @property
    def title(self) -> str:
        """The metric, and what it looks with."""
        part = self.detector or self.judge
        return f"{self.name} ({part})" if part else self.name


@dataclass(frozen=True, slots=True)
class ReadingPart:
    """`[study.reading]`: how files of judgements that others made are read, as the options of
    `nami-bench ratings import` of these names have it; see docs/formats.md."""

    profile: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str | int | float] = field(default_factory=dict)
    wide: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    criterion: tuple[str, ...] = ()
    items: Path | None = None
    delimiter: str | None = None
    encoding: str | None = None
    repeats: Literal["refuse", "first", "last", "each"] | None = None


@dataclass(frozen=True, slots=True)
class StudyPart:
    """`[[study]]`: people's judgements, by a study `file` or by `protocol = "nami-1k"`.

    With neither it is a study of the workspace, or one that `ratings` bring along. `canvas` and
    `sizes_may_differ`: as for `nami-bench study create`. `simulated_annotators`: so many programs rate it, by
    GenEval's verdicts; nobody's opinion, and named so everywhere. `ratings`: files of judgements to import;
    `scale`: as `--scale`; `reading`: how they are read, where they are in other people's forms. A study that
    is not there is then made of them, over `prompts`.
    """

    name: str
    protocol: Literal["nami-1k"] | None = None
    file: Path | None = None
    prompts: str | None = None
    models: tuple[str, ...] = ()
    canvas: int | None = None
    sizes_may_differ: bool = False
    simulated_annotators: int = 0
    ratings: tuple[Path, ...] = ()
    scale: tuple[str, ...] = ()
    reading: ReadingPart = ReadingPart()

    def __post_init__(self) -> None:
        checked_name("study", self.name)
        if self.protocol is not None and self.file is not None:
            raise InputError(f"study {self.name!r}: protocol and file contradict each other: name one")
        if self.simulated_annotators < 0:
            raise InputError(f"study {self.name!r}: simulated_annotators must not be negative")
        prompts = None if self.reads_others else self.prompts
        if self.is_recorded and (prompts or self.models or self.canvas or self.sizes_may_differ):
            raise InputError(
                f"study {self.name!r}: prompts, models, canvas and sizes_may_differ belong to a protocol or "
                "file: without one it is a study of the workspace, as it is recorded there"
            )
        if self.scale and not self.ratings:
            raise InputError(f"study {self.name!r}: scale belongs to ratings, which are not given")
        if self.reads_others and not self.ratings:
            raise InputError(f"study {self.name!r}: reading belongs to ratings, which are not given")

    @property
    def is_recorded(self) -> bool:
        """Whether it is a study of the workspace, which is not made."""
        return self.protocol is None and self.file is None

    @property
    def reads_others(self) -> bool:
        """Whether its judgements are in other people's forms, of which it is made where it is not there."""
        return self.reading != ReadingPart()

    @property
    def is_made(self) -> bool:
        """Whether it is made over a prompt set where it is not there."""
        return not self.is_recorded or self.reads_others


@dataclass(frozen=True, slots=True)
class IntervalsPart:
    """`intervals` of a leaderboard or report: as the options of `nami-bench leaderboard`."""

    method: Literal["crossed", "percentile", "bca", "none"] = "crossed"
    over: Literal["both", "prompts", "annotators"] = "both"
    level: float = 0.95
    replicates: int = 1000
    seed: int = 0
    correction: Literal["holm", "benjamini-hochberg", "none"] = "holm"


@dataclass(frozen=True, slots=True)
class LeaderboardPart:
    """`[[leaderboard]]`: one of a `study`; without one of automatic scores alone. NAME.csv and its like are
    written into the workspace's folder `reports`. The rest is as for `nami-bench leaderboard`."""

    name: str = "leaderboard"
    study: str | None = None
    prompts: str | None = None
    models: tuple[str, ...] = ()
    stratum: str | None = None
    by: tuple[str, ...] = ()
    samples: int | None = None
    without: tuple[str, ...] = ()
    sort: str | None = None
    published: bool = False
    intervals: IntervalsPart = IntervalsPart()
    formats: tuple[Format, ...] = ("csv", "html")

    def __post_init__(self) -> None:
        checked_name("leaderboard", self.name)
        if self.study is not None and self.models:
            raise InputError(f"leaderboard {self.name!r}: its models are those of the study {self.study!r}")


@dataclass(frozen=True, slots=True)
class ReportPart:
    """`[[report]]`: the pages of `nami-bench report` in the folder reports/FOLDER (its study's name)."""

    study: str | None = None
    folder: str | None = None
    images: bool = True
    pseudonyms: bool = True
    without: tuple[str, ...] = ()
    agreement_level: Literal["nominal", "ordinal", "interval", "ratio"] = "interval"
    intervals: IntervalsPart = IntervalsPart()

    def __post_init__(self) -> None:
        checked_name("report", self.place)
        if self.intervals.method == "none":
            raise InputError(f'report {self.place!r} is about intervals: method = "none" leaves it nothing')

    @property
    def place(self) -> str:
        """Its folder's name."""
        return self.folder or self.study or "automatic"


@dataclass(frozen=True, slots=True)
class QuestionPagePart:
    """`[[question_page]]`: the answers that `metric` recorded, as `nami-bench questions browse` shows them,
    in reports/FOLDER."""

    metric: str
    prompts: str | None = None
    models: tuple[str, ...] = ()
    folder: str = "questions"

    def __post_init__(self) -> None:
        checked_name("question page", self.folder)


@dataclass(frozen=True, slots=True)
class SitePart:
    """`[[site]]`: the pages of `nami-bench site` in the folder reports/FOLDER, of these `studies` (all of the
    workspace that have judgements)."""

    studies: tuple[str, ...] = ()
    folder: str = "site"
    title: str | None = None
    pixels: int = 768
    comments: bool = False
    without: tuple[str, ...] = ()
    intervals: IntervalsPart = IntervalsPart()

    def __post_init__(self) -> None:
        checked_name("site", self.folder)
        if self.pixels < 0:
            raise InputError(f"site {self.folder!r}: pixels must not be negative, got {self.pixels}")
        if self.intervals.method == "none":
            raise InputError(f'site {self.folder!r} is about intervals: method = "none" leaves it nothing')

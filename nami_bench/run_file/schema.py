"""What a run file may say, as one value.

Names lead from one part to another. A part that names no prompt sets or models is about all of the file's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nami_bench.domain import checked_name
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.run_file.parts import (
    GenerationPart,
    LeaderboardPart,
    MetricPart,
    ModelPart,
    PromptsPart,
    QuestionPagePart,
    ReportPart,
    SitePart,
    StudyPart,
)


@dataclass(frozen=True, slots=True)
class RunFile:
    """A whole run. `name` is that of its lock file, by default the file's own without its ending."""

    name: str
    prompts: tuple[PromptsPart, ...]
    model: tuple[ModelPart, ...]
    generation: GenerationPart = field(default_factory=GenerationPart)
    metric: tuple[MetricPart, ...] = ()
    study: tuple[StudyPart, ...] = ()
    leaderboard: tuple[LeaderboardPart, ...] = ()
    report: tuple[ReportPart, ...] = ()
    question_page: tuple[QuestionPagePart, ...] = ()
    site: tuple[SitePart, ...] = ()

    def __post_init__(self) -> None:
        checked_name("run", self.name)
        if not self.prompts or not self.model:
            raise InputError("a run needs at least one [[prompts]] and one [[model]]")
        for kind in ("prompts", "model", "study", "leaderboard"):
            _check_unique(kind, [part.name for part in getattr(self, kind)])
        pages: Sequence[QuestionPagePart | SitePart] = (*self.question_page, *self.site)
        _check_unique("folder", [*(one.place for one in self.report), *(one.folder for one in pages)])
        self._check_names()

    def _check_names(self) -> None:
        """Raise UnknownNameError where a part names what no other part is."""
        sets = [part.name for part in self.prompts]
        of_many: Sequence[ModelPart | MetricPart] = (*self.model, *self.metric)
        of_one: Sequence[StudyPart | LeaderboardPart | QuestionPagePart]
        of_one = (*self.study, *self.leaderboard, *self.question_page)
        _check_known("prompt set", (name for part in of_many for name in part.prompts), sets)
        _check_known("prompt set", (part.prompts for part in of_one if part.prompts), sets)
        of_models: Sequence[MetricPart | StudyPart | LeaderboardPart | QuestionPagePart]
        of_models = (*self.metric, *of_one)
        models = [part.name for part in self.model]
        _check_known("model", (name for part in of_models for name in part.models), models)
        of_studies: Sequence[LeaderboardPart | ReportPart] = (*self.leaderboard, *self.report)
        studies = [part.name for part in self.study]
        _check_known("study", (part.study for part in of_studies if part.study), studies)
        _check_known("study", (name for part in self.site for name in part.studies), studies)
        metrics = [part.name for part in self.metric]
        _check_known("metric", (page.metric for page in self.question_page), metrics)
        for study in self.study:
            if study.is_made and study.prompts is None and len(sets) > 1:
                raise InputError(
                    f"study {study.name!r}: there are several prompt sets: name one with prompts"
                )

    def models_on(self, prompt_set: str, among: Sequence[str] = ()) -> list[ModelPart]:
        """The models with images of a set: all, or those of the names `among`."""
        return [
            model
            for model in self.model
            if (not among or model.name in among) and (not model.prompts or prompt_set in model.prompts)
        ]

    def sets_of(self, metric: MetricPart) -> list[str]:
        """The names of the prompt sets that a metric is run on."""
        return [part.name for part in self.prompts if not metric.prompts or part.name in metric.prompts]

    def set_of(self, named: str | None) -> str:
        """The prompt set called so; without a name the first."""
        return named or self.prompts[0].name


def _check_unique(kind: str, names: Sequence[str]) -> None:
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"{kind}: two are called {doubled!r}: give one another name")


def _check_known(kind: str, names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(f"{kind} of this run file", name, known)

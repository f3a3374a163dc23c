"""One model's images made, and scored: the same way for checkpoints on disk and within training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nami_bench import images, registry
from nami_bench.domain import ImageState, Prompt, PromptSet
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.summary import GenEvalSummary
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.image_settings import settings_sha256
from nami_bench.images import ImageSource
from nami_bench.pipeline.drawing import Drawing
from nami_bench.pipeline.generation import image_seed
from nami_bench.scoring.given_images import Given
from nami_bench.scoring.scorer import Scorer
from nami_bench.scoring.scores import Scores
from nami_bench.watching.results import MetricResult, Settings, prompt_line

if TYPE_CHECKING:
    from nami_bench.generators.protocol import GenerationRequest, Generator

SHOWN = 8
"""So many prompts' first images are logged, and kept."""
Advance = Callable[[int], object]
AnyScorer = Scorer[Scores] | Scorer[dict[str, Scores]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What every checkpoint is measured by: `samples` images of each prompt, whose seeds follow from `seed`
    as everywhere (`nami_bench.pipeline.generation.image_seed`)."""

    prompt_set: PromptSet
    samples: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InputError(f"samples must be at least 1, got {self.samples}")

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Of each image, in order: by prompt, then by sample."""
        return tuple(prompt for prompt in self.prompt_set.prompts for _ in range(self.samples))

    def requests(self) -> list["GenerationRequest"]:
        """All images, in order."""
        from nami_bench.generators.protocol import GenerationRequest

        return [
            GenerationRequest(prompt, sample, image_seed(self.seed, prompt.id, sample))
            for prompt in self.prompt_set.prompts
            for sample in range(self.samples)
        ]

    def settings(self, scorer: AnyScorer, model: Mapping[str, Any]) -> Settings:
        """What results of this plan are kept with; finds the metrics' weights."""
        instruments = scorer.instruments
        return Settings(
            self.prompt_set.name,
            self.prompt_set.sha256,
            tuple(prompt_line(prompt) for prompt in self.prompt_set.prompts),
            self.samples,
            self.seed,
            instruments,
            tuple(name for name in instruments if lower_is_better(name)),
            dict(model),
        )


@dataclass(frozen=True, slots=True)
class Made:
    """The images of a checkpoint, in the plan's order: where each is, or why there is none."""

    images: Sequence[ImageSource | None]
    reasons: Mapping[int, str] = field(default_factory=dict)
    made_with: Mapping[str, Any] = field(default_factory=dict)


def make_images(generator: "Generator", plan: Plan, folder: Path, advance: Advance) -> Made:
    """Make a checkpoint's images in `folder`, in GenEval's layout; those there already stay.

    Images of a folder generator are read where they lie.
    """
    requests = plan.requests()
    if generator.describe().get("adapter") == "folder":
        return _found(generator, requests, advance)
    settings = settings_sha256(dict(generator.describe()))
    drawing = Drawing(GenEvalFolder(folder), folder.name, "watch", plan.prompt_set.sha256, settings)
    drawing.folder.remove_partial_files()
    todo = [request for request in requests if not _is_there(drawing, request)]
    advance(len(requests) - len(todo))
    reasons: dict[int, str] = {}
    made_with: dict[str, Any] = {}
    places = {(r.prompt.id, r.sample): place for place, r in enumerate(requests)}
    for drawn in drawing(generator, todo):
        if drawn.state is not ImageState.DONE:
            reasons[places[drawn.request.prompt.id, drawn.request.sample]] = drawn.reason or drawn.state.value
        made_with = made_with or dict(drawn.provenance)
        advance(1)
    paths = [None if n in reasons else drawing.path(request) for n, request in enumerate(requests)]
    return Made(paths, reasons, _of_run(made_with))


def missing_images(generator: "Generator", plan: Plan) -> int:
    """How many of the plan's images a folder lacks or holds half-written."""
    results = generator.generate(plan.requests())
    return sum(result.state is not ImageState.DONE for result in results)


def score_images(scorer: AnyScorer, plan: Plan, made: Made, advance: Advance) -> dict[str, MetricResult]:
    """What each metric says; an image that was not made has no value, for the reason that it was not."""
    there = [place for place, image in enumerate(made.images) if image is not None]
    given: list[Given] = [image for image in made.images if image is not None]
    if not given:
        raise InputError(f"no image was made: {next(iter(made.reasons.values()), 'there are no prompts')}")
    prompts = plan.prompts
    found = scorer.score(given, [prompts[place] for place in there], advance)
    by_name = {found.metric: found} if isinstance(found, Scores) else found
    return {name: _result(scores, there, made) for name, scores in by_name.items()}


def lower_is_better(metric: str) -> bool:
    """Whether a metric's smaller values are better, as FID's; no metric that this machine lacks is one."""
    try:
        return bool(getattr(registry.load("metrics", metric), "lower_is_better", False))
    except InputError:
        return False


def shown_images(plan: Plan, made: Made) -> list[tuple[str, ImageSource]]:
    """The first image of each of the first prompts that have one, with the prompt's text."""
    firsts = range(0, len(made.images), plan.samples)
    there = [(plan.prompts[at].text, image) for at in firsts if (image := made.images[at]) is not None]
    return there[:SHOWN]


def _found(generator: "Generator", requests: "Sequence[GenerationRequest]", advance: Advance) -> Made:
    files: list[ImageSource | None] = []
    reasons = {}
    for place, result in enumerate(generator.generate(requests)):
        files.append(result.file)
        if result.state is not ImageState.DONE:
            reasons[place] = result.reason or result.state.value
        advance(1)
    return Made(files, reasons)


def _is_there(drawing: Drawing, request: "GenerationRequest") -> bool:
    """Whether a run that was killed left this very image, whole."""
    return images.read_provenance(drawing.path(request)) == drawing.provenance(request)


def _of_run(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in provenance.items() if key in ("device", "dtype", "libraries")}


def _result(scores: Scores, there: Sequence[int], made: Made) -> MetricResult:
    if scores.of_set:
        value = None if scores.failures else float(scores.values[0])
        return MetricResult(value, reason=scores.failures.get(0))
    values: list[float | None] = [None] * len(made.images)
    failures = dict(made.reasons)
    for place, value, reason in zip(there, scores.values, scores.reasons, strict=True):
        if reason is None:
            values[place] = float(value)
        else:
            failures[place] = reason
    try:
        summary = scores.summary()
    except InputError as error:
        return MetricResult(None, values=tuple(values), failures=failures, reason=str(error))
    if isinstance(summary, GenEvalSummary):
        parts = {task.task: task.accuracy for task in summary.tasks}
        return MetricResult(summary.overall, summary.overall_interval, parts, tuple(values), failures)
    return MetricResult(summary.mean, summary.interval, {}, tuple(values), failures)

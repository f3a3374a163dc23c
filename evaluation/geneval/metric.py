"""GenEval as a metric: 1.0 for an image that shows what its prompt demands, else 0.0."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.domain.clauses import parse_clauses
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.engine import GenEvalEngine, JudgedImage
from nami_bench.evaluation.geneval.protocol import Detector, LikesBatches
from nami_bench.evaluation.geneval.rules import GenEvalParams, Verdict
from nami_bench.evaluation.image_reading import default_workers
from nami_bench.evaluation.protocol import RunsOnDevice, ScoringItem, ScoringResult, UsesLibraries

DEFAULT_BATCH_SIZE = 8


class GenEvalMetric:
    """Judges images by GenEval's rules over the detections of a detector plugin.

    `details` of a result: "reason" (one line for each violated clause) and "boxes", the detections
    that counted, {class: [[x1, y1, x2, y2, score], ...]} in pixels; with the option `rewards` also "rewards"
    by name and "credits", as in `nami_bench.evaluation.geneval.reward.Rewards`. An image that cannot be read
    or judged has no value and a reason: a detector that does not know a class never gives a zero.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`detector` names a plugin of the group nami_bench.detectors; there is no default, since a
        detector made for other pictures would score every image 0. `batch_size`: images in one pass of the
        detector; default: what it likes. `workers`: processes that decode images; default: all cores but
        one, at most 8; 0 decodes in this one. `rewards`: tell of each image what it is worth in training."""

        detector: str | None = None
        detector_options: Mapping[str, Any] = field(default_factory=dict)
        params: GenEvalParams = field(default_factory=GenEvalParams)
        batch_size: int | None = None
        workers: int | None = None
        rewards: bool = False

    name = "geneval"
    value_range = (0.0, 1.0)

    def __init__(self, options: Options, detector: Detector | None = None) -> None:
        """`detector` hands over a detector that is no plugin; the options then need not name one."""
        if options.batch_size is not None and options.batch_size < 1:
            raise InputError(f"GenEval's batch_size must be at least 1, got {options.batch_size}")
        if options.workers is not None and options.workers < 0:
            raise InputError(f"GenEval's workers must not be negative, got {options.workers}")
        self.options = options
        self.detector = detector or _create_detector(options)

    @property
    def instrument(self) -> str:
        """Detector and color classifier, and each rule constant that is not the published one."""
        changed = [
            f"{name}={value}"
            for name, value in asdict(self.options.params).items()
            if value != getattr(GenEvalParams(), name)
        ]
        return "+".join([self.detector.identity, self.detector.color_classifier.identity, *changed])

    @property
    def runs_on(self) -> Mapping[str, str]:
        """What the detector says of its device and dtype."""
        return self.detector.runs_on if isinstance(self.detector, RunsOnDevice) else {}

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages that the detector computes with."""
        return self.detector.libraries if isinstance(self.detector, UsesLibraries) else ()

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether the prompt has GenEval's clauses."""
        return prompt.geneval is not None

    def unknown_classes(self, metadata: Mapping[str, Any]) -> list[str]:
        """Classes that the prompt's clauses name and the detector cannot find, sorted."""
        return sorted(parse_clauses(metadata).class_names - set(self.detector.class_names))

    def judge(
        self, items: Iterable[ScoringItem], wanted: Callable[[ScoringItem], bool] = lambda item: True
    ) -> Generator[JudgedImage]:
        """`GenEvalEngine.judge`: verdicts with their detections, masks included."""
        return self.engine.judge(items, wanted)

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; raises InputError for malformed clauses."""
        return map(_as_result, self.engine.judge(items))

    @property
    def window(self) -> int:
        """Images that are batched together."""
        return self.engine.window

    @cached_property
    def engine(self) -> GenEvalEngine:
        """Runs the detector over many images."""
        options, detector = self.options, self.detector
        liked = detector.batch_size if isinstance(detector, LikesBatches) else DEFAULT_BATCH_SIZE
        workers = default_workers() if options.workers is None else options.workers
        size = options.batch_size or liked
        return GenEvalEngine(detector, options.params, size, workers, options.rewards)


def boxes(verdict: Verdict) -> dict[str, list[list[float]]]:
    """{class: [[x1, y1, x2, y2, score], ...]} of the detections that counted, in pixels."""
    return {
        name: [[float(number) for number in (*d.box, d.score)] for d in found]
        for name, found in verdict.kept.items()
    }


def _as_result(judged: JudgedImage) -> ScoringResult:
    verdict = judged.verdict
    if verdict is None:
        return ScoringResult(judged.item, None, judged.problem)
    details: dict[str, Any] = {"reason": verdict.reason, "boxes": boxes(verdict)}
    if judged.rewards is not None:
        details["rewards"] = {k: v for k, v in asdict(judged.rewards).items() if k != "credits"}
        details["credits"] = list(judged.rewards.credits)
    return ScoringResult(judged.item, float(verdict.correct), details=details)


def _create_detector(options: GenEvalMetric.Options) -> Detector:
    if options.detector is None:
        known = ", ".join(registry.plugins("detectors"))
        raise InputError(
            f"GenEval needs a detector: name one with --detector or the option 'detector' ({known})"
        )
    detector: Detector = registry.create("detectors", options.detector, options.detector_options)
    return detector

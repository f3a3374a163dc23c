"""GenEval as a metric: 1.0 for an image that shows what its prompt demands, else 0.0."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from PIL.Image import Image

from evaluation.geneval.protocol import Detection, Detector
from evaluation.geneval.rules import GenEvalParams, judge, parse_clauses
from evaluation.protocol import ScoringItem, ScoringResult
from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.images import read_image


class GenEvalMetric:
    """Judges images by GenEval's rules over the detections of a detector plugin.

    `details` of a result: "reason" (one line for each violated clause) and "boxes", the detections
    that counted, {class: [[x1, y1, x2, y2, score], ...]} in pixels. An image that cannot be read or
    judged has no value and a reason: a detector that does not know a class never gives a zero.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`detector` names a plugin of the group nami_bench.detectors; there is no default, since a
        detector made for other pictures would score every image 0. `batch_size` is in images."""

        detector: str | None = None
        detector_options: Mapping[str, Any] = field(default_factory=dict)
        params: GenEvalParams = field(default_factory=GenEvalParams)
        batch_size: int = 8

    name = "geneval"

    def __init__(self, options: Options, detector: Detector | None = None) -> None:
        """`detector` hands over a detector that is no plugin; the options then need not name one."""
        if options.batch_size < 1:
            raise InputError(f"GenEval's batch_size must be at least 1, got {options.batch_size}")
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

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether the prompt has GenEval's clauses."""
        return prompt.geneval is not None

    def unknown_classes(self, metadata: Mapping[str, Any]) -> list[str]:
        """Classes that the prompt's clauses name and the detector cannot find, sorted."""
        return sorted(parse_clauses(metadata).class_names - set(self.detector.class_names))

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; raises InputError for malformed clauses."""
        remaining = iter(items)
        while batch := list(islice(remaining, self.options.batch_size)):
            yield from self._score_batch(batch)

    def _score_batch(self, batch: Sequence[ScoringItem]) -> list[ScoringResult]:
        results: list[ScoringResult | None] = []
        images: list[Image] = []
        for item in batch:
            unknown = self.unknown_classes(item.prompt.metadata())
            if unknown:
                reason = f"the detector {self.detector.identity} does not know the class {unknown[0]!r}"
                results.append(ScoringResult(item, None, reason))
                continue
            try:
                images.append(read_image(item.path))
                results.append(None)
            except ImageError as error:
                results.append(ScoringResult(item, None, str(error)))
        readable = iter(zip(images, self.detector.detect(images) if images else [], strict=True))
        return [
            result or self._judge(item, *next(readable)) for item, result in zip(batch, results, strict=True)
        ]

    def _judge(self, item: ScoringItem, image: Image, detections: list[Detection]) -> ScoringResult:
        if not all(math.isfinite(number) for d in detections for number in (d.score, *d.box)):
            return ScoringResult(
                item, None, f"the detector {self.detector.identity} gave numbers that are not finite"
            )
        verdict = judge(
            item.prompt.metadata(), detections, image, self.detector.color_classifier, self.options.params
        )
        boxes = {
            name: [[float(number) for number in (*d.box, d.score)] for d in found]
            for name, found in verdict.kept.items()
        }
        return ScoringResult(item, float(verdict.correct), details={"reason": verdict.reason, "boxes": boxes})


def _create_detector(options: GenEvalMetric.Options) -> Detector:
    if options.detector is None:
        known = ", ".join(registry.plugins("detectors"))
        raise InputError(
            f"GenEval needs a detector: name one with --detector or the option 'detector' ({known})"
        )
    detector: Detector = registry.create("detectors", options.detector, options.detector_options)
    return detector

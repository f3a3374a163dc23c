"""Many images through detector, color classifier and rules: read ahead, in batches of one size, in order."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, tee

from PIL.Image import Image

from nami_bench.domain.clauses import Clauses, parse_clauses
from nami_bench.errors import WorkError
from nami_bench.evaluation.geneval.protocol import (
    ColorClassifier,
    ColorQuestion,
    Detection,
    Detector,
    ManyAtOnce,
)
from nami_bench.evaluation.geneval.reward import Rewards, rewards
from nami_bench.evaluation.geneval.rules import GenEvalParams, Verdict, color_questions, decide, select
from nami_bench.evaluation.image_reading import ReadImage, read_ahead
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.neural.batches import OutOfMemory, ShrinkingBatches

_BATCHES_LOOKED_AHEAD = 4


@dataclass(frozen=True, slots=True, eq=False)
class JudgedImage:
    """One image's verdict, and its rewards where they were asked for; None, with the `problem`, where it has
    none. `sha256`: of the file's bytes, hex."""

    item: ScoringItem
    verdict: Verdict | None = None
    sha256: str | None = None
    problem: str | None = None
    rewards: Rewards | None = None


class GenEvalEngine:
    """Judges images in order, `batch_size` of one size in a pass of the detector.

    Batches are made within windows of `window` images, so that images of many sizes still share passes and
    memory does not grow with their number. Which images share a batch depends on their place among the items
    alone: a run taken up at the beginning of a window computes the same numbers as one in one go. `workers`
    processes decode the images ahead (0: none). `with_rewards`: see `JudgedImage`.
    """

    def __init__(
        self,
        detector: Detector,
        params: GenEvalParams,
        batch_size: int,
        workers: int,
        with_rewards: bool = False,
    ) -> None:
        self.detector = detector
        self.params = params
        self.batch_size = batch_size
        self.workers = workers
        self.with_rewards = with_rewards
        self.window = _BATCHES_LOOKED_AHEAD * batch_size
        self._detect = ShrinkingBatches(self._detections, batch_size)
        self._ask_colors = ShrinkingBatches(self._colors, batch_size)

    def judge(
        self, items: Iterable[ScoringItem], wanted: Callable[[ScoringItem], bool] = lambda item: True
    ) -> Generator[JudgedImage]:
        """Yield one result for each wanted item, in order, as soon as its batch is done.

        Items that are not wanted only keep their place in the batches. Raises InputError for malformed
        clauses, WorkError where the detector breaks its contract.
        """
        named, looked_at = tee(items)
        with closing(read_ahead((i.image for i in looked_at), self.workers, self.window)) as contents:
            pairs = zip(named, contents, strict=True)
            while window := list(islice(pairs, self.window)):
                yield from self._judge_window(window, wanted)

    def _judge_window(
        self, window: Sequence[tuple[ScoringItem, ReadImage]], wanted: Callable[[ScoringItem], bool]
    ) -> Iterator[JudgedImage]:
        done: dict[int, JudgedImage] = {}
        by_size: dict[tuple[int, int], list[int]] = {}
        for position, (item, content) in enumerate(window):
            problem = self._unknown_class(item) or content.problem
            if content.image is None or problem:
                done[position] = JudgedImage(item, problem=problem)
            else:
                by_size.setdefault(content.image.size, []).append(position)
        following = 0
        for batch in sorted(_pieces(by_size.values(), self.batch_size)):
            if any(wanted(window[position][0]) for position in batch):
                judged = self._judge_batch([window[position] for position in batch])
            else:
                judged = [JudgedImage(window[position][0]) for position in batch]
            done.update(zip(batch, judged, strict=True))
            while following in done:
                if wanted((result := done.pop(following)).item):
                    yield result
                following += 1
        yield from (done[position] for position in sorted(done) if wanted(done[position].item))

    def _judge_batch(self, batch: Sequence[tuple[ScoringItem, ReadImage]]) -> list[JudgedImage]:
        """Images of one size: one call of the detector, then one of the color classifier."""
        images = [_image(content) for _, content in batch]
        candidates = [
            _Candidate(image, parse_clauses(item.prompt.metadata()), found, self)
            for (item, _), image, found in zip(batch, images, self._detect(images), strict=True)
        ]
        questions = [(c.image, group) for c in candidates for group in c.questions]
        answers = iter(self._ask_colors(questions))
        return [
            candidate.judged(item, content, [next(answers) for _ in candidate.questions])
            for (item, content), candidate in zip(batch, candidates, strict=True)
        ]

    def _unknown_class(self, item: ScoringItem) -> str | None:
        unknown = parse_clauses(item.prompt.metadata()).class_names - set(self.detector.class_names)
        if not unknown:
            return None
        return f"the detector {self.detector.identity} does not know the class {min(unknown)!r}"

    def _detections(self, images: Sequence[Image]) -> list[list[Detection]]:
        found = self.detector.detect(images)
        if len(found) != len(images):
            raise WorkError(
                f"the detector {self.detector.identity} gave {len(found)} results for {len(images)}"
            )
        return found

    def _colors(self, questions: Sequence[ColorQuestion]) -> list[list[str]]:
        return classify_colors(self.detector.color_classifier, questions)


class _Candidate:
    """An image between its detections and its verdict: what was kept, and which colors must be asked for."""

    def __init__(
        self, image: Image, clauses: Clauses, found: list[Detection] | OutOfMemory, engine: GenEvalEngine
    ) -> None:
        self.image, self.clauses, self.params = image, clauses, engine.params
        self.with_rewards = engine.with_rewards
        self.problem: str | None = None
        self.kept: dict[str, list[Detection]] = {}
        if isinstance(found, OutOfMemory):
            self.problem = found.reason
        elif not all(math.isfinite(number) for d in found for number in (d.score, *d.box)):
            self.problem = f"the detector {engine.detector.identity} gave numbers that are not finite"
        else:
            self.kept = select(found, self.params.score_threshold(clauses.tag), self.params)
        self.questions = color_questions(clauses, self.kept)

    def judged(
        self, item: ScoringItem, content: ReadImage, answers: Sequence[list[str] | OutOfMemory]
    ) -> JudgedImage:
        colors: dict[Detection, str] = {}
        for group, answer in zip(self.questions, answers, strict=True):
            if isinstance(answer, OutOfMemory):
                return JudgedImage(item, problem=answer.reason)
            colors.update(zip(group, answer, strict=True))
        if self.problem:
            return JudgedImage(item, problem=self.problem)

        def asked(group: Sequence[Detection]) -> list[str]:
            return [colors[detection] for detection in group]

        verdict = decide(self.clauses, self.kept, asked, self.params)
        earned = rewards(self.clauses, self.kept, asked, self.params) if self.with_rewards else None
        return JudgedImage(item, verdict, content.sha256, rewards=earned)


def classify_colors(classifier: ColorClassifier, questions: Sequence[ColorQuestion]) -> list[list[str]]:
    """The colors of each question's objects, all in one pass where the classifier has `classify_many`."""
    if isinstance(classifier, ManyAtOnce):
        return classifier.classify_many(questions)
    return [classifier.classify(image, group) for image, group in questions]


def _pieces(groups: Iterable[list[int]], size: int) -> Iterator[list[int]]:
    for group in groups:
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _image(content: ReadImage) -> Image:
    assert content.image is not None
    return content.image

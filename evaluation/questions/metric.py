"""Metrics of recorded images by questions: one value for each image, the mean over its questions."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import tee
from pathlib import Path
from typing import Any

from PIL.Image import Image

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.evaluation.image_reading import read_one_ahead
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.questions.graph import Item, Question, QuestionSet
from nami_bench.evaluation.questions.judge import Answer, Judge, Reading, Sheet, instrument
from nami_bench.evaluation.questions.results import answered
from nami_bench.evaluation.questions.rules import (
    UnknownParentError,
    Zeroing,
    arithmetic_mean,
    score_of,
    zeroed,
)


class QuestionMetric:
    """The mean score of an image's questions, 0..1, after zeroing.

    A prompt's questions are found as `QuestionSet.about` says.
    `details` of a result: "answers", each question with its answer, score and what zeroed it, as in
    `nami_bench.evaluation.questions.results`; and "over_long", whether the judge did not read one to its end.
    An image of which a question was not answered has no value and a reason.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`questions`: the benchmark's question file. `judge` names a plugin of the group nami_bench.judges,
        `judge_options` are its own. `read`: how its answers become scores (exact, word, probability);
        default: as the judge is meant to be read."""

        questions: Path
        judge: str
        judge_options: Mapping[str, Any] = field(default_factory=dict)
        read: Reading | None = None

    name: str
    zeroing = Zeroing.NONE
    value_range = (0.0, 1.0)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.judge: Judge = registry.create("judges", options.judge, options.judge_options)

    def _read(self) -> QuestionSet:
        """The question file's content; raises InputError."""
        raise NotImplementedError

    @cached_property
    def questions(self) -> QuestionSet:
        """All questions."""
        return self._read()

    @property
    def reading(self) -> Reading:
        """How answers become scores."""
        return self.options.read or self.judge.reading

    @property
    def instrument(self) -> str:
        """The judge, how it is read, the question file, and what else the benchmark leaves open."""
        judge = instrument(self.judge, self.reading)
        return "+".join([judge, f"questions-{self.questions.sha256[:12]}", *self._settings])

    @property
    def _settings(self) -> tuple[str, ...]:
        """Names what else the value depends on."""
        return ()

    @property
    def runs_on(self) -> Mapping[str, str]:
        """What the judge says of its device and dtype."""
        return self.judge.runs_on

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages that the judge computes with."""
        return self.judge.libraries

    def item_of(self, prompt: Prompt) -> Item | None:
        """The questions about a prompt, if there are any."""
        return self.questions.about(prompt)

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether the question file asks about the prompt."""
        return self.item_of(prompt) is not None

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; raises InputError where the judge cannot be loaded."""
        waiting: deque[tuple[ScoringItem, str | None]] = deque()

        def sheets() -> Iterator[Sheet]:
            named, looked_at = tee(items)
            for item, content in zip(named, read_one_ahead(i.path for i in looked_at), strict=True):
                waiting.append((item, content.problem))
                if content.image is not None:
                    yield self._sheet(item, content.image)

        for answers in self.judge.answer(sheets()):
            yield from _unread(waiting)
            yield self._result(waiting.popleft()[0], answers)
        yield from _unread(waiting)

    def _sheet(self, item: ScoringItem, image: Image) -> Sheet:
        asked = self.item_of(item.prompt)
        assert asked is not None
        return Sheet(image, asked.questions)

    def _result(self, scored: ScoringItem, answers: Sequence[Answer]) -> ScoringResult:
        item = self.item_of(scored.prompt)
        assert item is not None
        problem = next((answer.problem for answer in answers if answer.problem), None)
        if problem is not None:
            return ScoringResult(scored, None, problem)
        pairs = zip(item.questions, answers, strict=True)
        scores = {question.id: self._score(question, answer) for question, answer in pairs}
        try:
            after = zeroed(item.questions, scores, self.zeroing)
        except UnknownParentError as error:
            return ScoringResult(scored, None, str(error))
        details = {
            "answers": [a.to_json() for a in answered(item.questions, answers, scores, after, first_line=-1)],
            "over_long": any(answer.details.get("truncated") is True for answer in answers),
        }
        return ScoringResult(scored, self._mean(list(after.scores.values())), details=details)

    def _score(self, question: Question, answer: Answer) -> float:
        return score_of(question, answer, self.reading)

    def _mean(self, scores: Sequence[float]) -> float:
        return arithmetic_mean(scores)


def _unread(waiting: deque[tuple[ScoringItem, str | None]]) -> Iterator[ScoringResult]:
    """Results of images that could not be read, up to the first that could."""
    while waiting and waiting[0][1] is not None:
        item, reason = waiting.popleft()
        yield ScoringResult(item, None, reason)

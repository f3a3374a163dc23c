"""Metrics of recorded images by questions: one value for each image, the mean over its questions."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL.Image import Image

from nami_bench.domain import Prompt
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.questions.answers import problem_of_words
from nami_bench.evaluation.questions.graph import Item, Question, QuestionSet
from nami_bench.evaluation.questions.judge import Answer, Judge, Reading, Sheet, instrument
from nami_bench.evaluation.questions.judge_making import create_judge
from nami_bench.evaluation.questions.results import answered
from nami_bench.evaluation.questions.rules import (
    UnknownParentError,
    Zeroing,
    arithmetic_mean,
    score_of,
    zeroed,
)
from nami_bench.evaluation.seen_images import results_of_seen


class QuestionMetric(ABC):
    """The mean score of an image's questions, 0..1, after zeroing.

    A prompt's questions are found as `QuestionSet.about` says.
    `details` of a result: "answers", each question with its answer, score and what zeroed it, as in
    `nami_bench.evaluation.questions.results`; and "over_long", whether the judge did not read one to its end.
    An image of which a question was not answered has no value and a reason.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`questions`: the benchmark's question file. `judge` names a plugin of the group nami_bench.judges,
        `judge_options` are its own."""

        questions: Path
        judge: str
        judge_options: Mapping[str, Any] = field(default_factory=dict)

    name: str
    zeroing = Zeroing.NONE
    needs_yes_or_no = False
    """Whether an image has no score where an answer begins with neither; else such an answer is wrong."""
    value_range = (0.0, 1.0)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.judge: Judge = create_judge(options.judge, self._judge_defaults(), options.judge_options)

    def _judge_defaults(self) -> Mapping[str, Any]:
        """How the benchmark's own script asks: options of judges, where they have them and `judge_options`
        says nothing else. What is taken is in the judge's identity."""
        return {}

    @property
    @abstractmethod
    def reading(self) -> Reading:
        """How answers become scores."""

    @abstractmethod
    def _read(self) -> QuestionSet:
        """The question file's content; raises InputError."""

    @cached_property
    def questions(self) -> QuestionSet:
        """All questions."""
        return self._read()

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
        return results_of_seen(items, self._sheet, self.judge.answer, self._result)

    def _sheet(self, item: ScoringItem, image: Image) -> Sheet:
        asked = self.item_of(item.prompt)
        assert asked is not None
        return Sheet(image, asked.questions)

    def _result(self, scored: ScoringItem, answers: Sequence[Answer]) -> ScoringResult:
        item = self.item_of(scored.prompt)
        assert item is not None
        pairs = list(zip(item.questions, answers, strict=True))
        problem = next(filter(None, (self._problem(*pair) for pair in pairs)), None)
        if problem is not None:
            return ScoringResult(scored, None, problem)
        scores = {question.id: self._score(question, answer) for question, answer in pairs}
        try:
            after = zeroed(item.questions, scores, self.zeroing)
        except UnknownParentError as error:
            return ScoringResult(scored, None, str(error))
        details = {
            "answers": [a.to_json() for a in answered(item.questions, answers, scores, after, first_line=-1)],
            "over_long": any(answer.details.get("truncated") is True for answer in answers),
            **self._details(item),
        }
        return ScoringResult(scored, self._mean(list(after.scores.values())), details=details)

    def _problem(self, question: Question, answer: Answer) -> str | None:
        if answer.problem or not self.needs_yes_or_no:
            return answer.problem
        return problem_of_words("yes", question.expected, answer.text or "")

    def _details(self, item: Item) -> Mapping[str, Any]:
        """What a result tells of its item beside the answers."""
        return {}

    def _score(self, question: Question, answer: Answer) -> float:
        return score_of(question, answer, self.reading)

    def _mean(self, scores: Sequence[float]) -> float:
        return arithmetic_mean(scores)


class AsTheJudgeIsRead(QuestionMetric):
    """One of which the benchmark leaves open how an answer is read."""

    @dataclass(frozen=True, slots=True)
    class Options(QuestionMetric.Options):
        """`read`: how answers become scores (exact, word, probability); default: as the judge is meant to be
        read."""

        read: Reading | None = None

    options: Options

    @property
    def reading(self) -> Reading:
        """How answers become scores."""
        return self.options.read or self.judge.reading

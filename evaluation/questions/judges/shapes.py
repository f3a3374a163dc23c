"""An analytic judge for pictures of the shapes world: from pixels alone, without weights."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.rules import GenEvalParams, decide, select
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.evaluation.questions import wording
from nami_bench.evaluation.questions.graph import NO, YES, Question
from nami_bench.evaluation.questions.judge import Answer, Reading, Sheet

_PARAMS = GenEvalParams()


class ShapesJudge:
    """Answers the questions that `nami_bench.evaluation.questions.from_clauses` writes about shapes.

    Each is a demand of GenEval's, and the answer is GenEval's verdict on it, by its published thresholds: the
    stricter one for the questions that count. Another question has a problem in place of an answer.
    """

    reading = Reading.EXACT

    def __init__(self) -> None:
        self._detector = ShapesDetector()
        self._colors = self._detector.color_classifier

    @property
    def identity(self) -> str:
        """Detector, color classifier, and the wording that is understood."""
        return "+".join((self._detector.identity, self._colors.identity, wording.VERSION))

    @property
    def runs_on(self) -> Mapping[str, str]:
        """The CPU; regions are compared in float32."""
        return {"device": "cpu", "dtype": "float32"}

    @property
    def libraries(self) -> tuple[str, ...]:
        """What reads and compares pixels."""
        return ("numpy", "pillow", "scipy")

    def answer(self, sheets: Iterable[Sheet]) -> Iterator[Sequence[Answer]]:
        """Yield yes or no for each question, with GenEval's reason for a no; never in doubt, so the
        probabilities are 1 and 0."""
        for sheet in sheets:
            (found,) = self._detector.detect([sheet.image])
            yield [self._answer(sheet, question, found) for question in sheet.questions]

    def _answer(self, sheet: Sheet, question: Question, found: Sequence[Detection]) -> Answer:
        demand = wording.demand_of(question.text, self._detector.class_names)
        if demand is None:
            return Answer(problem=f"the judge 'shapes' does not understand the question {question.text!r}")
        kept = select(found, _PARAMS.score_threshold(demand.tag), _PARAMS)
        verdict = decide(demand, kept, lambda group: self._colors.classify(sheet.image, group), _PARAMS)
        text = YES if verdict.correct else NO
        details = {} if verdict.correct else {"reason": verdict.reason}
        return Answer(text, float(text == question.expected), details=details)

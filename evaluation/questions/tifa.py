"""TIFA's rule for questions of one's own."""

from nami_bench.evaluation.questions.graph import QuestionSet
from nami_bench.evaluation.questions.judge import Reading
from nami_bench.evaluation.questions.metric import QuestionMetric
from nami_bench.evaluation.questions.question_file import read_questions


class Tifa(QuestionMetric):
    """The share of questions that are answered as expected (Hu et al. 2023, arXiv 2303.11897).

    Questions are in our own JSON lines (`nami_bench.evaluation.questions.question_file`), each with its own
    right answer, which need not be yes; no answer depends on another. It is right where the judge's first
    word is the expected one.

    Not covered: TIFA's answers come from several choices, and what the judge says freely is given to the
    choice that a sentence encoder finds nearest. Here an answer in other words, or one of two words, is
    wrong. TIFA's own files are not read.
    """

    name = "tifa"
    reading = Reading.WORD

    def _read(self) -> QuestionSet:
        return read_questions(self.options.questions)

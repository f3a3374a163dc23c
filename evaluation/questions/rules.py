"""The rules that join answers to scores: each a small pure function.

What the benchmarks' own scripts do: DPG-Bench zeroes in row order and in place, so that a zero is handed on
to children that come later; DSG and OneIG zero by the original scores, so that nothing is handed on.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Reading

Scores = Mapping[int, float]
"""By a question's id, 0..1."""


class Zeroing(StrEnum):
    """What a wrong answer does to the questions that depend on it."""

    IN_ROW_ORDER = "row-order"
    BY_ORIGINALS = "originals"
    NONE = "none"


class UnknownParentError(InputError):
    """A question depends on one that has no score."""


@dataclass(frozen=True, slots=True)
class Zeroed:
    """Scores after zeroing; `by` names, for each question that lost its score, the parent whose 0 took it."""

    scores: Scores
    by: Mapping[int, int]


def zeroed(questions: Sequence[Question], scores: Scores, zeroing: Zeroing) -> Zeroed:
    """Scores in which no question counts of which a parent is wrong.

    `questions` are in the order of their rows. In row order, a parent counts as wrong if its score is 0 when
    the child's turn comes: a child before its parent sees the parent's own score. Raises UnknownParentError
    where a parent has no score and no parent before it in the question's list is 0: else nothing looks at it.
    """
    after = dict(scores)
    if zeroing is Zeroing.NONE:
        return Zeroed(after, {})
    seen = after if zeroing is Zeroing.IN_ROW_ORDER else scores
    by = {}
    for question in questions:
        for parent in question.parents:
            if parent not in seen:
                raise UnknownParentError(f"question {question.id} depends on {parent}, which does not exist")
            if seen[parent] == 0:
                if after[question.id] != 0:
                    by[question.id] = parent
                after[question.id] = 0.0
                break
    return Zeroed(after, by)


_FIRST_WORD = re.compile(r"\W*([\w-]+)")


def score_of(question: Question, answer: Answer, reading: Reading) -> float:
    """An answer's score, 0..1; raises InputError for a probability that the judge did not give."""
    if reading is Reading.PROBABILITY:
        if answer.probability is None:
            raise InputError("the judge gives no probabilities: read its words (reading=word)")
        return answer.probability
    if reading is Reading.EXACT:
        return float(answer.text == question.expected)
    return float(first_word(answer) == question.expected.casefold())


def first_word(answer: Answer) -> str:
    """An answer's first word, in small letters; "" where it has none."""
    word = _FIRST_WORD.match(answer.text or "")
    return word[1].casefold() if word else ""


def arithmetic_mean(scores: Sequence[float]) -> float:
    """Of at least one score."""
    return sum(scores) / len(scores)


def geometric_mean(scores: Sequence[float]) -> float:
    """Of at least one score from 0 on; one of 0 makes it 0."""
    if min(scores) <= 0:
        return 0.0
    return math.exp(sum(map(math.log, scores)) / len(scores))

"""Results of questions about images, made of what was asked and answered."""

from collections.abc import Mapping
from typing import Any

from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Reading
from nami_bench.evaluation.questions.results import ImageAnswers, answered
from nami_bench.evaluation.questions.rules import UnknownParentError, Zeroing, score_of, zeroed


def image_answers(
    file: str, cell: int, answers: Mapping[Question, Answer | str], **fields: Any
) -> ImageAnswers:
    """One image's result: its score and what is zeroed are as a run writes them; `fields` are its others.

    The question of line 1 is the file's first.
    """
    said = {
        question: Answer(answer) if isinstance(answer, str) else answer
        for question, answer in answers.items()
    }
    scores = {question.id: score_of(question, answer, Reading.EXACT) for question, answer in said.items()}
    try:
        after = zeroed(list(said), scores, Zeroing.IN_ROW_ORDER)
    except UnknownParentError:
        after = None
    usual = {
        "item": file.split(".")[0],
        "prompt": f"a picture of {file}",
        "judge": "judge-1",
        "sha256": "00" * 32,
        "questions_sha256": "11" * 32,
        "cut": "2x2 of 32 px",
    }
    rows = answered(list(said), list(said.values()), scores, after, first_line=1)
    return ImageAnswers(file=file, cell=cell, answers=rows, **{**usual, **fields})

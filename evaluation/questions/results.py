"""Results of questions about images: one JSON line for each image, with every question and answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.lines_file import LinesFile, parse_lines, read_lines
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.questions.rules import Zeroed


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, what the judge said, and what that scores, 0..1, before zeroing.

    `zeroed_by` names the parent whose wrong answer took the score away. `first_row` marks the question in its
    file's first row, which DPG-Bench's script passes over.
    """

    question: Question
    answer: Answer
    score: float
    zeroed_by: int | None = None
    first_row: bool = False

    def to_json(self) -> dict[str, Any]:
        """One entry of a line's "answers"."""
        question, answer = self.question, self.answer
        entry: dict[str, Any] = {
            "id": question.id,
            "question": question.text,
            "category": question.category,
            "parents": list(question.parents),
            "expected": question.expected,
            "text": answer.text,
            "probability": answer.probability,
            "score": self.score,
            "zeroed_by": self.zeroed_by,
        }
        if answer.details:
            entry["details"] = dict(answer.details)
        if self.first_row:
            entry["first_row"] = True
        return entry

    @classmethod
    def from_json(cls, entry: Any) -> "Answered":
        """The inverse of `to_json`; raises ValueError."""
        if not isinstance(entry, dict):
            raise ValueError("an answer is not an object")
        parents, text = _of(entry, "parents", list), _of(entry, "text", str | None)
        if not all(isinstance(parent, int) for parent in parents):
            raise ValueError("'parents' are not numbers")
        score = float(_of(entry, "score", int | float))
        if not 0 <= score <= 1:
            raise ValueError(f"the score {score} is not within 0 and 1")
        question = Question(
            id=_of(entry, "id", int),
            text=_of(entry, "question", str),
            expected=_of(entry, "expected", str),
            parents=tuple(parents),
            category=_of(entry, "category", str),
        )
        details = entry.get("details", {})
        answer = Answer(text, _of(entry, "probability", int | float | None), details=details)
        return cls(
            question, answer, score, _of(entry, "zeroed_by", int | None), entry.get("first_row") is True
        )


@dataclass(frozen=True, slots=True)
class ImageAnswers:
    """One image's answers.

    `file` is the name of the file that the image is in, `cell` its number there, from 0 on. `item` and
    `prompt` are the question file's. `sha256` is that of the file's bytes, `questions_sha256` that of the
    question file's, both hex; `judge` names the instrument.
    """

    file: str
    cell: int
    item: str
    prompt: str
    judge: str
    sha256: str
    questions_sha256: str
    cut: str
    """How the image was taken from its file: "2x2 of 512 px"."""
    answers: tuple[Answered, ...] = field(default=())

    @property
    def place(self) -> tuple[str, int]:
        """What tells images apart within one results file."""
        return self.file, self.cell

    def to_json(self) -> dict[str, Any]:
        """One line of a results file."""
        return {
            "file": self.file,
            "cell": self.cell,
            "item": self.item,
            "prompt": self.prompt,
            "judge": self.judge,
            "sha256": self.sha256,
            "questions_sha256": self.questions_sha256,
            "cut": self.cut,
            "answers": [answered.to_json() for answered in self.answers],
        }

    @classmethod
    def from_json(cls, row: Any) -> "ImageAnswers":
        """The inverse of `to_json`; raises ValueError that says what is wrong."""
        if not isinstance(row, dict):
            raise ValueError("not an object")
        texts = ("file", "item", "prompt", "judge", "sha256", "questions_sha256", "cut")
        answers = tuple(map(Answered.from_json, _of(row, "answers", list)))
        if not answers:
            raise ValueError("it has no answers")
        if len({answered.question.id for answered in answers}) < len(answers):
            raise ValueError("a question is answered twice")
        return cls(
            cell=_of(row, "cell", int), answers=answers, **{name: _of(row, name, str) for name in texts}
        )


def answered(
    questions: Sequence[Question],
    answers: Sequence[Answer],
    scores: Mapping[int, float],
    after: Zeroed | None,
    first_line: int,
) -> tuple[Answered, ...]:
    """Each question with its answer and score; `after`: None where zeroing failed, for want of a parent.

    The first question of the file's line `first_line` is marked: where a line is an item, it has several.
    """
    by = {} if after is None else after.by
    first = next((question for question in questions if question.line == first_line), None)
    return tuple(
        Answered(question, answer, scores[question.id], by.get(question.id), question is first)
        for question, answer in zip(questions, answers, strict=True)
    )


def read_results(path: Path) -> list[ImageAnswers]:
    """The results in a file.

    Raises InputError for a missing or empty file, a line that is no result (with its number), and an image
    that occurs twice.
    """
    rows = _parse(read_lines(path), path)
    if not rows:
        raise InputError(f"{path} holds no results")
    return rows


class ResultsFile(LinesFile[ImageAnswers]):
    """A results file that a run writes image by image and a later run takes up again.

    Opening drops a last line cut off by a kill. Raises InputError where the file holds results of another
    judge or other questions, or of images cut otherwise; StorageError where it cannot be written.
    """

    def __init__(self, path: Path, judge: str, questions_sha256: str, cut: str) -> None:
        super().__init__(path, "file", partial(_parse_own, judge, questions_sha256, cut))


def _parse_own(judge: str, questions_sha256: str, cut: str, data: bytes, path: Path) -> list[ImageAnswers]:
    rows = _parse(data, path)
    for row in rows:
        others = (
            ("the judge", row.judge, judge),
            ("the questions", row.questions_sha256, questions_sha256),
            ("images cut as", row.cut, cut),
        )
        for what, theirs, ours in others:
            if theirs != ours:
                raise InputError(
                    f"{path} holds results of {what} {theirs}, not {ours}: "
                    "name another file with -o or delete it"
                )
    return rows


def _parse(data: bytes, path: Path) -> list[ImageAnswers]:
    return parse_lines(
        data,
        path,
        "no result of questions",
        ImageAnswers.from_json,
        lambda row: f"image {row.cell} of {row.file}",
    )


def _of(row: Mapping[str, Any], key: str, kind: Any) -> Any:
    value = row.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{key!r} is not what it should be: {value!r}")
    return value

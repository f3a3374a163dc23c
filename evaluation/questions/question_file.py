"""Files of questions: our own, written and read, and one entrance to all that are known.

Ours is one JSON object a line, an item: "item", "prompt", "prompt_sha256" (of its UTF-8 text, hex),
"questions" (each with "id", "question", "expected", "parents", "category"), and whatever else is kept.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.questions import geneval2_file
from nami_bench.evaluation.questions.graph import Defect, Item, Question, QuestionSet, defects, refuse
from nami_bench.evaluation.questions.official_csv import read_rows
from nami_bench.evaluation.questions.published_file import published
from nami_bench.foreign_text import check_numbers, numbered_lines, parse_object

_KEYS = ("item", "prompt", "prompt_sha256", "questions")
_QUESTION_KEYS = ("id", "question", "expected", "parents", "category")


class Form(StrEnum):
    """How a file holds its questions."""

    OWN = "NAMI-Bench"
    CSV = "DPG-Bench or DSG"
    GENEVAL2 = "GenEval 2"


@dataclass(frozen=True)
class QuestionFile:
    """What a file holds: `questions` are those that could be read; `defects`, in order, what is wrong."""

    form: Form
    questions: QuestionSet
    defects: tuple[Defect, ...]


def read_questions(path: Path) -> QuestionSet:
    """The questions of a file of any form, which its content tells; benchmarks' scripts' ways of reading
    unsound ones are in `nami_bench.evaluation.questions.official_csv`.

    Raises InputError for a file that cannot be read, and for an unsound one, whose lines it names.
    """
    found = inspect_questions(path)
    refuse(path, found.defects)
    return found.questions


def read_by(path: Path, read_csv: Callable[[Path], QuestionSet]) -> QuestionSet:
    """The questions of a file in JSON lines, and of any other as `read_csv` reads it: a benchmark's own way.

    Raises InputError as `read_questions`.
    """
    return read_questions(path) if published(path).text.lstrip().startswith("{") else read_csv(path)


def inspect_questions(path: Path) -> QuestionFile:
    """The same of a file that may be unsound; raises InputError where no line of it can be made out."""
    file = published(path)
    text = file.text
    if not text.strip():
        raise InputError(f"{path} holds no questions")
    if text.lstrip().startswith("{"):
        form, items, unsound = _from_json_lines(text, path)
    else:
        form, (items, unsound) = Form.CSV, read_rows(path)
    unsound += [defect for item in items for defect in defects(item)]
    unsound.sort(key=lambda defect: defect.line)
    questions = QuestionSet(tuple(items), file.sha256)
    return QuestionFile(form, questions, tuple(unsound))


def to_jsonl(items: Iterable[Item]) -> bytes:
    """Our own form as UTF-8: the same bytes for equal items, whatever the order of what is in `extra`.

    Raises InputError for what could not be read again.
    """
    lines: dict[str, bytes] = {}
    for item in items:
        if item.id in lines:
            raise InputError(f"the questions of {item.id!r} cannot be written: they are there already")
        lines[item.id] = _line(item)
    return b"".join(lines.values())


def text_sha256(text: str) -> str:
    """Hex SHA-256 of a prompt's text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def _line(item: Item) -> bytes:
    try:
        if taken := [key for key in _KEYS if key in item.extra]:
            raise ValueError(f"'extra' may not hold {taken[0]!r}")
        row = {
            "item": item.id,
            "prompt": item.prompt,
            "prompt_sha256": text_sha256(item.prompt),
            "questions": list(map(_entry, item.questions)),
            **json.loads(json.dumps(dict(item.extra), sort_keys=True)),
        }
        line = json.dumps(row, ensure_ascii=False, allow_nan=False)
        for defect in defects(_read_row(parse_object(line), 0, 0)):
            raise ValueError(defect.what)
        return f"{line}\n".encode()
    except ValueError as error:
        raise InputError(f"the questions of {item.id!r} cannot be written: {error}") from error


def _entry(question: Question) -> dict[str, Any]:
    values = (question.id, question.text, question.expected, list(question.parents), question.category)
    return dict(zip(_QUESTION_KEYS, values, strict=True))


_Reader = Callable[[Mapping[str, Any], int, int], Item]
"""Makes an item of a line's object, its index in the file and its line; raises ValueError."""


def _from_json_lines(text: str, path: Path) -> tuple[Form, list[Item], list[Defect]]:
    form: Form | None = None
    items: dict[str, Item] = {}
    unsound: list[Defect] = []
    for index, (line, content) in enumerate(numbered_lines(text)):
        try:
            row = parse_object(content)
            check_numbers(row)
            form = form or _form(row)
            item = _READERS[form or Form.OWN](row, index, line)
        except ValueError as error:
            unsound.append(Defect(line, str(error)))
            continue
        if item.id in items:
            unsound.append(Defect(line, f"{item.id} is in the file a second time"))
        items.setdefault(item.id, item)
    if form is None:
        raise InputError(
            f"{path} is no question file: its lines have neither 'questions', as ours, nor 'vqa_list', as "
            "GenEval 2's"
        )
    return form, list(items.values()), unsound


def _form(row: Mapping[str, Any]) -> Form | None:
    if "vqa_list" in row:
        return Form.GENEVAL2
    return Form.OWN if "questions" in row else None


def _read_row(row: Mapping[str, Any], index: int, line: int) -> Item:
    name, prompt, sha256, asked = (row.get(key) for key in _KEYS)
    for key, value in (("item", name), ("prompt", prompt)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{key!r} must be text, got {value!r}")
    if sha256 != text_sha256(str(prompt)):
        raise ValueError("'prompt_sha256' is not that of the prompt: its text was changed")
    if not isinstance(asked, list) or not asked:
        raise ValueError("'questions' must be a list of questions")
    questions = tuple(question_from_json(entry, line) for entry in asked)
    extra = {key: value for key, value in row.items() if key not in _KEYS}
    return Item(str(name), str(prompt), questions, extra)


def question_from_json(entry: Any, line: int = 0) -> Question:
    """One entry of "questions"; raises ValueError."""
    if not isinstance(entry, dict):
        raise ValueError(f"a question must be an object, got {entry!r}")
    if entry.keys() != set(_QUESTION_KEYS):
        odd = sorted(entry.keys() ^ set(_QUESTION_KEYS))[0]
        raise ValueError(f"a question has {'an unknown key' if odd in entry else 'no'} {odd!r}")
    number, text, expected, parents, category = (entry[key] for key in _QUESTION_KEYS)
    if not _is_whole(number):
        raise ValueError(f"a question's 'id' must be a whole number from 1, got {number!r}")
    if not all(isinstance(value, str) and value.strip() for value in (text, expected)):
        raise ValueError(f"'question' and 'expected' of question {number} must be text")
    if not isinstance(category, str):
        raise ValueError(f"'category' of question {number} must be text, got {category!r}")
    if not isinstance(parents, list) or not all(map(_is_whole, parents)):
        raise ValueError(f"'parents' of question {number} must be a list of ids, got {parents!r}")
    return Question(number, text, expected, tuple(parents), category, line)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_READERS: Mapping[Form, _Reader] = {Form.OWN: _read_row, Form.GENEVAL2: geneval2_file.read_row}

"""OneIG-Bench's alignment score (OneIG-Bench/OneIG-Benchmark, scripts/alignment)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.jpeg import as_jpeg
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.questions.graph import Item, Question, QuestionSet
from nami_bench.evaluation.questions.judge import Reading, Sheet
from nami_bench.evaluation.questions.metric import QuestionMetric
from nami_bench.evaluation.questions.published_file import (
    PublishedFile,
    joint_sha256,
    published,
    published_files,
)
from nami_bench.evaluation.questions.rules import Zeroing
from nami_bench.foreign_text import parse_object

CATEGORIES = {
    "anime": "Anime_Stylization",
    "human": "Portrait",
    "object": "General_Object",
    "text": "Text_Rendering",
    "reasoning": "Knowledge_Reasoning",
    "multilingualism": "Multilingualism",
}
"""A question file's name, without "_zh", and what the table of prompts calls the category."""
_CHINESE = "_zh"
_QUALITY = 75  # Pillow's own, with which the benchmark's script saves
_NO_PARENT = 0


class OneIGAlignment(QuestionMetric):
    """OneIG-Bench's alignment: 1 for the very word "Yes"; a question does not count where a parent's own
    answer is wrong.

    By the benchmark's code: the rule, the files' forms, and that images are saved as JPEG, quality 75, before
    they are judged. Published with Qwen2.5-VL-7B-Instruct in bfloat16 and the template "yes-or-no", which a
    judge is given unless `judge_options` says otherwise. Of an answer four tokens are read (there 128), which
    tells whether anything follows the "Yes", and of a server's its words rather than probabilities. Every
    answer of a judge that says "yes", such as `mplug`, is wrong.

    The published score is the mean over the prompts of anime, human and object. Not covered: grids of images
    are cut by whoever brings them, and black cells are not left out; OneIG's scores for text, diversity,
    style and reasoning, which are not from questions.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Options(QuestionMetric.Options):
        """`questions`: the folder Q_D, or one file of it. `prompts`: the table of prompts, English or
        Chinese, by which the language of the questions goes too. `jpeg`: whether images are judged as JPEG,
        as the benchmark's are."""

        prompts: Path
        jpeg: bool = True

    name = "oneig-alignment"
    reading = Reading.EXACT
    zeroing = Zeroing.BY_ORIGINALS
    options: Options

    def _judge_defaults(self) -> Mapping[str, Any]:
        return {"template": "yes-or-no", "max_new_tokens": 4, "logprobs": False}

    def _read(self) -> QuestionSet:
        return read_oneig(self.options.questions, self.options.prompts)

    @property
    def _settings(self) -> tuple[str, ...]:
        return (f"jpeg{_QUALITY}",) if self.options.jpeg else ()

    def _sheet(self, item: ScoringItem, image: Image.Image) -> Sheet:
        return super()._sheet(item, as_jpeg(image, _QUALITY) if self.options.jpeg else image)


def read_oneig(questions: Path, prompts: Path) -> QuestionSet:
    """The questions of a file or folder, about the prompts of a table; a question's category is its prompt's.

    Parents that do not exist are passed over, as by the benchmark's script, with a note. Raises InputError
    that says what is wrong where.
    """
    table = published(prompts)
    column, texts = _prompts(table)
    files = [file for file in published_files(questions, ".json") if _is_chinese(file) == (column == _ZH)]
    if not files:
        raise InputError(f"{questions} holds no questions about prompts in {prompts}'s language ({column})")
    items = tuple(item for file in files for item in _items(file, texts))
    strays = sum(p not in item.by_id for item in items for q in item.questions for p in q.parents)
    kept = tuple(_with_parents_that_exist(item) for item in items)
    notes = (f"{strays} dependencies name no question, and are passed over",) if strays else ()
    return QuestionSet(kept, joint_sha256([*files, table]), notes)


_EN, _ZH = "prompt_en", "prompt_cn"


def _is_chinese(file: PublishedFile) -> bool:
    return file.path.stem.endswith(_CHINESE)


def _prompts(table: PublishedFile) -> tuple[str, Mapping[tuple[str, str], str]]:
    """The column of the prompts, and these by category and id."""
    header = table.text.partition("\n")[0]
    column = _ZH if _ZH in header else _EN
    rows = table.rows(("category", "id", column), "table of OneIG-Bench's prompts")
    return column, {(row["category"], row["id"]): row[column] for _, row in rows}


def _items(file: PublishedFile, prompts: Mapping[tuple[str, str], str]) -> Iterator[Item]:
    stem = file.path.stem.removesuffix(_CHINESE)
    if stem not in CATEGORIES:
        raise InputError(f"{file.path} is named as no category of OneIG-Bench: {', '.join(CATEGORIES)}")
    category, rows = CATEGORIES[stem], file.json()
    if not isinstance(rows, dict) or not rows:
        raise InputError(f"{file.path} is no question file of OneIG-Bench: it must be an object of prompts")
    for name, row in rows.items():
        if (category, name) not in prompts:
            raise InputError(f"{file.path}: the table of prompts has no {name!r} of {category}")
        try:
            yield Item(f"{stem}/{name}", prompts[category, name], tuple(_questions(row, category)))
        except ValueError as error:
            raise InputError(f"{file.path}, {name!r}: {error}") from error


def _questions(row: Any, category: str) -> Iterator[Question]:
    """A prompt's questions; raises ValueError."""
    if not isinstance(row, dict):
        raise ValueError("it must be an object with 'question' and 'dependency'")
    texts, parents = _by_id(row, "question"), _by_id(row, "dependency")
    if not texts:
        raise ValueError("it has no questions")
    for number, text in texts.items():
        named = parents.get(number, [])
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"question {number} must be text, got {text!r}")
        if not isinstance(named, list) or not all(isinstance(parent, int) for parent in named):
            raise ValueError(f"the dependency of question {number} must be a list of ids, got {named!r}")
        known = tuple(parent for parent in named if parent != _NO_PARENT)
        yield Question(number, text, "Yes", known, category)


def _by_id(row: Mapping[str, Any], key: str) -> Mapping[int, Any]:
    """The object, or JSON text of one, under a key, by question ids; raises ValueError."""
    value = row.get(key)
    found = parse_object(value) if isinstance(value, str) else value
    if not isinstance(found, dict) or not all(name.isdecimal() for name in found):
        raise ValueError(f"{key!r} must be an object by question numbers")
    return {int(name): entry for name, entry in found.items()}


def _with_parents_that_exist(item: Item) -> Item:
    questions = tuple(
        replace(question, parents=tuple(parent for parent in question.parents if parent in item.by_id))
        for question in item.questions
    )
    return replace(item, questions=questions)

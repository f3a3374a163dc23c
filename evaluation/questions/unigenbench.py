"""UniGenBench's test points as questions (CodeGoat24/UniGenBench)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Item, Question, QuestionSet
from nami_bench.evaluation.questions.judge import Reading
from nami_bench.evaluation.questions.metric import QuestionMetric
from nami_bench.evaluation.questions.published_file import published
from nami_bench.foreign_text import parse_object

COLUMNS = ("index", "prompt_en", "sub_dims_en")
_WORDING = "unigenbench-question-1"


class UniGenBench(QuestionMetric):
    """UniGenBench: the share of a prompt's test points that its image meets.

    Read are the English tables, short and long. A test point's category is its name ("Attribute - Color"), so
    that `nami_bench.evaluation.questions.categories.category_scores` gives the benchmark's scores: pooled
    over all images, by primary (broad) and sub-dimension (detailed).

    By the benchmark's code: the table, and the pooling. Not reproduced: the benchmark asks Gemini 2.5 Pro, or
    a model of its own, about all points of an image in one call, and takes a list of 0s and 1s behind an
    analysis of each, asking again where it cannot be read. Here each point is a question by itself, in words
    of ours that no paper has, and an image with an answer that begins with neither yes nor no has no value.
    Scores are not to be compared with published ones.
    """

    name = "unigenbench"
    reading = Reading.WORD
    needs_yes_or_no = True

    def _read(self) -> QuestionSet:
        return read_unigenbench(self.options.questions)

    @property
    def _settings(self) -> tuple[str, ...]:
        return (_WORDING,)


def read_unigenbench(path: Path) -> QuestionSet:
    """The test points of a table; raises InputError that says what is wrong where."""
    file = published(path)
    items: dict[str, Item] = {}
    for line, row in file.rows(COLUMNS, "English table of UniGenBench"):
        name = f"unigenbench/{row['index']}"
        if name in items:
            raise InputError(f"{path}, line {line}: the index {row['index']!r} occurs a second time")
        try:
            items[name] = Item(name, row["prompt_en"], tuple(_questions(row, line)))
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}") from error
    return QuestionSet(tuple(items.values()), file.sha256)


def _questions(row: Mapping[str, str], line: int) -> Iterator[Question]:
    """Raises ValueError."""
    if not row["prompt_en"]:
        raise ValueError("'prompt_en' is empty")
    try:
        dimensions = parse_object(row["sub_dims_en"])
    except ValueError as error:
        raise ValueError(f"'sub_dims_en' {error}") from error
    points, said = (_texts(dimensions, key) for key in ("Testpoints", "Testpoint Description"))
    if len(points) != len(said):
        raise ValueError(f"'Testpoints' are {len(points)}, and 'Testpoint Description' are {len(said)}")
    for number, (point, description) in enumerate(zip(points, said, strict=True), start=1):
        text = (
            f'This image was made for the prompt "{row["prompt_en"]}". Looking at "{point}": does it meet '
            f'what the prompt demands with "{description}"?'
        )
        yield Question(number, text, category=point, line=line)


def _texts(dimensions: Mapping[str, Any], key: str) -> list[str]:
    texts = dimensions.get(key)
    if not isinstance(texts, list) or not texts:
        raise ValueError(f"{key!r} must be a list of texts")
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f"{key!r} must hold texts alone")
    return texts

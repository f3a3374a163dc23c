"""T2I-CoReBench's checklists (KlingTeam/T2I-CoReBench)."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.categories import CategoryScore, mean_scores
from nami_bench.evaluation.questions.graph import Item, Question, QuestionSet
from nami_bench.evaluation.questions.judge import Reading
from nami_bench.evaluation.questions.metric import QuestionMetric
from nami_bench.evaluation.questions.published_file import PublishedFile, joint_sha256, published_files
from nami_bench.evaluation.questions.rules import arithmetic_mean


class CoReBench(QuestionMetric):
    """T2I-CoReBench: the share of a prompt's checklist that is answered with yes.

    A question's category is its prompt's dimension, "Reasoning - Logical Reasoning"; `dimension_scores` makes
    the benchmark's scores of the results.

    By the benchmark's code: the files' form and the means. Not reproduced: its judges (Gemini 2.5 Flash and,
    by its page, Qwen2.5-VL-72B) get a strict instruction and the prompt with every question, ours the
    question alone, in the judge's words. It looks for a yes anywhere in an answer, which here must begin with
    it. Where an answer holds neither yes nor no it takes the mean of the others; here the image has no value.
    """

    name = "corebench"
    reading = Reading.WORD
    needs_yes_or_no = True

    def _read(self) -> QuestionSet:
        return read_corebench(self.options.questions)


def read_corebench(path: Path) -> QuestionSet:
    """The checklists of a dimension's JSON file, or of a folder of such; InputError says what is wrong where.

    A prompt's name is a key: {"Main Class", "Sub Class", "Prompt", "Checklist": [{"question"}]}.
    """
    files = published_files(path, ".json")
    items: dict[str, Item] = {}
    for file in files:
        for item in _items(file):
            if item.id in items:
                raise InputError(f"{file.path}: {item.id} is in {path} a second time")
            items[item.id] = item
    return QuestionSet(tuple(items.values()), joint_sha256(files))


def dimension_scores(results: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[CategoryScore, ...]:
    """By dimension the mean of its images' scores; `results`: (prompt, details of its result) each.

    `questions` of a score are images.
    """
    return mean_scores(
        (answers[0]["category"], prompt, arithmetic_mean([answer["score"] for answer in answers]))
        for prompt, answers in ((prompt, details["answers"]) for prompt, details in results)
    )


def _items(file: PublishedFile) -> Iterator[Item]:
    rows = file.json()
    if not isinstance(rows, dict) or not rows:
        raise InputError(f"{file.path} is no checklist of T2I-CoReBench: it must be an object of prompts")
    for name, row in rows.items():
        try:
            yield _item(name, row)
        except ValueError as error:
            raise InputError(f"{file.path}, {name!r}: {error}") from error


def _item(name: str, row: Any) -> Item:
    if not isinstance(row, dict):
        raise ValueError("it must be an object with 'Prompt' and 'Checklist'")
    main, sub, prompt = (_text(row, key) for key in ("Main Class", "Sub Class", "Prompt"))
    entries = row.get("Checklist")
    if not isinstance(entries, list) or not entries:
        raise ValueError("'Checklist' must be a list of questions")
    texts = [_text(entry if isinstance(entry, dict) else {}, "question") for entry in entries]
    questions = (Question(n, text, category=f"{main} - {sub}") for n, text in enumerate(texts, start=1))
    return Item(name, prompt, tuple(questions))


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key!r} must be text, got {value!r}")
    return value

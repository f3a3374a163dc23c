"""TIIF-Bench's accuracy by yes-or-no questions (arXiv 2506.02161; A113N-W3I/TIIF-Bench)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.categories import mean_scores
from nami_bench.evaluation.questions.graph import NO, YES, Item, Question, QuestionSet
from nami_bench.evaluation.questions.judge import Reading
from nami_bench.evaluation.questions.metric import QuestionMetric
from nami_bench.evaluation.questions.published_file import PublishedFile, joint_sha256, published_files

_REASONING = ("numeracy", "comparison", "differentiation", "negation")
GROUPS: Mapping[str, tuple[str, ...]] = {
    "attribute": ("shape+color", "color+texture", "texture+color", "shape+texture"),
    "relation": ("2d_spatial_relation", "3d_spatial_relation", "action+2d", "action+3d"),
    "reasoning": _REASONING,
    "attribute+relation": (
        "action+color",
        "action+texture",
        *(f"{what}+{where}" for what, where in product(("color", "shape", "texture"), ("2d", "3d"))),
    ),
    "attribute+reasoning": tuple(f"{a}+{b}" for a, b in product(_REASONING, ("color", "texture"))),
    "relation+reasoning": tuple(f"{a}+{b}" for a, b in product(_REASONING, ("2d", "3d"))),
    "text": ("text",),
    "style": ("style",),
    "real world": ("real_world",),
}
"""The nine groups, each with its types of prompts. Other types count in no group."""
_GROUP_OF = {kind: group for group, kinds in GROUPS.items() for kind in kinds}
LENGTHS = ("short", "long")


class Tiif(QuestionMetric):
    """TIIF-Bench: the share of questions that are answered as listed, with yes or no.

    Each line is two prompts, a short and a long one, that are asked about alike; a question's category is
    "GROUP, LENGTH - TYPE". `tiif_scores` makes the benchmark's figures of the results.

    By the benchmark's code: the files' forms, the comparison, and the groups. Not reproduced: the benchmark
    asks GPT-4o all questions of an image in one message, in one of three wordings at random and at
    temperature 1, until it answers each with yes or no; here each question is asked by itself in the judge's
    words, and an image with an answer that begins with neither has no value. Not covered: the second score
    for text, by letters that are read in the image.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Options(QuestionMetric.Options):
        """`questions`: a JSON lines file of the eval prompts (type, yn_question_list, yn_answer_list), or
        their folder. `prompts`: the prompts (type, short_description, long_description) likewise, the same
        lines of each type in the same order."""

        prompts: Path

    name = "tiif"
    reading = Reading.WORD
    needs_yes_or_no = True
    options: Options

    def _read(self) -> QuestionSet:
        return read_tiif(self.options.questions, self.options.prompts)

    def _details(self, item: Item) -> Mapping[str, Any]:
        return item.extra


def read_tiif(questions: Path, prompts: Path) -> QuestionSet:
    """Two items a line, "TYPE/INDEX/LENGTH", whose `extra` holds "type" and "length"; InputError as read."""
    files = [published_files(path, ".jsonl") for path in (questions, prompts)]
    asked, described = (_by_type(of_kind) for of_kind in files)
    for kind in asked.keys() | described.keys():
        if (a := len(asked[kind])) != (d := len(described[kind])):
            raise InputError(f"{questions} has {a} lines of the type {kind!r} and {prompts} has {d}")
    items = tuple(
        item
        for kind in sorted(asked)
        for index, (line, text) in enumerate(zip(asked[kind], described[kind], strict=True))
        for item in _items(f"{kind}/{index}", line, text)
    )
    return QuestionSet(items, joint_sha256([file for of_kind in files for file in of_kind]))


@dataclass(frozen=True, slots=True)
class TiifScore:
    """Accuracies, 0-100, of the prompts of one length.

    `types`: of all questions of a type; `groups`: the mean of a group's types; `overall`: the mean of the
    nine groups, None where one was not measured (the benchmark's script averages those that were).
    """

    types: Mapping[str, float]
    groups: Mapping[str, float]
    overall: float | None


def tiif_scores(results: Iterable[tuple[str, Mapping[str, Any]]]) -> Mapping[str, TiifScore]:
    """By length; `results`: (prompt, details of its result) each."""
    found: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for prompt, details in results:
        for answer in details["answers"]:
            found[details["length"]].append((details["type"], prompt, answer["score"]))
    return {length: _score(found[length]) for length in LENGTHS if length in found}


def _score(answers: Iterable[tuple[str, str, float]]) -> TiifScore:
    types = {one.category: one.score for one in mean_scores(answers)}
    groups = {
        group: fmean(measured)
        for group, kinds in GROUPS.items()
        if (measured := [types[kind] for kind in kinds if kind in types])
    }
    return TiifScore(types, groups, fmean(groups.values()) if len(groups) == len(GROUPS) else None)


@dataclass(frozen=True, slots=True)
class _Line:
    file: PublishedFile
    number: int
    row: Mapping[str, Any]

    def wrong(self, what: str) -> InputError:
        return InputError(f"{self.file.path}, line {self.number}: {what}")


def _by_type(files: Iterable[PublishedFile]) -> defaultdict[str, list[_Line]]:
    found: defaultdict[str, list[_Line]] = defaultdict(list)
    for file in files:
        for number, row in file.objects():
            line = _Line(file, number, row)
            found[_text(line, "type")].append(line)
    return found


def _items(name: str, asked: _Line, described: _Line) -> Iterator[Item]:
    for length in LENGTHS:
        kind = asked.row["type"]
        category = f"{_GROUP_OF.get(kind, 'other')}, {length} - {kind}"
        prompt = _text(described, f"{length}_description")
        questions = tuple(_questions(asked, category))
        yield Item(f"{name}/{length}", prompt, questions, {"type": kind, "length": length})


def _questions(line: _Line, category: str) -> Iterator[Question]:
    texts, answers = line.row.get("yn_question_list"), line.row.get("yn_answer_list")
    if not isinstance(texts, list) or not texts:
        raise line.wrong("'yn_question_list' must be a list of questions")
    if not isinstance(answers, list) or len(answers) != len(texts):
        raise line.wrong(f"'yn_answer_list' must be a list of {len(texts)}, one for each question")
    for number, (text, answer) in enumerate(zip(texts, answers, strict=True), start=1):
        expected = str(answer).strip().lower()
        if not isinstance(text, str) or not text.strip():
            raise line.wrong(f"question {number} must be text, got {text!r}")
        if expected not in (YES, NO):
            raise line.wrong(f"answer {number} must be yes or no, got {answer!r}")
        yield Question(number, text.strip(), expected, category=category, line=line.number)


def _text(line: _Line, key: str) -> str:
    value = line.row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise line.wrong(f"{key!r} must be text, got {value!r}")
    return value

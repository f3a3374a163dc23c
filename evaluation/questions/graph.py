"""Questions about the image of a prompt, which may depend on each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError

YES, NO = "yes", "no"
_DEFECTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Question:
    """One question about an image.

    `id` tells it apart within its item. `expected` is the answer that counts as right. An image in which the
    answer to one of `parents`, ids of the same item, is wrong cannot be right here. `category` is what scores
    are grouped by, such as "attribute - color". `line` is where it stands in its file, from 1 on; 0: nowhere.
    """

    id: int
    text: str
    expected: str = YES
    parents: tuple[int, ...] = ()
    category: str = ""
    line: int = field(default=0, compare=False)

    @property
    def broad_category(self) -> str:
        """The category up to its first dash: "attribute"."""
        return self.category.split("-", 1)[0].strip()


@dataclass(frozen=True)
class Item:
    """A prompt and the questions about its images, in the order in which they are asked.

    `id` is its published name. `extra` holds what a benchmark says beside that (GenEval 2's number of atoms).
    """

    id: str
    prompt: str
    questions: tuple[Question, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[int, Question]:
        """Questions by id."""
        return {question.id: question for question in self.questions}


@dataclass(frozen=True)
class QuestionSet:
    """The questions of a benchmark.

    `sha256` is that of the file's bytes, hex; `notes` say in words what was done to what the file holds.
    """

    items: tuple[Item, ...]
    sha256: str
    notes: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        """Items by id."""
        return {item.id: item for item in self.items}

    @property
    def questions(self) -> int:
        """How many questions there are."""
        return sum(len(item.questions) for item in self.items)


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with a question, or with a line of its file; `line` as in `Question`."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


def defects(item: Item) -> Iterator[Defect]:
    """Ids that occur twice, parents that do not exist, and questions that depend on themselves."""
    seen: set[int] = set()
    for question in item.questions:
        if question.id in seen:
            yield Defect(question.line, f"{item.id} has a second question {question.id}")
        seen.add(question.id)
    for question in item.questions:
        for parent in question.parents:
            if parent not in seen:
                what = f"question {question.id} of {item.id} depends on {parent}, which does not exist"
                yield Defect(question.line, what)
    for question in circular(item.questions):
        yield Defect(question.line, f"question {question.id} of {item.id} depends on itself")


def circular(questions: Sequence[Question]) -> list[Question]:
    """The questions that depend on themselves, directly or by others, in order."""
    parents = {question.id: set(question.parents) for question in questions}

    def ancestors(start: int) -> set[int]:
        found: set[int] = set()
        waiting = list(parents[start])
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += parents.get(one, ())
        return found

    return [question for question in questions if question.id in ancestors(question.id)]


def before_parents(questions: Sequence[Question]) -> list[Question]:
    """The questions that stand before one that they depend on, in order."""
    at = {question.id: place for place, question in enumerate(questions)}
    return [q for q in questions if any(at.get(parent, -1) > at[q.id] for parent in q.parents)]


def refuse(path: Path, problems: Sequence[Defect]) -> None:
    """Raise InputError that names the first problems of a file, where there are any."""
    if not problems:
        return
    said = "; ".join(map(str, sorted(problems, key=lambda problem: problem.line)[:_DEFECTS_SHOWN]))
    more = f"; and {len(problems) - _DEFECTS_SHOWN} more" if len(problems) > _DEFECTS_SHOWN else ""
    raise InputError(f"{path} is not sound: {said}{more}")

"""Questions about the image of a prompt, which may depend on each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nami_bench.domain import Prompt
from nami_bench.domain.question import NO as NO
from nami_bench.domain.question import YES as YES
from nami_bench.domain.question import Question as Question
from nami_bench.errors import InputError

_DEFECTS_SHOWN = 5


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

    @cached_property
    def _by_text(self) -> Mapping[str, Item]:
        return {item.prompt.strip(): item for item in reversed(self.items)}

    def about(self, prompt: Prompt) -> Item | None:
        """The item of a prompt, found by its published name (`Prompt.item`), else by its very text."""
        named = self.by_id.get(prompt.item or "")
        return named or self._by_text.get(prompt.text.strip())

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

"""What a look at a question file finds: how much it asks, what is wrong, and which prompts it is about."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nami_bench.domain import Prompt
from nami_bench.evaluation.questions.graph import Item, QuestionSet, before_parents
from nami_bench.evaluation.questions.question_file import QuestionFile


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """How many questions of a category there are, and in how many prompts."""

    category: str
    questions: int
    prompts: int


@dataclass(frozen=True, slots=True)
class Unasked:
    """A prompt that has no questions; `asked_about` is the other text that its own are about, if it has."""

    id: str
    prompt: str
    asked_about: str | None = None


@dataclass(frozen=True)
class QuestionCheck:
    """A file's figures; `notes` are in words what may be meant so. `unasked`: None without prompts to compare
    with."""

    file: QuestionFile
    categories: tuple[CategoryCount, ...]
    notes: tuple[str, ...]
    unasked: tuple[Unasked, ...] | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        questions = self.file.questions
        found: dict[str, Any] = {
            "form": self.file.form.value,
            "sha256": questions.sha256,
            "prompts": len(questions.items),
            "questions": questions.questions,
            "categories": [asdict(category) for category in self.categories],
            "notes": list(self.notes),
            "defects": [asdict(defect) for defect in self.file.defects],
        }
        if self.unasked is not None:
            found["unasked"] = [asdict(prompt) for prompt in self.unasked]
        return found


def check_questions(file: QuestionFile, prompts: Sequence[Prompt] | None = None) -> QuestionCheck:
    """Count what a file asks, and compare it with the prompts that it should be about."""
    items = file.questions.items
    unasked = None if prompts is None else tuple(_unasked(prompts, file.questions))
    return QuestionCheck(file, tuple(_categories(items)), tuple(_notes(items)), unasked)


def _categories(items: Sequence[Item]) -> Iterator[CategoryCount]:
    found: Mapping[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        for question in item.questions:
            found[question.category][item.id] += 1
    for category, by_item in sorted(found.items()):
        yield CategoryCount(category, by_item.total(), len(by_item))


def _notes(items: Sequence[Item]) -> Iterator[str]:
    bare = sum(not question.category for item in items for question in item.questions)
    if bare:
        yield f"questions without a category: {bare}"
    again = len(items) - len({item.prompt for item in items})
    if again:
        yield f"prompts that are there under another name too: {again}"
    early = sum(len(before_parents(item.questions)) for item in items)
    if early:
        yield (
            f"questions that stand before one that they depend on: {early} (a rule that goes by rows, as "
            "DPG-Bench's does, does not see that parent zeroed)"
        )


def _unasked(prompts: Sequence[Prompt], questions: QuestionSet) -> Iterator[Unasked]:
    """The prompts whose text no item has. An item of a prompt's id is about it, in other words, unless its
    text is that of another prompt: then prompts were put in, or taken out, since."""
    asked = {_words(item.prompt) for item in questions.items}
    texts = {_words(prompt.text) for prompt in prompts}
    for prompt in prompts:
        if _words(prompt.text) not in asked:
            item = questions.by_id.get(prompt.id)
            changed = item is not None and _words(item.prompt) not in texts
            yield Unasked(prompt.id, prompt.text, item.prompt if item is not None and changed else None)


def _words(text: str) -> str:
    return " ".join(text.split())

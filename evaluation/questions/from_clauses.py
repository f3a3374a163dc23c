"""GenEval's clauses as a graph of questions, without any model.

An image whose questions are all answered as expected is one that GenEval calls correct. Categories are DSG's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from nami_bench.domain import Prompt
from nami_bench.domain.clauses import Clauses, parse_clauses
from nami_bench.errors import InputError
from nami_bench.evaluation.questions import wording
from nami_bench.evaluation.questions.graph import NO, YES, Item, Question

WRITER: Mapping[str, Any] = {"adapter": "clauses", "wording": wording.VERSION}
"""What writes these questions, as a prompt writer says it of itself."""
OBJECT, COUNT, COLOR, PLACE = "entity - whole", "other - count", "attribute - color", "relation - spatial"


def items_of(prompts: Iterable[Prompt]) -> tuple[list[Item], dict[str, str]]:
    """The questions of all prompts that have some, and by id of each other one why it has none."""
    items: list[Item] = []
    without: dict[str, str] = {}
    for prompt in prompts:
        try:
            items.append(item_of(prompt))
        except InputError as error:
            without[prompt.id] = str(error)
    return items, without


def item_of(prompt: Prompt) -> Item:
    """The questions of a prompt that has clauses; the item is called as the prompt is.

    Raises InputError as `questions_of`, and for a prompt without clauses.
    """
    if prompt.geneval is None:
        raise InputError(f"prompt {prompt.id} has no GenEval clauses")
    where = f"prompt {prompt.id}"
    questions = questions_of(parse_clauses(prompt.geneval, where), where)
    return Item(prompt.id, prompt.text, questions, {"writer": WRITER})


def questions_of(clauses: Clauses, where: str = "the clauses") -> tuple[Question, ...]:
    """For each include clause whether the class is there, how often where that is asked for, and its color;
    then places; then what must not be there.

    Of n objects GenEval asks for n or more: "exactly" needs an exclude clause of n + 1. Raises InputError,
    which `where` begins, for two include clauses of one class.
    """
    named = [clause.class_name for clause in clauses.include]
    if doubled := next((name for name in named if named.count(name) > 1), None):
        raise InputError(
            f"{where}: two include clauses name {doubled!r}, and no question could tell their objects apart"
        )
    limits = _limits(clauses)
    asked = _Asked()
    for clause in clauses.include:
        name, count, most = clause.class_name, clause.count, limits.pop(clause.class_name, None)
        there = asked.add(OBJECT, wording.there_is(name))
        if most == count + 1:
            asked.add(COUNT, wording.exactly(name, count), there)
        else:
            if count > 1:
                asked.add(COUNT, wording.at_least(name, count), there)
            if most is not None:
                asked.add(COUNT, wording.fewer_than(name, most), there)
        if clause.color is not None:
            asked.add(COLOR, wording.colored(name, count, clause.color), there)
    for clause in clauses.include:
        if clause.position is not None:
            relation, target = clause.position[0], clauses.include[clause.position[1]]
            demand = wording.placed(
                clause.class_name, clause.count, relation, target.class_name, target.count
            )
            asked.add(PLACE, demand, asked.of[target.class_name], asked.of[clause.class_name])
    for name, most in limits.items():
        if most == 1:
            asked.add(OBJECT, wording.there_is(name), expected=NO)
        else:
            asked.add(COUNT, wording.fewer_than(name, most))
    return tuple(asked.questions)


def _limits(clauses: Clauses) -> dict[str, int]:
    """By class the number from which on there are too many."""
    limits: dict[str, int] = {}
    for clause in clauses.exclude:
        limits[clause.class_name] = min(clause.count, limits.get(clause.class_name, clause.count))
    return limits


class _Asked:
    """Questions so far; `of` has, by class, the one that asks whether it is there."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.of: dict[str, int] = {}

    def add(self, category: str, demand: Clauses, *parents: int, expected: str = YES) -> int:
        """Ask for a demand; returns the question's id."""
        number = len(self.questions) + 1
        self.questions.append(Question(number, wording.question_text(demand), expected, parents, category))
        if category == OBJECT:
            self.of[demand.include[0].class_name] = number
        return number

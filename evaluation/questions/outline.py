"""Questions as an outline to read: each below what it depends on, whatever its graph looks like."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nami_bench.evaluation.questions.graph import Question


@dataclass(frozen=True, slots=True)
class Placed:
    """A question in an outline.

    It stands `depth` levels deep, under the last question before it that stands one level higher. `others`
    are those of its parents under which it does not stand.
    """

    question: Question
    depth: int
    others: tuple[int, ...]


def outline(questions: Sequence[Question]) -> list[Placed]:
    """Every question once, under the first of its parents that there is; siblings in their own order.

    A parent that stands under the question itself is passed over, so that a circle opens at its last
    question. No two questions have one id.
    """
    under = _under(questions)
    children: dict[int | None, list[Question]] = defaultdict(list)
    for question in questions:
        children[under[question.id]].append(question)
    placed = []
    waiting = [(question, 0) for question in reversed(children[None])]
    while waiting:
        question, depth = waiting.pop()
        above = under[question.id]
        others = tuple(dict.fromkeys(parent for parent in question.parents if parent != above))
        placed.append(Placed(question, depth, others))
        waiting += [(child, depth + 1) for child in reversed(children[question.id])]
    return placed


def _under(questions: Sequence[Question]) -> dict[int, int | None]:
    """Which parent each question stands under, by ids; None: under none."""
    known = {question.id for question in questions}
    under: dict[int, int | None] = {}

    def above(start: int) -> Iterator[int]:
        at: int | None = start
        while at is not None:
            yield at
            at = under.get(at)

    for question in questions:
        free = (p for p in question.parents if p in known and question.id not in above(p))
        under[question.id] = next(free, None)
    return under

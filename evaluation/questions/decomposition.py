"""A prompt taken apart by a language model: what it is told, and how its answer is read.

Nothing is mended in an answer: one that is not a sound graph in the form that was asked for is rejected.
"""

import re
from dataclasses import dataclass

from nami_bench.evaluation.questions.from_clauses import COLOR, COUNT, OBJECT, PLACE
from nami_bench.evaluation.questions.graph import YES, Item, Question, before_parents, defects
from nami_bench.evaluation.questions.question_file import question_from_json
from nami_bench.foreign_text import parse_object

CATEGORIES = (
    OBJECT, "entity - part", COLOR, "attribute - material", "attribute - shape", "attribute - size",
    "attribute - state", "attribute - texture", "attribute - type", PLACE, "relation - action", COUNT,
    "other - text rendering", "global",
)  # fmt: skip
"""DSG's, less its rare ones."""

INSTRUCTION_VERSION = "question-graph-1"
INSTRUCTION = (
    "Below stands a prompt for a text-to-image model. Take it apart into questions by which somebody who "
    "sees only the picture can check it piece by piece.\n"
    "Each question asks about one thing that the prompt says, can be answered by looking, and is answered "
    "with yes where the picture is right. Leave out nothing that could be seen, and add nothing that the "
    "prompt does not say. Ask first whether each object is there; then about its parts, number, color, "
    "material, shape, size, texture, kind, and what it is doing or what state it is in; then how objects "
    "stand to each other in space and in action; then about lettering; at last about the picture as a whole: "
    "its style, medium, light, viewpoint.\n"
    "Under parents, list the ids of the questions that must have been answered with yes before this one "
    "makes any sense: the color of a car asks for the car, a place asks for both of its objects. A question "
    "never depends on itself, directly or by way of others, and stands after its parents.\n"
    f"The categories are: {'; '.join(CATEGORIES)}. Take one of them, word for word.\n"
    "Answer with one JSON object and nothing before or after it, in this form:\n"
    '{"questions": [{"id": 1, "question": "Is there a car?", "parents": [], "category": "entity - whole"}, '
    '{"id": 2, "question": "Is the car red?", "parents": [1], "category": "attribute - color"}]}'
)
"""What the model is told, above the prompt, unless another instruction is named."""

RULES = {
    "refused": "a content filter gave no text",
    "cut off": "the model was stopped before it ended",
    "not JSON": "it is not one JSON object, in a code fence or without",
    "other form": 'the object is not {"questions": [...]} with id, question, parents and category each',
    "unknown category": "a category is none of those that were asked for",
    "repeated": "a question is asked twice",
    "unsound": "ids occur twice, parents do not exist or come later, or questions depend on themselves",
}
"""Why an answer is rejected, in the order in which it is looked at."""


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Questions, or the key of RULES that says why there are none, with what is wrong in words."""

    questions: tuple[Question, ...] = ()
    rejected: str | None = None
    problem: str = ""


def read_decomposition(answer: str, finished: bool) -> Decomposition:
    """The questions in an answer, each expecting yes; `finished`: the model ended by itself."""
    if not finished:
        return Decomposition(rejected="cut off", problem=RULES["cut off"])
    fenced = _FENCE.fullmatch(answer)
    try:
        row = parse_object(fenced[1] if fenced else answer.strip())
    except ValueError as error:
        return Decomposition(rejected="not JSON", problem=f"the answer {error}")
    entries = row.get("questions")
    if row.keys() != {"questions"} or not isinstance(entries, list) or not entries:
        return Decomposition(rejected="other form", problem=RULES["other form"])
    try:
        questions = tuple(map(_question, entries))
    except ValueError as error:
        return Decomposition(rejected="other form", problem=str(error))
    rejected, problem = _fault(questions)
    return Decomposition(() if rejected else questions, rejected, problem)


_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)


def _question(entry: object) -> Question:
    if not isinstance(entry, dict) or "expected" in entry:
        raise ValueError(
            f"a question must be an object with id, question, parents and category, got {entry!r}"
        )
    return question_from_json({**entry, "expected": YES})


def _fault(questions: tuple[Question, ...]) -> tuple[str | None, str]:
    """The key of RULES, and in words what is wrong."""
    if odd := next((q.category for q in questions if q.category not in CATEGORIES), None):
        return "unknown category", f"the category {odd!r} is none of those that were asked for"
    texts = [question.text.casefold() for question in questions]
    if again := next((text for text in texts if texts.count(text) > 1), None):
        return "repeated", f"{again!r} is asked twice"
    if unsound := next(defects(Item("the prompt", "", questions)), None):
        return "unsound", unsound.what
    if early := next(iter(before_parents(questions)), None):
        return "unsound", f"question {early.id} stands before one that it depends on"
    return None, ""

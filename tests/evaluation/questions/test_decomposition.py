"""What a language model makes of a prompt: read as it was asked for, or rejected."""

import json

import pytest

from nami_bench.evaluation.questions.decomposition import (
    CATEGORIES,
    INSTRUCTION,
    RULES,
    read_decomposition,
)
from nami_bench.evaluation.questions.graph import Question

CAR = {"id": 1, "question": "Is there a car?", "parents": [], "category": "entity - whole"}
RED = {"id": 2, "question": "Is the car red?", "parents": [1], "category": "attribute - color"}


def answer(*entries, **more):
    return json.dumps({"questions": list(entries), **more})


@pytest.mark.parametrize("form", ["{}", " \n{}\n", "```json\n{}\n```", "```\n{}\n```\n"])
def test_a_graph_is_read_with_or_without_a_code_fence(form):
    found = read_decomposition(form.replace("{}", answer(CAR, RED)), True)
    assert found.rejected is None
    assert found.questions == (
        Question(1, "Is there a car?", "yes", (), "entity - whole"),
        Question(2, "Is the car red?", "yes", (1,), "attribute - color"),
    )


def test_the_instructions_own_example_passes():
    example = INSTRUCTION[INSTRUCTION.index('{"questions"') :]
    assert len(read_decomposition(example, True).questions) == 2
    assert all(category in INSTRUCTION for category in CATEGORIES)


@pytest.mark.parametrize(
    ("text", "rejected", "words"),
    [
        ("Sure! " + answer(CAR), "not JSON", "the answer is not JSON"),
        ("[]", "not JSON", "is not a JSON object"),
        (answer(), "other form", "the object is not"),
        (answer(CAR, note="x"), "other form", "the object is not"),
        (answer(CAR | {"expected": "yes"}), "other form", "a question must be an object with id"),
        (answer("Is there a car?"), "other form", "a question must be an object with id"),
        (answer({"id": 1}), "other form", "has no"),
        (answer(CAR | {"id": "1"}), "other form", "'id' must be a whole number"),
        (answer(CAR | {"category": "colour"}), "unknown category", "the category 'colour'"),
        (answer(CAR, CAR | {"id": 2, "question": "Is there a CAR?"}), "repeated", "is asked twice"),
        (answer(CAR, RED | {"id": 1}), "unsound", "has a second question 1"),
        (answer(CAR, RED | {"parents": [7]}), "unsound", "depends on 7, which does not exist"),
        (answer(CAR | {"parents": [2]}, RED), "unsound", "depends on itself"),
        (answer(RED, CAR), "unsound", "question 2 stands before one that it depends on"),
    ],
)
def test_other_answers_are_rejected_with_the_reason(text, rejected, words):
    found = read_decomposition(text, True)
    assert (found.questions, found.rejected) == ((), rejected) and words in found.problem
    assert rejected in RULES


def test_an_answer_that_was_cut_off_is_rejected():
    assert read_decomposition(answer(CAR), False).rejected == "cut off"

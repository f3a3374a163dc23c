"""Spellings, probabilities, words around questions."""

import pytest

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.answers import (
    probability_of,
    problem_of_words,
    spellings,
    yes_or_no_answer,
)
from nami_bench.evaluation.questions.templates import TEMPLATES, template_words

YES = ("Yes", "yes", " yes", " Yes")


@pytest.mark.parametrize(
    ("text", "expected", "written"),
    [
        ("How many dice?", "two", ("two", "Two", " two", " Two", "2", " 2")),
        ("How many dice?", "ten", ("ten", "Ten", " ten", " Ten", "10", " 10")),
        ("How many dice?", "FIVE", ("FIVE", "Five", " FIVE", " Five", "other", " other")),
        ("How many dice?", "twelve", ("twelve", "Twelve", " twelve", " Twelve", "other", " other")),
        ("Is it red?", "Yes", YES),
        ("Is it red?", "no", YES),
        ("how many dice?", "two", YES),
    ],
)
def test_spellings_are_those_of_geneval_2(text: str, expected: str, written: tuple[str, ...]) -> None:
    assert spellings(text, expected) == written


def test_a_token_that_begins_two_spellings_counts_twice_and_no_sum_is_above_1() -> None:
    first = {" 3": 0.1, " Three": 0.1, "3": 0.25}
    assert probability_of((" 3", " Three", "3"), lambda s: first[s]) == pytest.approx(0.45)
    assert probability_of(("yes", " yes"), lambda s: 0.7) == 1.0


def test_yes_and_no_are_read_in_all_their_forms() -> None:
    tokens = [("Yes", 0.5), (" yes", 0.1), ("No", 0.2), ("▁no", 0.05), ("Maybe", 0.1)]
    texts = [text for text, _ in tokens]
    yes = yes_or_no_answer("yes", "Yes", tokens, texts)
    assert yes.text == "Yes" and yes.probability == pytest.approx(0.6)
    assert yes.details == {"yes": pytest.approx(0.6), "no": pytest.approx(0.25)}
    assert yes_or_no_answer(" No ", "Yes", tokens, texts).probability == pytest.approx(0.25)
    assert yes_or_no_answer("oak", "Yes", tokens, texts).probability is None
    neither = yes_or_no_answer("yes", "The", tokens, ["The", "A"])
    assert neither.text is None and neither.probability is None
    assert "does not answer yes or no" in str(neither.problem)


def test_words_that_are_neither_yes_nor_no_are_a_problem_where_one_of_them_is_read() -> None:
    assert problem_of_words("yes", "yes", "Maybe.") == "the model does not answer yes or no: 'Maybe.'"
    assert problem_of_words("yes", "yes", "**No**, it is not") is None
    assert problem_of_words("yes", "two", "Three") is None
    assert problem_of_words("spellings", "yes", "Maybe") is None


def test_templates_hold_the_question_once() -> None:
    assert template_words("one-word", "x") == "{question} Answer in one word."
    own = 'Does this image show "{question}"? {{Yes or No}}'
    assert template_words(own, "x").format(question="a {b}") == 'Does this image show "a {b}"? {Yes or No}'
    for name in TEMPLATES:
        assert template_words(name, "x").count("{question}") == 1


@pytest.mark.parametrize(
    "template",
    ["", "words", "{question} {question}", "{0}", "{question} {other}", "{question!r}", "{question"],
)
def test_other_templates_are_refused(template: str) -> None:
    with pytest.raises(InputError, match=r"judge 'x': template .* \{question\} exactly once"):
        template_words(template, "judge 'x'")

"""Scores by category, of answers as results keep them."""

import pytest

from nami_bench.evaluation.questions.categories import category_scores
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.questions.results import Answered

SIZE, COLOR, THING = "attribute - size", "attribute - color", "entity"


def entry(category: str, score: float):
    return Answered(Question(1, "Is it?", category=category), Answer("yes"), score).to_json()


def test_means_are_over_answers_and_intervals_over_prompts():
    results = [
        ("a", [entry(SIZE, 1), entry(COLOR, 0), entry(THING, 1)]),
        ("a", [entry(SIZE, 1), entry(COLOR, 0.5), entry(THING, 1)]),
        ("b", [entry(COLOR, 1), entry(THING, 1)]),
    ]
    found = category_scores(results)
    assert [(c.category, c.score, c.questions, c.prompts) for c in found.broad] == [
        ("attribute", pytest.approx(70), 5, 2),
        ("entity", 100, 3, 2),
    ]
    assert [(c.category, c.score, c.questions, c.prompts) for c in found.detailed] == [
        (COLOR, pytest.approx(50), 3, 2),
        (SIZE, 100, 2, 1),
        (THING, 100, 3, 2),
    ]
    color, size, thing = found.detailed
    assert color.interval is not None and color.interval[0] < 50 < color.interval[1]
    assert size.interval is None  # one prompt
    assert thing.interval is not None and 0 < thing.interval[0] < thing.interval[1] == 100


def test_nothing_scored_has_no_categories():
    assert category_scores([]).broad == category_scores([("a", [])]).detailed == ()


@pytest.mark.parametrize("bad", [{}, "yes", {**entry(SIZE, 1), "score": 2}])
def test_what_is_no_answer_is_refused(bad):
    with pytest.raises(ValueError):
        category_scores([("a", [bad])])

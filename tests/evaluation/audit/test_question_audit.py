"""Judges beside people on questions: by hand on small cases, and simulated where the truth is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nami_bench.domain import Rating, Score
from nami_bench.domain.question import CANNOT_TELL, NOT_ASKED, Question
from nami_bench.errors import InputError
from nami_bench.evaluation.audit.questions import audit_questions
from nami_bench.evaluation.human.answers_table import answers_table
from nami_bench.evaluation.human.table import ratings_table

ONE = Question(1, "Is there a dog?", category="entity")
TWO = Question(2, "Is there a cat?", expected="no", parents=(1,), category="entity")
THREE = Question(3, "How many dogs are there? Two?", category="count")
ASKED = {f"{i:05d}": (ONE, TWO, THREE) for i in range(3)}


def given(answers: Mapping[tuple[str, str, int], str | float]) -> pd.DataFrame:
    """The table of answers by (annotator, prompt, question)."""
    rows = [
        Rating("asked", name, "m", prompt, 0, str(question), *(
            (None, one) if isinstance(one, str) else (float(one), None)
        ))
        for (name, prompt, question), one in answers.items()
    ]  # fmt: skip
    return answers_table(ratings_table(rows), ASKED)


def score(prompt: str, answers: list[tuple[Question, float, float | None]], metric: str = "dsg") -> Score:
    """A judge's answers about the image of a prompt: its score of each question, and its probability."""
    details = [
        {
            "id": question.id,
            "question": question.text,
            "category": question.category,
            "parents": list(question.parents),
            "expected": question.expected,
            "text": "yes",
            "probability": probability,
            "score": value,
            "zeroed_by": None,
        }
        for question, value, probability in answers
    ]
    return Score("m", "set", prompt, 0, metric, "judge", 0.5, details={"answers": details})


def test_by_hand() -> None:
    """Six questions: people are right, wrong, tied, cannot tell, or were not asked; the judge has each."""
    people = given(
        {
            ("ada", "00000", 1): 1, ("bob", "00000", 1): 1,                      # right
            ("ada", "00000", 2): 1, ("bob", "00000", 2): 1,                      # yes is wrong here
            ("ada", "00000", 3): 1, ("bob", "00000", 3): 0,                      # a tie
            ("ada", "00001", 1): 0, ("bob", "00001", 1): CANNOT_TELL,            # wrong
            ("ada", "00001", 2): NOT_ASKED, ("bob", "00001", 2): 0,              # right, of one person
            ("ada", "00001", 3): CANNOT_TELL, ("bob", "00001", 3): CANNOT_TELL,  # nobody can tell
        }
    )  # fmt: skip
    judged = [
        score("00000", [(ONE, 1.0, 0.9), (TWO, 1.0, 0.6), (THREE, 0.0, 0.2)]),
        score("00001", [(ONE, 0.0, 0.1), (TWO, 0.0, 0.3), (THREE, 1.0, 0.8)]),
    ]
    audit = audit_questions(people, judged, ASKED, resamples=60)
    (judge,) = audit.judges
    found = judge.overall
    assert (found.questions, found.ties, found.untold) == (4, 1, 1)
    # Right 1 0 0 1; judged 1 1 0 0, with the probabilities 0.9, 0.6, 0.1, 0.3.
    assert (found.both_right, found.only_judge_right) == (1, 1)
    assert (found.only_people_right, found.both_wrong) == (1, 1)
    assert found.sensitivity.value == 0.5
    assert found.specificity.value == 0.5
    assert found.kappa.value == pytest.approx(0.0)
    assert found.brier.value == pytest.approx((0.01 + 0.36 + 0.01 + 0.49) / 4)
    assert found.calibration.value == pytest.approx((0.1 + 0.6 + 0.1 + 0.7) / 4)  # a bin each
    assert [one.category for one in judge.categories] == ["count", "entity"]
    assert judge.categories[0].questions == 0
    assert judge.categories[0].sensitivity.value is None
    assert (audit.answers, audit.annotators, audit.images, audit.prompts) == (8, 2, 2, 2)


def test_a_judge_without_probabilities_has_no_calibration() -> None:
    people = given({("ada", "00000", 1): 1, ("ada", "00001", 1): 0})
    judged = [score("00000", [(ONE, 1.0, None)]), score("00001", [(ONE, 0.0, None)])]
    found = audit_questions(people, judged, ASKED, resamples=60).judges[0].overall
    assert (found.calibration.value, found.brier.value) == (None, None)
    assert found.kappa.value == 1.0


def test_a_number_is_compared_and_a_question_in_other_words_is_not() -> None:
    people = given({("ada", "00000", 1): 1, ("ada", "00000", 3): 1, ("ada", "00001", 3): 0})
    counted = Question(3, "How many dogs are there?", expected="two", category="count")
    other = Question(1, "Is there a wolf?", category="entity")
    judged = [
        score("00000", [(counted, 1.0, None), (other, 1.0, None)]),
        score("00001", [(counted, 0.0, None)]),
    ]
    audit = audit_questions(people, judged, ASKED, resamples=60)
    assert audit.judges[0].overall.questions == 2
    assert any("1 of 3 questions that people were asked have no answer" in note for note in audit.notes)


def test_where_nothing_can_be_compared_it_says_so() -> None:
    with pytest.raises(InputError, match="nothing to audit against"):
        audit_questions(given({("ada", "00000", 1): CANNOT_TELL}), [], ASKED)
    scored = Score("m", "set", "00000", 0, "clip-score", "clip", 31.0, details={"answers": "none"})
    with pytest.raises(InputError, match="no judge has answered"):
        audit_questions(given({("ada", "00000", 1): 1}), [scored], ASKED)


def simulated(rng: np.random.Generator, sensitivity: float, specificity: float) -> tuple[Any, Any, Any]:
    """40 prompts with three questions each and five people who err; a judge of that sensitivity and
    specificity, better on some prompts than on others."""
    questions = tuple(Question(i, f"{i}?", category="a") for i in (1, 2, 3))
    asked = {f"{i:05d}": questions for i in range(40)}
    ratings, scores = [], []
    for prompt, those in asked.items():
        shift = rng.normal(0, 0.05)
        judged = []
        for question in those:
            right = rng.random() < 0.5
            for name in ("a", "b", "c", "d", "e"):
                value = float(right != (rng.random() < 0.02))
                ratings.append(Rating("s", name, "m", prompt, 0, question.criterion, value))
            rate = sensitivity if right else specificity
            judged.append((question, float(right == (rng.random() < rate + shift)), None))
        scores.append(score(prompt, judged))
    return answers_table(ratings_table(ratings), asked), scores, asked


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    truth = {"sensitivity": 0.8, "specificity": 0.7}
    held = dict.fromkeys(truth, 0)
    runs = 200
    for _ in range(runs):
        people, scores, asked = simulated(rng, *truth.values())
        found = audit_questions(people, scores, asked, resamples=200).judges[0].overall
        for name, value in truth.items():
            low, high = getattr(found, name).interval
            held[name] += low <= value <= high
    assert all(0.9 * runs <= count for count in held.values()), held


def test_intervals_lie_about_what_was_found() -> None:
    """Three people who err now and then: the draws, mostly of two of them, err more, and are moved back."""
    rng = np.random.default_rng(5)
    questions = (Question(1, "?", category="a"),)
    asked = {f"{i:05d}": questions for i in range(150)}
    ratings = [Rating("s", n, "m", p, 0, "1", float(rng.random() < 0.85)) for p in asked for n in "abc"]
    scores = [score(p, [(questions[0], 1.0, 0.999)]) for p in asked]
    audit = audit_questions(answers_table(ratings_table(ratings), asked), scores, asked, resamples=200)
    found = audit.judges[0].overall
    assert found.brier.value is not None and found.brier.interval is not None
    low, high = found.brier.interval
    assert 0 <= low < found.brier.value < high
    assert any("only 150 questions: the calibration error comes out too large" in n for n in found.notes)


def test_people_are_drawn_too() -> None:
    """Five people of whom two see the opposite: who is drawn decides, though prompts be many."""
    questions = (Question(1, "?", category="a"),)
    asked = {f"{i:05d}": questions for i in range(200)}
    ratings = [
        Rating("s", name, "m", prompt, 0, "1", float((int(prompt) % 2 == 0) == (name in "abc")))
        for prompt in asked
        for name in "abcde"
    ]
    scores = [score(p, [(questions[0], float(int(p) % 2 == 0), None)]) for p in asked]
    found = audit_questions(answers_table(ratings_table(ratings), asked), scores, asked, resamples=200)
    kappa = found.judges[0].overall.kappa
    assert kappa.value == 1.0
    assert kappa.interval is not None
    assert kappa.interval[0] == -1.0

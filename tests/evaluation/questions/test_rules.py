"""The rules on small graphs, and against a naive statement of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Item, Question, circular, defects
from nami_bench.evaluation.questions.judge import Answer, Reading
from nami_bench.evaluation.questions.rules import (
    UnknownParentError,
    Zeroing,
    geometric_mean,
    score_of,
    zeroed,
)


def questions(*parents: tuple[int, ...]) -> tuple[Question, ...]:
    """Questions 1, 2, ... with these parents."""
    return tuple(Question(number, f"{number}?", parents=p) for number, p in enumerate(parents, 1))


def test_a_zero_is_handed_on_in_row_order_alone():
    chain = questions((), (1,), (2,))
    scores = {1: 0.0, 2: 1.0, 3: 1.0}
    handed_on = zeroed(chain, scores, Zeroing.IN_ROW_ORDER)
    assert handed_on.scores == {1: 0, 2: 0, 3: 0} and handed_on.by == {2: 1, 3: 2}
    once = zeroed(chain, scores, Zeroing.BY_ORIGINALS)
    assert once.scores == {1: 0, 2: 0, 3: 1} and once.by == {2: 1}
    assert zeroed(chain, scores, Zeroing.NONE).scores == scores


def test_a_child_before_its_parent_sees_the_parents_own_score():
    one, two, three = questions((), (1,), (2,))
    after = zeroed((three, two, one), {1: 0.0, 2: 1.0, 3: 1.0}, Zeroing.IN_ROW_ORDER)
    assert after.scores == {1: 0, 2: 0, 3: 1}


def test_an_unknown_parent_is_noticed_only_where_something_looks_at_it():
    asked = questions((), (1, 9))
    assert zeroed(asked, {1: 0.0, 2: 1.0}, Zeroing.IN_ROW_ORDER).scores == {1: 0, 2: 0}
    for zeroing in (Zeroing.IN_ROW_ORDER, Zeroing.BY_ORIGINALS):
        with pytest.raises(UnknownParentError, match="question 2 depends on 9"):
            zeroed(asked, {1: 1.0, 2: 1.0}, zeroing)


def test_probabilities_are_kept_where_nothing_is_zero():
    assert zeroed(questions((), (1,)), {1: 0.2, 2: 0.7}, Zeroing.IN_ROW_ORDER).scores == {1: 0.2, 2: 0.7}


graphs = st.integers(1, 7).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(1, count), max_size=3).map(tuple), min_size=count, max_size=count
    )
)


@settings(max_examples=60, deadline=None)
@given(parents=graphs, data=st.data())
def test_zeroing_is_what_the_original_loops_do(parents, data):
    asked = questions(*parents)
    scores = {q.id: data.draw(st.sampled_from((0.0, 0.4, 1.0))) for q in asked}
    in_place, once = dict(scores), dict(scores)
    for q in asked:
        if any(in_place[p] == 0 for p in q.parents):
            in_place[q.id] = 0.0
        if any(scores[p] == 0 for p in q.parents):
            once[q.id] = 0.0
    for zeroing, expected in ((Zeroing.IN_ROW_ORDER, in_place), (Zeroing.BY_ORIGINALS, once)):
        after = zeroed(asked, scores, zeroing)
        assert after.scores == expected
        assert set(after.by) == {n for n in scores if expected[n] == 0 and scores[n] != 0}


@settings(max_examples=60, deadline=None)
@given(parents=graphs)
def test_circles_are_found_as_by_walking(parents):
    asked = questions(*parents)

    def returns(start: int, at: int, steps: int) -> bool:
        return steps > 0 and any(p == start or returns(start, p, steps - 1) for p in asked[at - 1].parents)

    expected = [q.id for q in asked if returns(q.id, q.id, len(asked))]
    assert [q.id for q in circular(asked)] == expected
    assert len(list(defects(Item("i", "p", asked)))) == len(expected)


ASKED = Question(1, "Is it?")


@pytest.mark.parametrize("text", ["Yes", "yes.", "yes yes", " yes", "", None, "no", "2"])
def test_only_the_very_word_is_exactly_right(text):
    assert score_of(ASKED, Answer(text), Reading.EXACT) == 0.0
    assert score_of(ASKED, Answer("yes"), Reading.EXACT) == 1.0


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Yes", 1),
        ("**Yes**, it is", 1),
        (" yes.", 1),
        ("no", 0),
        ("Yesterday", 0),
        ("", 0),
        (None, 0),
        ("not yes", 0),
    ],
)
def test_a_word_is_read_in_whatever_case(text, score):
    assert score_of(ASKED, Answer(text), Reading.WORD) == score


def test_a_probability_counts_as_it_is_and_must_be_there():
    assert score_of(ASKED, Answer("No", 0.3), Reading.PROBABILITY) == 0.3
    with pytest.raises(InputError, match="gives no probabilities"):
        score_of(ASKED, Answer("yes"), Reading.PROBABILITY)


def test_a_zero_makes_the_geometric_mean_zero():
    assert geometric_mean([0.25, 1.0]) == pytest.approx(0.5)
    assert geometric_mean([0.0, 1.0]) == 0.0

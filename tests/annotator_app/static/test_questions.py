"""Questions on the screen: which are asked, the keys, what is stored; and that everybody can work with it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.annotator_app.views import STATIC
from nami_bench.domain import CheckItem, CheckKind
from nami_bench.domain.question import NOT_ASKED, VALUES, Question, not_asked
from tests.support.javascript import run_module
from tests.support.question_studies import DOG

ASKED = """
  return given.map(([questions, scores]) => module.asked(scores, questions));
"""
PRESS = """
  const { begun, after, conditionOf, picked, chosen } = module;
  const [questions, keys] = given;
  let state = begun(questions.map(() => null), questions.map(() => null), false, questions);
  return keys.map((key) => {
    state = typeof key === "number" ? picked(state, key) : after(state, key, key);
    const plain = (score) => (score === null ? null : score.value ?? score.reason);
    return [state.scores.map(plain), state.active, conditionOf(state)];
  });
"""


def sent(question: Question) -> dict[str, Any]:
    """A question as the server tells the page."""
    parents = list(map(str, question.parents))
    name, right = question.criterion, VALUES[question.expected]
    return {"name": name, "text": question.text, "parents": parents, "right": right}


@st.composite
def answered(draw: st.DrawFn) -> tuple[list[Question], list[float | str | None]]:
    """Questions in any order, and what is answered to them, be it asked or not."""
    count = draw(st.integers(1, 7))
    expected = [draw(st.sampled_from(("yes", "no"))) for _ in range(count)]
    parents = [draw(st.sets(st.integers(1, at))) if at else set() for at in range(count)]
    asked = [Question(i + 1, "?", expected[i], tuple(sorted(parents[i]))) for i in range(count)]
    scores = [draw(st.sampled_from((0.0, 1.0, "cannot tell", NOT_ASKED, None))) for _ in range(count)]
    return draw(st.permutations(asked)), scores


@settings(max_examples=5, deadline=None)
@given(st.lists(answered(), min_size=60, max_size=60))
def test_page_and_server_agree_on_what_is_asked(
    cases: list[tuple[list[Question], list[float | str | None]]],
) -> None:
    def score(one: float | str | None) -> Any:
        return None if one is None else {"reason": one} if isinstance(one, str) else {"value": one}

    told = [[list(map(sent, questions)), list(map(score, scores))] for questions, scores in cases]
    found = run_module(STATIC / "asking.js", ASKED, told)
    for (questions, scores), after in zip(cases, found, strict=True):
        values = {
            q.criterion: one for q, one in zip(questions, scores, strict=True) if isinstance(one, float)
        }
        closed = not_asked(questions, values)
        for question, before, now in zip(questions, scores, after, strict=True):
            if question.criterion in closed:
                assert now == {"reason": NOT_ASKED}
            else:
                assert now == (None if before == NOT_ASKED else score(before))


def press(*keys: str | int) -> list[Any]:
    """Scores, active row and condition after each effect or choice of a row; questions about the dog."""
    found: list[Any] = run_module(STATIC / "scoring.js", PRESS, [list(map(sent, DOG)), list(keys)])
    return found


def test_a_wrong_answer_closes_what_depends_on_it_and_another_one_opens_it_again() -> None:
    no, _, yes = press("no", 0, "yes")
    assert no == [[0, NOT_ASKED, NOT_ASKED, NOT_ASKED], 0, "done"]
    assert yes == [[1, None, None, None], 1, "waiting"]
    assert press("yes", "no", "yes")[-1] == [[1, 0, 1, NOT_ASKED], 2, "done"]


def test_arrows_pass_over_what_is_not_asked_and_it_takes_no_answer() -> None:
    states = press("yes", "no", "cannotTell", "above", "below", "below", 3, "yes")
    assert [state[1] for state in states[2:6]] == [2, 1, 2, 0]
    assert states[-1][0] == [1, 0, "cannot tell", NOT_ASKED]


def test_undo_takes_back_an_answer_with_all_that_it_closed() -> None:
    states = press("yes", "yes", "no", "yes", 0, "no", "undo")
    assert states[-2][0] == [0, NOT_ASKED, NOT_ASKED, NOT_ASKED]
    assert states[-1][0] == [1, 1, 0, 1]


def test_a_key_too_many_changes_no_answer() -> None:
    assert press("yes", "yes", "no", "yes", "no")[-1][0] == [1, 1, 0, 1]


QUESTIONS: dict[str, Any] = {
    "mode": "questions",
    "criteria": (),
    "question_file": "questions.jsonl",
    "questions": {"00000": DOG},
}


@pytest.mark.slow
def test_questions_are_answered_by_keyboard(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(("a brown dog on a sofa", "nobody asks about this one"), **QUESTIONS)
    screen = visit(studio)
    screen.press("y", "n")
    assert screen.values == ["Yes", "No", "not answered yet", "not asked"]
    screen.press("Enter")
    screen.wait_for("Not answered yet: Is the dog on a sofa?")
    screen.press("x")
    assert screen.values == ["Yes", "No", "Can’t tell", "not asked"]
    screen.press("Enter")
    screen.wait_for_count("1 of 2")
    screen.wait_for_image()
    screen.press("0", "Enter")
    screen.wait_for("Thank you!")
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    assert screen.values == ["No", "not asked", "not asked", "not asked"]
    screen.press("1", "1", "1", "1", "Enter")
    screen.wait_for("Thank you!")
    screen.wait_until_sent()
    for name, stored in (("1", ["1", "1"]), ("2", ["0", "1"]), ("3", ["1", "cannot tell"])):
        assert studio.stored(screen.name, name) == stored
    assert studio.stored(screen.name, "4") == ["1", "not asked"]


def test_an_example_says_which_answers_were_expected(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    expected = {"1": (1.0, 1.0), "2": (1.0, 1.0)}
    example = CheckItem(CheckKind.TRAINING, "00000", ("quokka-9b",), expected)
    screen = visit(new_studio(("a brown dog on a sofa",), **QUESTIONS, check_items=(example,)))
    screen.press("y", "x", "n", "n", "Enter")
    screen.page.wait_for_selector("table.feedback")
    rows = [row.split("\t") for row in screen.page.locator(".feedback tbody tr").all_inner_texts()]
    assert rows == [["Is there a dog?", "Yes", "Yes", "✓"], ["Is the dog brown?", "Can’t tell", "Yes", "✗"]]


def test_questions_are_answered_by_touch_on_a_phone(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(("a brown dog on a sofa",), **QUESTIONS)
    screen = visit(studio, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    screen.page.get_by_role("radio", name="No", exact=True).first.tap()
    assert screen.values == ["No", "not asked", "not asked", "not asked"]
    screen.page.get_by_role("radio", name="Yes", exact=True).first.tap()
    for row in range(1, 4):
        screen.page.get_by_role("radio", name="Can’t tell").nth(row).tap()
    assert screen.page.evaluate("document.documentElement.scrollWidth") <= 360
    screen.part("submit").tap()
    screen.wait_for_count("1 of 2")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_questions_hinder_nobody(
    new_studio: Callable[..., Any],
    visit: Callable[..., Any],
    complaints: Callable[..., list[str]],
    theme: str,
) -> None:
    screen = visit(new_studio(("a brown dog on a sofa",), **QUESTIONS), color_scheme=theme, has_touch=True)
    screen.press("y", "n")
    for size in ((1280, 720), (640, 360), (768, 1024), (320, 568)):  # 640x360: 1280x720 at 200 %
        screen.page.set_viewport_size({"width": size[0], "height": size[1]})
        screen.until(lambda size=size: screen.page.evaluate("innerWidth") == size[0])
        assert complaints(screen.page) == [], size
        assert screen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    screen.press("?")
    screen.wait_for("What depends on a wrong answer is not asked")
    assert complaints(screen.page) == []

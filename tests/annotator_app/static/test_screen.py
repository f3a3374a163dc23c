"""The rating screen as an annotator uses it, hands on the keyboard."""

from collections.abc import Callable
from typing import Any

import pytest


def rows(bench: Any) -> list[Any]:
    """The ratings in force."""
    return list(bench.store.ratings(bench.study.name))


def stored(bench: Any, criterion: str) -> list[str]:
    """The values in force, or the reasons for none."""
    return sorted(str(r.reason if r.value is None else r.value) for r in rows(bench) if r.criterion == criterion)


def test_two_annotators_rate_a_whole_study_by_keyboard(
    new_study: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    bench = new_study(overlap=2, instructions={"en": "Look *well* first."})
    ada, bob = visit(bench, "ada", welcome=True), visit(bench, "bob")
    ada.page.wait_for_selector("dialog em")  # newcomers find the instructions open
    ada.press("Escape")
    ada.wait_for_image()
    for done in range(8):
        for screen in (ada, bob):
            screen.wait_for_count(f"{done} of 8")
            screen.wait_for_image()
            assert screen.values == ["not rated yet"] * 4
            screen.rate(75, 80, 60, 100)
    for screen in (ada, bob):
        screen.wait_for("Thank you!")
        screen.wait_for("You have rated everything that there is for you in this study: 8.")
    assert len(rows(bench)) == 2 * 8 * 4
    assert {(r.criterion, r.value) for r in rows(bench)} == {
        ("relevance", 75.0),
        ("coherence", 80.0),
        ("aesthetics", 60.0),
        ("authenticity", 100.0),
    }
    assert all(0 < r.duration_ms < 60_000 for r in rows(bench))


def test_numbers_are_typed_and_every_key_does_what_the_help_says(
    new_study: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    screen = visit(new_study())
    screen.press("7", "5")
    assert screen.values[0] == "75"
    screen.press("1", "0", "0")  # three digits, then on to the next
    screen.press("5", "Backspace", "6", "Enter")  # a digit taken back; Enter names what is missing
    assert screen.values == ["75", "100", "6", "not rated yet"]
    screen.wait_for("Not rated yet: authenticity.")
    screen.press("ArrowRight", "ArrowRight", "PageUp", "ArrowLeft")
    assert screen.values[3] == "60"  # from nowhere to the middle, then 51, 61, 60
    screen.press("End")
    assert screen.values[3] == "100"
    screen.press("Home")
    assert screen.values[3] == "0"
    screen.press("ArrowUp", "Delete")
    assert screen.values == ["75", "100", "not rated yet", "0"]
    screen.press("Control+z")
    assert screen.values[2] == "6"
    screen.press("ArrowDown", "ArrowDown", "3", "3")  # round to the first
    assert screen.values == ["33", "100", "6", "0"]
    screen.press("Delete", "ArrowDown", "Space", "1", "0", "8", "0")
    assert screen.values == ["80", "100", "6", "0"]  # all are rated: the 80 is no other criterion's
    screen.press("?")
    screen.wait_for("type the score; the next criterion follows")
    screen.press("9", "Escape")  # keys rest while a window is open
    assert screen.values == ["80", "100", "6", "0"]


def test_a_number_ends_where_the_scale_does(
    new_study: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    screen = visit(new_study())
    screen.press("1", "0", "8", "5")  # 108 is off the scale: 10, and 85 for the next
    assert screen.values[:3] == ["10", "85", "not rated yet"]
    screen.press("0", "ArrowDown", "0", "5")  # 0 waits for a second digit or another key; 05 is 5
    assert screen.values == ["10", "85", "0", "5"]


def test_backspace_goes_back_and_the_last_value_counts(
    new_study: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    bench = new_study()
    screen = visit(bench)
    first = screen.prompt
    screen.rate(10, 20, 30, 40)
    screen.wait_for_count("1 of 8")
    screen.rate(50, 50, 50, 50)
    screen.wait_for_count("2 of 8")
    screen.press("7", "7")  # a draft of the third
    screen.press("Backspace")
    screen.wait_for("You are correcting an earlier item.")
    assert screen.values == ["50"] * 4
    screen.press("Backspace")
    screen.page.wait_for_function("document.querySelector('.criterion .value').textContent === '10'")
    assert screen.prompt == first
    screen.press("Backspace")
    screen.wait_for("There is nothing before this.")
    screen.press("9", "9", "Enter")
    screen.page.wait_for_selector("[data-part=correcting]", state="hidden")
    assert screen.values == ["77", "not rated yet", "not rated yet", "not rated yet"]
    screen.press("Backspace")
    screen.wait_for("You are correcting")
    screen.press("1", "Escape")  # left as it was
    screen.page.wait_for_selector("[data-part=correcting]", state="hidden")
    screen.wait_until_sent()
    assert stored(bench, "relevance") == ["50.0", "99.0"]
    screen.wait_for_count("2 of 8")


def test_cannot_judge_flag_and_comment(new_study: Callable[..., Any], visit: Callable[..., Any]) -> None:
    bench = new_study()
    screen = visit(bench)
    screen.press("x", "3")
    screen.press("4", "4")
    screen.press("x", "a", "2")  # for every criterion that has no score
    screen.page.wait_for_selector("dialog", state="detached")
    reasons = screen.page.locator(".excuse").all_text_contents()
    assert reasons == ["outside my knowledge", "can’t judge", "the prompt is unclear", "the prompt is unclear"]
    screen.press("f", "c")
    screen.page.keyboard.type("12 x f <b>hands</b>")  # keys are letters here
    screen.press("Control+Enter")
    assert screen.page.locator("[data-part=comment]").get_attribute("aria-pressed") == "true"
    screen.press("Enter")
    screen.wait_for_count("1 of 8")
    screen.wait_until_sent()
    assert stored(bench, "relevance") == ["outside my knowledge"]
    assert stored(bench, "coherence") == ["44.0"]
    assert stored(bench, "aesthetics") == stored(bench, "authenticity") == ["prompt unclear"]
    assert screen.page.locator("[data-part=flag]").get_attribute("aria-pressed") == "false"
    screen.press("Backspace")
    screen.wait_for("You are correcting")
    assert screen.page.locator("[data-part=flag]").get_attribute("aria-pressed") == "true"
    screen.press("c")
    assert screen.page.locator("textarea").input_value() == "12 x f <b>hands</b>"


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ([("&", "Digit1", 0), ("à", "Digit0", 0)], "10"),  # French: digits need Shift
        ([("1", "Digit1", 1), ("0", "Digit0", 1)], "10"),
        ([("Process", "Digit7", 0), ("Process", "Digit1", 0)], "71"),  # a Chinese input method
        ([("8", "Numpad8", 0), ("1", "Numpad1", 0)], "81"),
        ([("End", "Numpad1", 0)], "100"),  # without NumLock
        ([("ч", "KeyX", 0)], "dialog"),  # Russian
        ([("Process", "KeyX", 0)], "dialog"),
    ],
)
def test_keys_work_on_any_keyboard(
    new_study: Callable[..., Any], visit: Callable[..., Any], keys: list[tuple[str, str, int]], shown: str
) -> None:
    screen = visit(new_study(prompts=("one",)))
    for key, code, shift in keys:
        event = {"key": key, "code": code, "shiftKey": bool(shift), "bubbles": True, "cancelable": True}
        screen.page.evaluate("e => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', e))", event)
    if shown == "dialog":
        assert screen.page.locator("dialog[open]").count() == 1
    else:
        assert screen.values[0] == shown

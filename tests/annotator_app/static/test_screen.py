"""The rating screen as an annotator uses it, hands on the keyboard."""

from collections.abc import Callable
from typing import Any

import pytest

from nami_bench.domain import Rating


def test_two_annotators_rate_a_whole_study_by_keyboard(
    new_studio: Callable[..., Any], browser: Any, visit: Callable[..., Any]
) -> None:
    studio = new_studio(overlap=2, instructions={"en": "Look *well* first."})
    ada, bob = visit(studio, settled=False), visit(studio)
    ada.page.wait_for_selector("dialog em")  # newcomers find the instructions open
    ada.press("Escape")
    for done in range(8):
        for screen in (ada, bob):
            screen.wait_for_count(f"{done} of 8")
            screen.wait_for_image()
            assert screen.values == ["not rated yet"] * 4
            screen.rate(75, 80, 60, 100)
    for screen in (ada, bob):
        screen.wait_for("Thank you!")
        screen.wait_for("You have rated everything that there is for you in this study: 8.")
    assert len(studio.ratings()) == 2 * 8 * 4
    assert {(r.criterion, r.value) for r in studio.ratings()} == {
        ("relevance", 75.0),
        ("coherence", 80.0),
        ("aesthetics", 60.0),
        ("authenticity", 100.0),
    }
    assert all(0 < r.duration_ms < 60_000 for r in studio.ratings())


@pytest.mark.quick_look
def test_logging_in_by_the_form(studio: Any, browser: Any) -> None:
    name = studio.newcomer()
    page = browser.new_context(locale="en-US").new_page()
    page.goto(studio.address)
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]:has-text('do not match')")
    assert page.input_value("input[name=name]") == name
    page.wait_for_function("document.activeElement.name === 'token'")
    page.keyboard.type(studio.tokens[name])
    page.keyboard.press("Enter")
    page.wait_for_selector(".frame img")
    page.click("text=Log out")
    page.wait_for_selector("input[name=token]")
    page.context.close()


@pytest.mark.quick_look
def test_numbers_are_typed_and_every_key_does_what_the_help_says(screen: Any) -> None:
    screen.press("7", "5")
    assert screen.values[0] == "75"
    screen.press("1", "0", "0", "Space")  # 100, where another number follows
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
    assert screen.values == ["10", "100", "6", "0"]  # all are rated: the 80 is nobody's
    screen.wait_for("“0” was not used")
    screen.press("?")
    screen.wait_for("type the score; the next criterion follows")
    screen.press("9", "Escape")  # keys rest while a window is open
    assert screen.values == ["10", "100", "6", "0"]


def test_a_number_ends_where_the_scale_does(screen: Any) -> None:
    screen.press("1", "0", "8", "5")  # 108 is off the scale: 10, and 85 for the next
    assert screen.values[:3] == ["10", "85", "not rated yet"]
    screen.press("0", "ArrowDown", "0", "5")  # 0 waits for a second digit or another key; 05 is 5
    assert screen.values == ["10", "85", "0", "5"]


def test_backspace_goes_back_and_the_last_value_counts(studio: Any, screen: Any) -> None:
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
    screen.until(lambda: screen.values == ["10", "20", "30", "40"])
    screen.wait_for_image()
    assert screen.prompt == first
    screen.press("Backspace")
    screen.wait_for("There is nothing before this.")
    screen.press("9", "9", "Enter")
    screen.part("correcting").wait_for(state="hidden")
    assert screen.values == ["77", *["not rated yet"] * 3]
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    screen.press("1", "Escape")  # left as it was; the digit is no part of anything
    screen.part("correcting").wait_for(state="hidden")
    screen.wait_until_sent()
    assert studio.stored(screen.name, "relevance") == ["50", "99"]
    assert studio.stored(screen.name, "authenticity") == ["40", "50"]
    screen.wait_for_count("2 of 8")


@pytest.mark.quick_look
def test_cannot_judge_flag_and_comment(studio: Any, screen: Any) -> None:
    screen.press("x", "3")
    screen.press("4", "4")
    screen.press("x", "a", "2")  # for every criterion that has no score
    reasons = screen.page.locator(".excuse").all_text_contents()
    assert reasons == [
        "outside my knowledge",
        "can’t judge",
        "the prompt is unclear",
        "the prompt is unclear",
    ]
    screen.press("f", "c")
    screen.page.keyboard.type("12 x f <b>hands</b>")  # keys are letters here
    screen.press("Control+Enter")
    assert screen.part("comment").get_attribute("aria-pressed") == "true"
    screen.press("Enter")
    screen.wait_for_count("1 of 8")
    screen.wait_until_sent()
    assert studio.stored(screen.name, "relevance") == ["outside my knowledge"]
    assert studio.stored(screen.name, "coherence") == ["44"]
    assert studio.stored(screen.name, "aesthetics") == ["prompt unclear"]
    assert studio.stored(screen.name, "authenticity") == ["prompt unclear"]
    assert screen.part("flag").get_attribute("aria-pressed") == "false"
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    assert screen.part("flag").get_attribute("aria-pressed") == "true"
    screen.press("c")
    assert screen.page.locator("textarea").input_value() == "12 x f <b>hands</b>"


KEYBOARDS = [
    ([("&", "Digit1", 0), ("à", "Digit0", 0)], "10"),  # French: digits need Shift
    ([("1", "Digit1", 1), ("0", "Digit0", 1)], "10"),
    ([("Process", "Digit7", 0), ("Process", "Digit1", 0)], "71"),  # a Chinese input method
    ([("8", "Numpad8", 0), ("1", "Numpad1", 0)], "81"),
    ([("End", "Numpad1", 0)], "100"),  # without NumLock
]


def type_as(screen: Any, keys: list[tuple[str, str, int]]) -> None:
    for key, code, shift in keys:
        event = {"key": key, "code": code, "shiftKey": bool(shift), "bubbles": True, "cancelable": True}
        screen.page.evaluate(
            "e => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', e))", event
        )


def test_keys_work_on_any_keyboard(screen: Any) -> None:
    for keys, shown in KEYBOARDS:
        type_as(screen, keys)
        assert screen.values[0] == shown, keys
        screen.press("Home", "Delete", *["ArrowUp"] * 3, "Delete", "ArrowUp", "Delete")
        while not screen.page.locator(".criterion").first.evaluate("e => e.classList.contains('active')"):
            screen.press("ArrowUp")
    for keys in ([("ч", "KeyX", 0)], [("Process", "KeyX", 0)]):  # Russian; an input method
        type_as(screen, keys)
        assert screen.page.locator("dialog[open]").count() == 1, keys
        screen.press("Escape")


def test_keys_work_wherever_the_focus_is(studio: Any, screen: Any) -> None:
    screen.press("5", "5")
    screen.page.mouse.move(300, 300)
    screen.page.click("[data-part=zoomIn]")
    screen.press("6", "6")
    screen.page.click("[data-part=flag]")  # pressed with the mouse, it does not keep the focus
    screen.press("7", "7")
    screen.page.locator(".prompt").focus()
    screen.press("8", "8")
    screen.page.evaluate("document.activeElement.blur()")
    assert screen.values == ["55", "66", "77", "88"]
    screen.press("Enter")
    screen.wait_for_count("1 of 8")
    screen.part("flag").focus()  # reached with Tab, a button is pressed as buttons are
    screen.press("Enter")
    assert screen.part("flag").get_attribute("aria-pressed") == "true"
    assert screen.page.locator("[data-part=message]").inner_text() == ""


def test_sliders_have_no_default_and_a_press_in_the_middle_counts(screen: Any) -> None:
    box = screen.page.locator("input[type=range]").first.bounding_box()
    screen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert screen.values == ["50", *["not rated yet"] * 3]
    spoken = screen.page.locator("input[type=range]").evaluate_all("all => all.map(e => e.ariaValueText)")
    assert spoken[0].startswith("50, the main subject is there")
    assert spoken[1:] == ["not rated yet"] * 3


def test_zoom_by_keys_wheel_and_pressing_twice(screen: Any) -> None:
    image = screen.page.locator(".frame img")
    whole = image.bounding_box()
    assert min(whole["width"], whole["height"]) > 500  # as large as the window allows
    screen.press("z")
    assert image.bounding_box()["width"] == pytest.approx(320, abs=1)  # one pixel on one pixel
    screen.press("z", "+", "+", "+")
    near = image.bounding_box()
    assert near["width"] == pytest.approx(whole["width"] * 1.25**3, rel=0.01)
    screen.press("Shift+ArrowRight")
    assert image.bounding_box()["x"] < near["x"] - 20
    screen.page.mouse.move(whole["x"] + 30, whole["y"] + 30)
    screen.page.mouse.wheel(0, -400)
    screen.until(lambda: image.bounding_box()["width"] > 1.5 * near["width"])
    screen.page.mouse.dblclick(whole["x"] + 200, whole["y"] + 200)
    assert image.bounding_box()["width"] in (pytest.approx(320, abs=1), pytest.approx(whole["width"], abs=1))


@pytest.mark.slow
def test_the_next_item_does_not_wait_for_the_server(studio: Any, screen: Any) -> None:
    held: list[Any] = []
    waits = True
    screen.page.route("**/item/*", lambda route: held.append(route) if waits else route.continue_())
    first = screen.prompt, screen.page.locator(".frame img").get_attribute("src")
    screen.rate(10, 20, 30, 40)
    screen.wait_for_count("1 of 8")
    second = screen.prompt, screen.page.locator(".frame img").get_attribute("src")
    assert second[1] != first[1]
    assert screen.values == ["not rated yet"] * 4
    screen.until(lambda: len(held) == 1)
    screen.rate(50, 60, 70, 80)
    screen.wait_for_count("2 of 8")
    screen.wait_for_image()
    assert studio.ratings(screen.name) == []
    waits = False
    held[0].continue_()
    screen.wait_until_sent()
    assert studio.stored(screen.name, "relevance") == ["10", "50"]


def test_a_break_comes_when_it_is_time(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    screen = visit(new_studio(break_every=2))
    for done in (1, 2):
        screen.rate(10, 20, 30, 40)
        screen.wait_for_count(f"{done} of 8")
    screen.wait_for("Time for a short break")
    screen.wait_for("Items since the last one: 2.")
    screen.press("5", "5", "Enter")
    screen.wait_for_image()
    assert screen.values == ["not rated yet"] * 4


def test_a_prompt_is_shown_as_it_was_written(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    prompts = ("<b>bold</b> & <script>document.title = 'x'</script>", "صورة قطة على كرسي", "a 👩‍🚀 on 🪐")
    screen = visit(new_studio(prompts))
    seen = set()
    for done in range(1, 7):
        seen.add(screen.prompt)
        if screen.prompt.startswith("صورة"):
            assert screen.page.locator(".prompt").evaluate("e => getComputedStyle(e).direction") == "rtl"
        screen.rate(10, 20, 30, 40)
        screen.wait_for_count(f"{done} of 6")
    assert seen == set(prompts)
    assert screen.page.title() == "shown"


def test_an_image_that_does_not_load_is_not_scored(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio()
    name = studio.newcomer()
    screen = visit(studio, name, settled=False)
    screen.page.route("**/image/*", lambda route: route.abort())
    # The screen asks the server once more about an image that is broken; only then it waits to be told.
    with screen.page.expect_response("**/session"):
        screen.page.reload()
    with screen.page.expect_response("**/session"):
        screen.wait_for("This image does not load.")
    screen.rate(10, 20, 30, 40)
    screen.wait_for("The image is not there yet")
    assert studio.ratings(name) == []
    screen.page.unroute("**/image/*")
    screen.page.click("text=Try again")
    screen.wait_for_image()
    screen.press("Enter")
    screen.wait_for_count("1 of 8")


def test_an_image_gone_from_disk_is_passed_over(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(("one", "two"))
    (studio.images_dir / f"{studio.study.models[0]}/shown/00000/samples/0000.png").unlink()
    screen = visit(studio)
    for done in (1, 2, 3):
        screen.wait_for_image()
        screen.rate(10, 20, 30, 40)
        screen.wait_for_count(f"{done} of 3")
    screen.wait_for("Thank you!")
    assert len(studio.ratings()) == 3 * 4


def test_an_item_that_was_judged_in_part_elsewhere_shows_what_stands(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(("a cat",))
    name = studio.newcomer()
    studio.store.ratings.add(
        Rating("shown", name, image.model, image.prompt_id, 0, criterion, value)
        for image in studio.store.images.find()
        for criterion, value in (("relevance", 42.0), ("aesthetics", 7.0))
    )
    screen = visit(studio, name)
    assert [screen.values[0], screen.values[2]] == ["42", "7"]
    screen.press("1", "1", "2", "2", "Enter")  # the two that are missing
    screen.wait_for_count("1 of 2")
    screen.wait_until_sent()
    assert [studio.stored(name, c) for c in ("relevance", "aesthetics")] == [["42", "42"], ["7", "7"]]

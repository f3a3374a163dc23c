"""Scores as they are typed and pressed on the screen itself: what is stored is what was meant."""

from collections.abc import Callable
from typing import Any

from nami_bench.domain import Criterion

ONE = (Criterion("preference", 1),)
TWO = (Criterion("relevance", 0.5), Criterion("realism", 0.5))
CHOSEN = "[role=radio][aria-checked=true]"


def verdicts(studio: Any) -> list[str]:
    """The verdicts in force."""
    return sorted(str(comparison.outcome) for comparison in studio.store.comparisons.all(studio.study.name))


def test_all_scores_are_typed_anew_after_back(studio: Any, screen: Any) -> None:
    screen.rate(81, 72, 63, 54)
    screen.wait_for_count("1 of 8")
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    screen.press(*"11223344")
    assert screen.values == ["11", "22", "33", "44"]
    screen.press("5", "Enter")
    screen.part("correcting").wait_for(state="hidden")
    screen.wait_until_sent()
    assert [studio.stored(screen.name, c.name) for c in studio.study.criteria] == [
        ["11"],
        ["22"],
        ["33"],
        ["44"],
    ]
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    screen.press("ArrowDown", *"9955")  # one was chosen: the 55 is nobody's
    assert screen.values == ["11", "99", "33", "44"]
    screen.wait_for("“5” was not used: every criterion has an answer.")


def test_after_a_reload_typing_goes_on_where_it_ended(screen: Any) -> None:
    screen.press(*"4030")
    screen.page.reload()
    screen.wait_for_image()
    screen.press(*"6050")
    assert screen.values == ["40", "30", "60", "50"]
    screen.page.reload()  # now none waits
    screen.wait_for_image()
    screen.press(*"77")
    assert screen.values == ["40", "30", "60", "50"]
    screen.press("Delete", "7")  # half a number is no draft
    screen.page.reload()
    screen.wait_for_image()
    assert screen.values == ["not rated yet", "30", "60", "50"]


def test_a_key_too_many_spoils_nothing_and_is_said(studio: Any, screen: Any) -> None:
    screen.press(*"10055050")
    assert screen.values == ["10", "5", "50", "50"]
    screen.wait_for("Read as 10 and 05. To give 100, press Space after it.")
    screen.press("3")
    assert screen.values == ["10", "5", "50", "50"]
    screen.wait_for("“3” was not used: every criterion has an answer.")
    screen.page.keyboard.down("ArrowUp")  # held, the digits after it count once
    screen.page.keyboard.up("ArrowUp")
    for _ in range(3):
        screen.page.keyboard.down("8")
    screen.page.keyboard.up("8")
    assert screen.values == ["10", "5", "8", "50"]
    screen.page.locator(".criterion .name").first.click()  # elsewhere in the middle of a number
    screen.press(*"20")
    assert screen.values == ["20", "5", "8", "50"]
    screen.press("Enter")
    screen.wait_for_count("1 of 8")
    screen.wait_until_sent()
    assert studio.stored(screen.name, "aesthetics") == ["8"]


def test_one_digit_ends_with_tab_wherever_the_focus_goes(screen: Any) -> None:
    screen.press("5", "Tab", "6", "Tab", "Tab", "7", "Shift+Tab", *"42")
    assert screen.values == ["5", "6", "42", "not rated yet"]


def test_the_words_of_a_scale_can_be_pressed(screen: Any) -> None:
    for row, words in enumerate(("all but small details", "badly broken", "outstanding", "obviously")):
        screen.page.locator(".criterion").nth(row).get_by_text(words).click()
    assert screen.values == ["75", "25", "100", "0"]
    screen.press("ArrowRight", *"99")  # the arrow moves it, the number is nobody's
    assert screen.values == ["75", "25", "100", "1"]
    screen.press("Enter")
    screen.wait_for_count("1 of 8")


def test_nothing_is_chosen_by_the_focus(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    screen = visit(new_studio(mode="pairwise", criteria=TWO))
    assert screen.page.evaluate("document.activeElement.role") == "radiogroup"
    criteria = screen.part("criteria")
    for _ in TWO:
        screen.press("Space", "Tab", "Tab", "Space")  # past the next one's "can't judge"
        assert criteria.locator(CHOSEN).count() == 0
    screen.page.get_by_role("radio", name="Left").first.focus()  # as a screen reader may
    screen.press("Space")
    assert criteria.locator(CHOSEN).count() == 0
    screen.press("Enter")
    screen.wait_for("Not rated yet: relevance, realism.")
    screen.press("ArrowLeft", "ArrowRight", "ArrowLeft", "t")  # two are asked for
    assert screen.values == ["Left", "Right"]
    screen.wait_for("“T” was not used")
    screen.press("ArrowUp", "t")
    assert screen.values == ["Tie", "Right"]


def test_a_choice_submits_and_back_mends_it(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(mode="pairwise", criteria=ONE)
    screen = visit(studio)
    for _ in range(3):
        screen.page.keyboard.down("ArrowLeft")  # held, it is one choice
    screen.page.keyboard.up("ArrowLeft")
    screen.wait_for_count("1 of 4")
    screen.wait_for_image()
    assert screen.page.locator(CHOSEN).count() == 0
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    screen.press("t")
    screen.part("correcting").wait_for(state="hidden")
    screen.wait_until_sent()
    assert verdicts(studio) == ["tie"]
    screen.page.get_by_role("radio", name="Both bad").click()
    screen.wait_for_count("2 of 4")
    screen.wait_until_sent()
    assert verdicts(studio) == ["both_bad", "tie"]


def test_an_image_is_chosen_by_a_press_that_neither_moves_nor_zooms(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(mode="pairwise", criteria=TWO, choice_submits=True)
    screen = visit(studio)
    right = screen.page.locator(".frame").nth(1)
    box = right.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = screen.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y, steps=4)
    mouse.move(x, y, steps=4)
    mouse.up()
    screen.press("+")
    right.click()
    assert screen.page.locator(CHOSEN).count() == 0
    screen.press("z")  # the whole images again
    right.dblclick()
    assert screen.values == ["Right", "not rated yet"]  # once
    screen.page.locator(".frame").first.click()
    screen.wait_for_count("1 of 4")
    screen.wait_until_sent()
    assert verdicts(studio) == ["left", "right"]


def test_the_help_is_the_table_that_the_screen_goes_by(screen: Any) -> None:
    screen.press("?")
    rows = screen.page.locator("dialog tr").all()
    shown = [(row.locator("kbd").all_inner_texts(), row.locator("td").inner_text()) for row in rows]
    table = screen.page.evaluate("import(new URL('app/keys.js', location.href)).then(m => m.KEYS)")
    meant = [row for row in table if row.get("in", "rating") == "rating"]
    assert [keys for keys, _ in shown] == [row["keys"] for row in meant]
    words = dict(zip([row["keys"][0] for row in meant], [text for _, text in shown], strict=True))
    assert words["Backspace"].splitlines() == [
        "back to the item before, to correct it",
        "within a number: take its last digit back",
    ]

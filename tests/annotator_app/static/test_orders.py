"""Several images put in order, or the best and the worst of them: keys, presses, chips that are drawn,
drafts."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from nami_bench.domain import CheckItem, CheckKind, Criterion, Ranking, Ranks
from tests.support.javascript import run_module

CRITERIA = (Criterion("relevance", 0.5), Criterion("realism", 0.5))
MODELS = ("aye-aye", "bongo", "civet", "dodo")
ORDERING = Path(str(files("nami_bench.annotator_app"))) / "static" / "ordering.js"


def ranked(new_studio: Callable[..., Any], mode: str = "ranking", **facts: Any) -> Any:
    shown = {"criteria": CRITERIA, "models": MODELS, "ranks": Ranks(4)} | facts
    return new_studio(("two cats", "a red bicycle"), mode=mode, **shown)


def given(studio: Any, name: str) -> dict[tuple[str, str], Ranking]:
    """Somebody's rankings in force, by prompt and criterion."""
    found = studio.store.rankings.all(studio.study.name)
    return {(r.prompt_id, r.criterion): r for r in found if r.annotator == name}


def ranks(studio: Any, name: str, criterion: str) -> list[tuple[int, ...]]:
    """The ranks as the images stood, in the order in which they were given."""
    return [r.ranks or () for (_, of), r in given(studio, name).items() if of == criterion]


def test_what_becomes_of_an_order() -> None:
    script = """
      const { placed, movedTo, withoutImage, withoutLast, orderText } = module;
      const { extreme, notExtreme, pressed, meets } = module;
      return [
        placed("0000", 2, false), placed("0010", 0, false), placed("2010", 3, true), placed("2012", 2, true),
        withoutImage("2013", 2), withoutLast("2213"), orderText("2213"),
        movedTo("1234", 3, 0, false), movedTo("1234", 3, 0, true), movedTo("1230", 3, 2, true),
        extreme("0000", 1, true), extreme("0100", 3, false), extreme("2123", 0, true),
        extreme("2123", 1, false),
        notExtreme("2123", 3), pressed("1200", 0, "ranking"), pressed("1234", 0, "ranking"),
        pressed("0100", 1, "best_worst"), pressed("0100", 0, "best_worst"), pressed("2123", 0, "best_worst"),
        [meets("2 > *", "2133"), meets("2 > 1 = 3", "2123"), meets("1 = 3", "2122"),
          meets("* > 4", "1233"), meets("2 > 1", "1223")],
      ];
    """
    assert run_module(ORDERING, script, None) == [
        "0010", "2010", "2012", "1011",
        "1002", "2210", "3 > 1 = 2 > 4",
        "2341", "1231", "1233",
        "0100", "2123", "1223", "0300",
        "0100", "0100", "1000",
        "0000", "3122", "1000",
        [True, True, True, False, False],
    ]  # fmt: skip


@pytest.mark.slow
def test_orders_are_given_by_keyboard(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = ranked(new_studio)
    screen = visit(studio)
    assert screen.page.locator(".frame img").count() == 4
    screen.wait_for_image()
    screen.press("3", "1", "2", "Backspace")
    assert screen.values[0] == "3 > 1 · 2 left"
    screen.press("5")
    screen.wait_for("the images are numbered 1 to 4")
    screen.press("Shift+Digit2")
    assert screen.values[0] == "3 > 1 = 2 · 1 left"
    screen.press("Enter")
    assert screen.part("message").get_attribute("data-kind") == "missing"  # nothing is half submitted
    screen.press("4", "1", "=", "2", "3", "4")
    assert screen.values == ["3 > 1 = 2 > 4", "1 = 2 > 3 > 4"]
    screen.press("1")  # a key too many changes nothing
    assert screen.values == ["3 > 1 = 2 > 4", "1 = 2 > 3 > 4"]
    screen.press("Enter")
    screen.wait_for_count("1 of 2")
    screen.wait_for_image()
    screen.press("4", "3", "2", "1", "1", "2", "3", "4", "Enter")
    screen.wait_for("Thank you!")
    screen.wait_until_sent()
    assert ranks(studio, screen.name, "relevance") == [(2, 2, 1, 3), (4, 3, 2, 1)]
    assert ranks(studio, screen.name, "realism") == [(1, 1, 2, 3), (1, 2, 3, 4)]
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    assert screen.values == ["4 > 3 > 2 > 1", "1 > 2 > 3 > 4"]
    screen.press("ArrowUp", "ArrowUp", "1", "4", "2", "3", "Enter")
    screen.wait_for("Thank you!")
    screen.wait_until_sent()
    assert ranks(studio, screen.name, "relevance")[1] == (1, 3, 4, 2)
    assert ranks(studio, screen.name, "realism")[1] == (1, 2, 3, 4)


@pytest.mark.slow
def test_best_and_worst_by_keyboard(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = ranked(new_studio, "best_worst", criteria=(Criterion("relevance", 1),))
    screen = visit(studio)
    screen.wait_for_image()
    screen.press("1", "2")  # another number changes the best
    assert screen.values == ["2 best"]
    screen.press("Shift+Digit4")
    assert screen.values == ["2 best, 4 worst"]
    screen.press("Enter")
    screen.wait_for_count("1 of 2")
    screen.wait_for_image()
    screen.press("w", "1", "x")
    screen.press("Escape")
    screen.page.locator(".frame").nth(2).click()  # the first press names the best
    assert screen.values == ["3 best, 1 worst"]
    screen.press("Enter")
    screen.wait_for("Thank you!")
    screen.wait_until_sent()
    assert ranks(studio, screen.name, "relevance") == [(2, 1, 2, 3), (3, 2, 1, 2)]


def drag(screen: Any, chip: int, to: Any) -> None:
    """Draw the chip of an image, on the first criterion, to the middle of something."""
    start = screen.page.locator(".criterion").first.locator(f".chip[data-image='{chip}']").bounding_box()
    end = to.bounding_box()
    mouse = screen.page.mouse
    mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    mouse.down()
    mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=6)
    mouse.up()


@pytest.mark.slow
def test_orders_are_given_by_presses_and_by_drawing_chips(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = ranked(new_studio)
    screen = visit(studio)
    screen.wait_for_image()
    frame, row = screen.page.locator(".frame"), screen.page.locator(".criterion").first
    frame.nth(1).click()
    frame.nth(0).click()
    assert screen.values[0] == "2 > 1 · 2 left"
    assert [text.strip() for text in screen.page.locator(".place").all_inner_texts()] == [
        "1\n2nd", "2\n1st", "3", "4"
    ]  # fmt: skip
    frame.nth(1).click()  # again: it loses its place
    assert screen.values[0] == "1 · 3 left"
    drag(screen, 3, row.locator(".gap").first)
    assert screen.values[0] == "4 > 1 · 2 left"
    drag(screen, 2, row.locator(".rank").nth(1))
    assert screen.values[0] == "4 > 1 = 3 · 1 left"
    drag(screen, 0, row.locator(".rest"))
    assert screen.values[0] == "4 > 3 · 2 left"
    screen.press("Control+z")
    assert screen.values[0] == "4 > 1 = 3 · 1 left"
    # A reload loses nothing of an order that was begun.
    screen.page.reload()
    screen.settle()
    screen.wait_for_image()
    assert screen.values[0] == "4 > 1 = 3 · 1 left"
    row.locator(".chip[data-image='1']").click()
    assert screen.values == ["4 > 1 = 3 > 2", "not rated yet"]
    drag(screen, 1, row.locator(".gap").first)  # what is whole can be mended in place
    assert screen.values[0] == "2 > 4 > 1 = 3"
    row.locator(".excuse").click()
    screen.page.locator(".reason").first.click()
    assert screen.page.locator("[data-state=excused]").count() == 1
    screen.press("1", "2", "3", "4", "Enter")
    screen.wait_for_count("1 of 2")
    screen.wait_until_sent()
    (kept,) = [r for r in given(studio, screen.name).values() if r.criterion == "relevance"]
    assert kept.reason == "image does not load"


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_hinders_people_on_a_phone(
    new_studio: Callable[..., Any],
    visit: Callable[..., Any],
    complaints: Callable[..., list[str]],
    theme: str,
) -> None:
    shown = ("dodo", "civet", "bongo", "aye-aye")
    check = CheckItem(CheckKind.TRAINING, "00001", shown, {"relevance": "dodo > *"})
    studio = ranked(new_studio, check_items=(check,))
    screen = visit(studio, color_scheme=theme, viewport={"width": 390, "height": 844}, has_touch=True)
    screen.wait_for_image()
    boxes = [frame.bounding_box() for frame in screen.page.locator(".frame").all()]
    assert boxes[0]["y"] == boxes[1]["y"] < boxes[2]["y"] == boxes[3]["y"]  # two beside two
    assert boxes[3]["x"] + boxes[3]["width"] <= 390
    assert min(box["height"] for box in boxes) > 150
    for image in (0, 2, 1, 3):
        screen.page.locator(".frame").nth(image).tap()
    screen.press("1")
    assert screen.values == ["1 > 3 > 2 > 4", "1 · 3 left"]
    assert complaints(screen.page) == []
    screen.press("2", "3", "4", "Enter")
    screen.page.locator(".feedback").wait_for()
    assert "> the others" in screen.page.locator(".feedback tbody").inner_text()
    assert complaints(screen.page) == []
    texts = screen.page.content()
    assert not any(model in texts for model in MODELS)  # nothing tells the model
    best_worst = visit(ranked(new_studio, "best_worst"), color_scheme=theme)
    best_worst.wait_for_image()
    best_worst.press("1", "Shift+Digit3", "2")
    assert complaints(best_worst.page) == []
    best_worst.press("?")
    best_worst.page.locator(".window-help").wait_for()
    assert "Shift+1–4" in best_worst.page.locator(".window-help").inner_text()
    assert complaints(best_worst.page, ".window-help") == []

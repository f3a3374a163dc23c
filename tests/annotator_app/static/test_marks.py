"""Marks on images and in prompts: by hand and by keyboard, zoomed, on a phone, after a reload, in pairs."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from nami_bench.domain import (
    CheckItem,
    CheckKind,
    Criterion,
    ExpectedMarks,
    Marking,
    MarkKind,
    Marks,
    prompt_id,
)
from tests.support.javascript import run_module

CRITERIA = (Criterion("realism", 1, minimum=1, maximum=5),)
KINDS = (MarkKind("artifact"), MarkKind("misalignment"), MarkKind("blur", {"en": "Blurry"}))
MARKS = Path(str(files("nami_bench.annotator_app"))) / "static" / "marks.js"
PROMPTS = ("a red 🐈 hat on two cats", "a red bicycle")


def marked(new_studio: Callable[..., Any], marking: Marking | None = None, **facts: Any) -> Any:
    asked = marking or Marking(KINDS, words=True)
    return new_studio(PROMPTS, **{"criteria": CRITERIA, "marks": asked, "size": (480, 320), **facts})


def given(studio: Any, name: str) -> list[Marks]:
    return [one for one in studio.store.markings.all(studio.study.name) if one.annotator == name]


def spot(screen: Any, x: float, y: float, frame: int = 0) -> tuple[float, float]:
    """Where a place of an image (shares of its width and height) is on the screen."""
    box = screen.page.locator(".frame img").nth(frame).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def press_at(screen: Any, x: float, y: float, frame: int = 0) -> None:
    screen.page.mouse.click(*spot(screen, x, y, frame))


def test_what_becomes_of_marks() -> None:
    script = """
      const { NONE, withRegion, withoutRegion, withWord, withNothing, bare, boxBetween, nearest } = module;
      const a = { image: 0, kind: "artifact", x: 0.2, y: 0.2 };
      const one = withRegion(NONE, a, 2);
      const word = { image: 1, start: 0, end: 3 };
      const none = withNothing(withWord(one, word), 0);
      return [
        one.regions.length, withRegion(withRegion(one, a, 2), a, 2).regions.length,
        withoutRegion(one, a).regions.length, withWord(withWord(NONE, word), { ...word }).words.length,
        [none.regions.length, none.words.length, none.nothing], withRegion(none, a, 2).nothing,
        bare(one, 2), bare(none, 2),
        boxBetween([0.5, 0.9], [0.25, 1.4]), boxBetween([0.5, 0.5], [0.501, 0.9]),
        nearest(one, 0, [0.21, 0.2], 0.02) === one.regions[0], nearest(one, 1, [0.2, 0.2], 1),
      ];
    """
    found = run_module(MARKS, script, None)
    assert found[:8] == [1, 2, 0, 0, [0, 1, [0]], [], [1], []]
    assert found[8] == {"x": 0.25, "y": 0.9, "w": 0.25, "h": pytest.approx(0.1)}
    assert found[9:] == [None, True, None]


@pytest.mark.slow
@pytest.mark.parametrize("zoom", [1, 2])
def test_points_are_where_they_were_pressed(
    new_studio: Callable[..., Any], visit: Callable[..., Any], zoom: int
) -> None:
    """Also on a page of 200 %, and looked at more closely."""
    studio = marked(new_studio, canvas=512)
    view = {"viewport": {"width": 1280 // zoom, "height": 800 // zoom}, "device_scale_factor": zoom}
    screen = visit(studio, **view)
    screen.wait_for_image()
    press_at(screen, 0.25, 0.5)
    screen.page.locator(".kind").nth(1).click()
    screen.page.mouse.move(*spot(screen, 0.6, 0.6))
    for _ in range(4):
        screen.page.mouse.wheel(0, -120)
    screen.page.wait_for_timeout(100)
    press_at(screen, 0.6, 0.6)
    first = screen.page.locator(".layer .mark").first.bounding_box()
    x, y = spot(screen, 0.25, 0.5)
    assert (first["x"] + first["width"] / 2, first["y"] + first["height"] / 2) == (
        pytest.approx(x, abs=1), pytest.approx(y, abs=1),
    )  # fmt: skip
    screen.page.locator(".word", has_text="hat").click()
    screen.press("3", "Enter")
    screen.wait_for_count("1 of 4")
    screen.wait_until_sent()
    (one,) = given(studio, screen.name)
    left, right = one.regions
    # On its canvas an image of 480 x 320 has a sixth of its height above and below it.
    assert (left.kind, left.x, left.y) == (
        "artifact",
        pytest.approx(0.25, abs=3e-3),
        pytest.approx(0.5, abs=3e-3),
    )
    wanted = (0.6 - 1 / 6) * 1.5
    assert (right.kind, right.x, right.y) == (
        "misalignment", pytest.approx(0.6, abs=2e-3), pytest.approx(wanted, abs=4e-3),
    )  # fmt: skip
    assert screen.prompt != PROMPTS[0] or one.prompt_id == prompt_id(1)
    if one.prompt_id == prompt_id(0):
        assert [PROMPTS[0][slice(*word)] for word in one.words] == ["hat"]


@pytest.mark.slow
def test_marks_are_removed_undone_kept_and_corrected(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = marked(new_studio, Marking(KINDS, words=True, required=True))
    screen = visit(studio)
    screen.wait_for_image()
    marks = screen.page.locator(".layer .mark")
    screen.press("4", "Enter")
    assert "nothing to mark" in screen.part("message").inner_text()
    press_at(screen, 0.3, 0.3)
    press_at(screen, 0.7, 0.3)
    assert marks.count() == 2
    press_at(screen, 0.3, 0.3)  # on the mark
    assert marks.count() == 1
    screen.press("Control+z")
    assert marks.count() == 2
    screen.press("ArrowRight", "Control+z")  # the score was the last change
    assert marks.count() == 2
    screen.page.locator(".word").first.click()
    screen.page.reload()
    screen.settle()
    screen.wait_for_image()
    screen.until(lambda: marks.count() == 2)
    assert screen.page.locator(".word[aria-pressed=true]").count() == 1
    screen.press("Enter")
    screen.wait_for_count("1 of 4")
    screen.wait_for_image()
    assert marks.count() == 0
    screen.page.locator(".none").click()
    screen.press("2", "Enter")
    screen.wait_for_count("2 of 4")
    screen.wait_until_sent()
    assert sorted(len(one.regions) for one in given(studio, screen.name)) == [0, 2]
    screen.press("Backspace")
    screen.part("correcting").wait_for()
    assert screen.page.locator(".none[aria-pressed=true]").count() == 1
    press_at(screen, 0.5, 0.5)
    assert screen.page.locator(".none[aria-pressed=true]").count() == 0
    screen.press("Enter")
    screen.wait_until_sent()
    assert sorted(len(one.regions) for one in given(studio, screen.name)) == [1, 2]


@pytest.mark.slow
def test_marks_by_keyboard(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = marked(new_studio)
    screen = visit(studio)
    screen.wait_for_image()
    screen.press("4", "m", "Shift+ArrowLeft", "ArrowUp", "Enter", "2", "Shift+ArrowRight", "Enter")
    screen.press("Enter", "3", "Shift+ArrowRight", "Enter", "w", "ArrowRight", "Space", "Escape")
    assert screen.values == ["4"]  # the digits were kinds
    assert screen.page.locator(".layer .mark").all_inner_texts() == ["1", "3"]  # Enter on a mark removes it
    screen.press("Enter")
    screen.wait_for_count("1 of 4")
    screen.wait_until_sent()
    (one,) = given(studio, screen.name)
    assert [region.kind for region in one.regions] == ["artifact", "blur"]
    assert len(one.words) == 1


@pytest.mark.slow
def test_boxes_are_drawn(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = marked(new_studio, Marking(KINDS[:2], shape="boxes"))
    screen = visit(studio)
    screen.wait_for_image()
    mouse = screen.page.mouse
    mouse.move(*spot(screen, 0.2, 0.2))
    mouse.down()
    mouse.move(*spot(screen, 0.6, 0.7), steps=5)
    mouse.up()
    press_at(screen, 0.8, 0.8)  # no box without a drag
    screen.press(
        "m",
        "2",
        "Enter",
        *["Shift+ArrowRight"] * 2,
        *["Shift+ArrowDown"] * 2,
        "Enter",
        "Escape",
        "3",
        "Enter",
    )
    screen.wait_for_count("1 of 4")
    screen.wait_until_sent()
    (one,) = given(studio, screen.name)
    first, second = one.regions
    assert (first.x, first.y, first.w, first.h) == tuple(
        pytest.approx(v, abs=4e-3) for v in (0.2, 0.2, 0.4, 0.5)
    )
    assert (second.kind, second.x, second.y) == ("misalignment", 0.5, 0.5)


@pytest.mark.slow
def test_marks_in_pairs(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = marked(new_studio, mode="pairwise")
    screen = visit(studio)
    screen.wait_for_image()
    press_at(screen, 0.5, 0.5, frame=1)
    assert screen.values == ["Right better"] or "ight" in screen.values[0]
    screen.page.locator(".kind").first.click()
    press_at(screen, 0.25, 0.75, frame=0)
    assert "ight" in screen.values[0]  # the mark chose nothing
    screen.page.locator(".wordlist").nth(1).locator(".word").first.click()
    screen.press("Enter")
    screen.wait_for_count("1 of 2")
    screen.wait_until_sent()
    found = given(studio, screen.name)
    (comparison,) = studio.store.comparisons.all(studio.study.name)
    by_model = {one.model: one for one in found}
    left, right = by_model[comparison.left], by_model[comparison.right]
    assert (len(left.regions), left.words, right.regions, len(right.words)) == (1, (), (), 1)
    assert left.regions[0].y == pytest.approx(0.75, abs=4e-3)


@pytest.mark.slow
def test_marks_on_a_phone(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    studio = marked(new_studio)
    screen = visit(studio, viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    screen.wait_for_image()
    screen.page.touchscreen.tap(*spot(screen, 0.25, 0.25))
    assert screen.page.locator(".layer .mark").count() == 1
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert screen.page.evaluate(wide)
    screen.page.wait_for_timeout(600)  # or it is a double press
    screen.page.locator(".layer .mark").tap()
    assert screen.page.locator(".layer .mark").count() == 0


@pytest.mark.slow
def test_feedback_on_marks(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> None:
    wanted = ExpectedMarks({"artifact": (0.1, 0.1, 0.2, 0.2)}, ("bicycle",))
    check = CheckItem(CheckKind.TRAINING, prompt_id(1), ("quokka-9b",), {"realism": (1, 2)}, marks=wanted)
    studio = marked(new_studio, check_items=(check,))
    screen = visit(studio)
    screen.wait_for_image()
    press_at(screen, 0.2, 0.2)
    screen.press("1", "Enter")
    screen.wait_for("Words that are missing or wrong")
    rows = [text.split("\t") for text in screen.page.locator(".feedback tbody tr").all_inner_texts()]
    assert [row[-1] for row in rows] == ["✓", "✓", "✗"]
    assert rows[2][2] == "bicycle"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["rating", "pairwise"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_are_for_everybody(
    new_studio: Callable[..., Any], visit: Callable[..., Any], complaints: Any, mode: str, theme: str
) -> None:
    studio = marked(new_studio, Marking(KINDS, words=True, required=True), mode=mode)
    screen = visit(studio, color_scheme=theme)
    screen.wait_for_image()
    screen.page.locator(".kind").first.click()
    press_at(screen, 0.3, 0.3)
    screen.page.locator(".word").first.click()
    screen.press("m", "ArrowLeft")
    assert complaints(screen.page) == []
    screen.press("Escape", "?")
    screen.wait_for("While you mark")
    assert complaints(screen.page) == []

"""Sizes, light and dark, languages, and what an accessibility checker says."""

from collections.abc import Callable
from typing import Any

import pytest

from nami_bench.domain import Criterion
from nami_bench.domain.criteria import CriterionText

LONG = " ".join(f"word{i} and a clause about light," for i in range(24))  # 144 words
SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 720}},
    "tablet": {"viewport": {"width": 1024, "height": 768}, "has_touch": True},
    "upright": {"viewport": {"width": 768, "height": 1024}, "has_touch": True},
}
SCROLLS = "e => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1"
TEXTS = {"zh": CriterionText("相关性", {0: "与提示词无关", 100: "完全符合"})}
TWO_LANGUAGES = (Criterion("relevance", 1, anchors={0: "unrelated", 100: "all of it"}, texts=TEXTS),)


@pytest.mark.parametrize("control", ["slider", "buttons"])
def test_everything_fits_without_scrolling(
    new_studio: Callable[..., Any], visit: Callable[..., Any], control: str
) -> None:
    from nami_bench.study_file import load_criteria, nami_1k_study_file

    criteria = load_criteria(nami_1k_study_file())
    if control == "buttons":
        criteria = tuple(
            Criterion(c.name, c.weight, 1, 5, {1 + at / 25: words for at, words in c.anchors.items()})
            for c in criteria
        )
    studio = new_studio((LONG,), control=control, criteria=criteria)
    for name, context in SIZES.items():
        screen = visit(studio, **context)
        screen.wait_for_image()
        size = context["viewport"]
        for part in ("html", ".criteria", ".bar"):
            assert not screen.page.locator(part).evaluate(SCROLLS), (name, part)
        for part in (".prompt", ".frame img", ".submit", ".criterion >> nth=3", "text=Log out"):
            box = screen.page.locator(part).bounding_box()
            assert box["x"] >= 0, (name, part)
            assert box["y"] >= 0, (name, part)
            assert box["x"] + box["width"] <= size["width"], (name, part)
            assert box["y"] + box["height"] <= size["height"], (name, part)
        image = screen.page.locator(".frame img").bounding_box()
        assert min(image["width"], image["height"]) > 280, name


def test_the_image_is_as_large_as_the_window_allows(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    for size, ratio in (((900, 300), 3.0), ((300, 900), 1 / 3)):
        screen = visit(new_studio(("short",), size=size))
        image, frame = (screen.page.locator(s).bounding_box() for s in (".frame img", ".frame"))
        assert image["width"] / image["height"] == pytest.approx(ratio, rel=0.02)
        assert image["width"] == pytest.approx(frame["width"], abs=2) or image["height"] == pytest.approx(
            frame["height"], abs=2
        )


def test_light_and_dark_follow_the_system_until_one_is_chosen(studio: Any, visit: Callable[..., Any]) -> None:
    screen = visit(studio, color_scheme="dark")

    def ground() -> str:
        return str(screen.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    dark = ground()
    screen.page.emulate_media(color_scheme="light")
    screen.until(lambda: ground() != dark)  # the browser tells the page a moment later
    screen.part("theme").click()
    assert ground() == dark
    screen.page.reload()
    screen.settle()
    assert ground() == dark


def test_chinese_by_the_browser_and_by_choice(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    studio = new_studio(
        criteria=TWO_LANGUAGES,
        languages=("en", "zh"),
        instructions={"en": "Look *well*.", "zh": "请*仔细*看。"},
    )
    screen = visit(studio, locale="zh-CN", settled=False)
    screen.page.wait_for_selector("dialog em:text-is('仔细')")
    screen.press("Escape")
    assert screen.page.locator("html").get_attribute("lang") == "zh"
    assert screen.values == ["未评分"]
    screen.wait_for("相关性")
    screen.wait_for("完全符合")
    screen.press("Enter")
    screen.wait_for("尚未评分：相关性。")
    screen.press("6", "6", "x", "Escape")
    screen.part("language").select_option("en")
    screen.wait_for("Submit")
    screen.wait_for_image()
    assert screen.values == ["66"]  # the draft is kept
    screen.page.reload()
    screen.wait_for("all of it")  # remembered


def test_touch_rates_pinches_and_goes_on(studio: Any, visit: Callable[..., Any]) -> None:
    screen = visit(studio, **SIZES["upright"])
    for slider in screen.page.locator("input[type=range]").all():
        box = slider.bounding_box()
        screen.page.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    assert "not rated yet" not in screen.values
    before = screen.page.locator(".frame img").bounding_box()
    pinch(screen.page, screen.page.locator(".frame").bounding_box())
    assert screen.page.locator(".frame img").bounding_box()["width"] > 1.5 * before["width"]
    screen.part("submit").tap()
    screen.wait_for_count("1 of 8")


def pinch(page: Any, box: dict[str, float]) -> None:
    """Two fingers that move apart."""
    session = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if apart else []})

    touch("touchStart", 40)
    for apart in range(50, 140, 10):
        touch("touchMove", apart)
    touch("touchEnd", 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_hinders_people_with_a_screen_reader_or_weak_eyes(
    new_studio: Callable[..., Any],
    visit: Callable[..., Any],
    complaints: Callable[..., list[str]],
    theme: str,
) -> None:
    studio = new_studio((LONG, "two"), break_every=1, instructions={"en": "Look *well*."})
    screen = visit(studio, color_scheme=theme, has_touch=True)
    screen.press("7", "7", "x", "2")
    assert complaints(screen.page) == []
    screen.page.evaluate("document.querySelector('[data-part=language]').ariaLabel = null")
    assert [found.split(":")[0] for found in complaints(screen.page)] == ["select-name"]  # it does look
    screen.page.evaluate("document.querySelector('[data-part=language]').ariaLabel = 'Language'")
    for key, words in (("?", "Keys"), ("i", "Look"), ("x", "why can’t"), ("c", "Keep the comment")):
        screen.press(key)
        screen.wait_for(words)
        assert complaints(screen.page) == [], key
        screen.press("Escape")
    every_window(screen, complaints)
    screen.part("fold").tap()
    assert complaints(screen.page) == [], "menu"
    screen.press("Escape")
    screen.press("ArrowUp", "3", "3", "3", "3", "3", "3", "Enter")
    screen.wait_for("short break")
    assert complaints(screen.page) == []
    pairs = visit(new_studio(mode="pairwise"), color_scheme=theme, has_touch=True)
    pairs.press("t")
    every_window(pairs, complaints)
    pairs.page.context.clear_cookies()
    pairs.page.goto(pairs.address)
    pairs.page.wait_for_selector("input[name=token]")
    assert complaints(pairs.page) == []


def every_window(screen: Any, complaints: Callable[..., list[str]]) -> None:
    """Nothing is found on a desktop, a tablet, a phone, and in a low window; a phone comes last."""
    for size in ((1280, 720), (768, 1024), (640, 360), (320, 568)):
        screen.page.set_viewport_size({"width": size[0], "height": size[1]})
        screen.until(lambda size=size: screen.page.evaluate("innerWidth") == size[0])
        assert complaints(screen.page) == [], size


def test_a_screen_reader_hears_the_item_and_the_scores(screen: Any) -> None:
    spoken = screen.part("spoken").inner_text()
    assert spoken.startswith("Item 1. Prompt: ")
    tree = screen.page.locator("body").aria_snapshot()
    assert 'slider "relevance"' in tree
    assert "textbox" not in tree
    screen.press("7", "6")
    value = screen.page.locator("input[type=range]").first.get_attribute("aria-valuetext")
    assert value == "76, near 75: all but small details are there"
    screen.rate(50, 50, 50)
    screen.until(lambda: screen.part("spoken").inner_text().startswith("Item 2."))
    assert screen.page.evaluate("document.activeElement.type") == "range"

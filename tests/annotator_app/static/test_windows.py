"""In every window from 320x256 up prompt and image are to be seen, and what was not seen is not scored."""

from collections.abc import Callable
from typing import Any

import pytest

from nami_bench.domain import Criterion

SIZES = (
    (320, 256), (320, 568), (667, 375), (740, 360), (844, 390), (800, 480), (640, 360), (683, 330),
    (820, 1180), (1280, 720), (1920, 1080),
)  # fmt: skip
LONG = " ".join(f"a harbor at dawn, boat {i}, long piers," for i in range(43))  # 301 words
TWELVE = (LONG, *(f"a circle and {n} stars" for n in range(11)))
PAIRS: dict[str, Any] = {
    "mode": "pairwise",
    "criteria": (Criterion("relevance", 0.5), Criterion("realism", 0.5)),
}
ANSWERS = {"rating": ("7", "5", "6", "5", "5", "5", "4", "5"), "pairwise": ("ArrowLeft", "t")}
NOT_SEEN = "An image has not been on your screen yet."

# What of each element lies in the window: [its share of the element, width, height].
_IN_WINDOW = """elements => elements.map(e => {
  const box = e.getBoundingClientRect();
  const width = Math.min(box.right, innerWidth) - Math.max(box.left, 0);
  const height = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
  if (width <= 0 || height <= 0) return [0, 0, 0];
  return [width * height / (box.width * box.height), width, height];
})"""
_IS_ON_TOP = """e => {
  const box = e.getBoundingClientRect();
  const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return e === there || e.contains(there);
}"""

_THREE_FRAMES = """new Promise(go => {
  const frame = left => (left === 0 ? go() : requestAnimationFrame(() => frame(left - 1)));
  frame(3);
})"""


def resize(screen: Any, size: tuple[int, int]) -> None:
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    screen.until(lambda: screen.page.evaluate("[innerWidth, innerHeight]") == list(size))


def wait_for_images(screen: Any) -> None:
    """Until each frame holds its image, be it in sight or not."""
    frames, images = (screen.page.locator(f".frame{what}") for what in ("", " img"))
    screen.until(lambda: images.count() == frames.count() > 0)


def in_window(screen: Any, what: str) -> list[list[float]]:
    found: list[list[float]] = screen.page.locator(what).evaluate_all(_IN_WINDOW)
    return found


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
def test_prompt_and_images_are_in_sight_and_all_is_in_reach(
    new_studio: Callable[..., Any], visit: Callable[..., Any], mode: str
) -> None:
    prompts = TWELVE if mode == "pairwise" else TWELVE[:6]
    screen = visit(new_studio(prompts, **(PAIRS if mode == "pairwise" else {})))
    for done, size in enumerate(SIZES, start=1):
        resize(screen, size)
        wait_for_images(screen)
        for part in ("[data-part=submit]", "[data-part=comment]", ".criterion >> nth=-1", ".bar", ".prompt"):
            element = screen.page.locator(part)
            element.scroll_into_view_if_needed()
            assert in_window(screen, part)[0][0] > 0.4, (size, part)
            assert element.evaluate(_IS_ON_TOP) or part == ".bar", (size, part)
        assert screen.page.evaluate("document.documentElement.scrollWidth") <= size[0], size
        screen.page.evaluate("scrollTo(0, document.body.scrollHeight)")  # where Submit was pressed
        wait_for_images(screen)
        screen.press(*ANSWERS[mode], "Enter")
        screen.wait_for_count(f"{done} of 12")
        wait_for_images(screen)
        for share, width, height in in_window(screen, ".frame img"):
            assert share > 0.5, size
            assert width > 100, size
            assert height > 100, size
        [[share, _, height]] = in_window(screen, ".prompt")
        assert share > 0.9, size
        assert height > 19, size


OUT_OF_SIGHT = ("display: none", "position: fixed; top: 5000px", "height: 30px; min-height: 0; flex: none")


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
def test_an_image_that_was_never_on_the_screen_cannot_be_submitted(
    new_studio: Callable[..., Any], visit: Callable[..., Any], mode: str
) -> None:
    studio = new_studio(
        TWELVE[:3] if mode == "rating" else TWELVE[:6], **(PAIRS if mode == "pairwise" else {})
    )
    screen = visit(studio)
    style = screen.part("frames") if mode == "rating" else screen.page.locator(".frame").last
    done = 0
    for hidden in OUT_OF_SIGHT:
        style.evaluate("(e, css) => { e.style.cssText = css; }", hidden)
        wait_for_images(screen)
        screen.press(*ANSWERS[mode], "Enter")  # this item was seen before
        screen.wait_for_count(f"{(done := done + 1)} of 6")
        wait_for_images(screen)
        screen.press(*ANSWERS[mode], "Enter")
        screen.wait_for(NOT_SEEN)
        screen.press("Enter")
        screen.wait_until_sent()
        screen.wait_for_count(f"{done} of 6")
        given = studio.ratings(screen.name) if mode == "rating" else studio.store.comparisons.all("shown")
        assert len(given) == done * len(screen.values), hidden
        style.evaluate("e => { e.style.cssText = ''; }")
        screen.until(
            lambda: all(share > 0.5 and width > 64 for share, width, _ in in_window(screen, ".frame img"))
        )
        screen.press("Enter")
        screen.wait_for_count(f"{(done := done + 1)} of 6")


def test_an_image_out_of_the_window_is_brought_into_it_on_submit(
    studio: Any, visit: Callable[..., Any]
) -> None:
    screen = visit(studio, viewport={"width": 320, "height": 256})
    frames = screen.part("frames")
    frames.evaluate("e => { e.style.marginTop = '3000px'; }")
    wait_for_images(screen)
    screen.press(*ANSWERS["rating"], "Enter")  # the first was on the screen before it went
    screen.wait_for_count("1 of 8")
    assert in_window(screen, ".frame img")[0][0] == 0
    wait_for_images(screen)
    screen.press(*ANSWERS["rating"], "Enter")
    screen.part("overlooked").wait_for()
    assert in_window(screen, ".frame img")[0][0] > 0.9
    assert in_window(screen, "[data-part=overlooked]")[0][0] > 0.9  # the words are where the eyes are
    screen.press("Enter")
    screen.wait_for_count("2 of 8")
    screen.part("overlooked").wait_for(state="hidden")


def test_a_page_that_nobody_looks_at_shows_nothing(studio: Any, visit: Callable[..., Any]) -> None:
    screen = visit(studio, settled=False)
    screen.page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => 'hidden'});"
    )
    screen.page.reload()
    screen.settle()
    wait_for_images(screen)
    screen.press(*ANSWERS["rating"], "Enter")
    screen.wait_for(NOT_SEEN)
    screen.page.evaluate("delete document.visibilityState")
    screen.press("Enter")
    screen.wait_for_count("1 of 8")


def test_a_window_that_grows_shows_its_image(studio: Any, visit: Callable[..., Any]) -> None:
    """By itself, without a scroll or a key: an image that only grows crosses no edge of the window."""
    screen = visit(studio)
    screen.part("frames").evaluate("e => { e.style.cssText = 'height: 30px; min-height: 0; flex: none'; }")
    wait_for_images(screen)
    screen.press(*ANSWERS["rating"], "Enter")
    screen.wait_for_count("1 of 8")
    screen.part("frames").evaluate("e => { e.style.cssText = ''; }")
    screen.until(lambda: in_window(screen, ".frame img")[0][1] > 300)
    screen.page.evaluate(_THREE_FRAMES)
    screen.part("frames").evaluate("e => { e.style.display = 'none'; }")
    wait_for_images(screen)
    screen.press(*ANSWERS["rating"], "Enter")
    screen.wait_for_count("2 of 8")


def test_the_bar_of_a_phone_is_one_row_with_a_menu(studio: Any, visit: Callable[..., Any]) -> None:
    screen = visit(studio, viewport={"width": 320, "height": 568}, has_touch=True)
    assert screen.page.locator(".bar").bounding_box()["height"] < 60
    assert not screen.page.locator("text=Log out").is_visible()
    screen.part("fold").tap()
    for words in ("Log out", "Keys ?", "Propose a prompt"):
        box = screen.page.get_by_text(words).bounding_box()
        assert 0 <= box["x"] <= 320 - box["width"], words
    screen.press("Escape")
    assert not screen.page.locator("text=Log out").is_visible()
    screen.part("fold").tap()
    screen.page.get_by_text("Keys ?").tap()
    screen.wait_for("ten points up")
    screen.press("Escape")
    resize(screen, (1280, 720))
    assert screen.page.locator("text=Log out").is_visible()
    assert not screen.part("fold").is_visible()


def test_words_for_sides_follow_how_the_images_stand(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    screen = visit(new_studio(**PAIRS))
    screen.press("1", "3")
    for size in ((390, 844), (1280, 720), (320, 568), (667, 375), (820, 1180)):
        resize(screen, size)
        first, second = (frame.bounding_box() for frame in screen.page.locator(".frame").all())
        stacked = second["y"] >= first["y"] + first["height"]
        assert stacked == (size[0] < 400)
        words = ["Above", "Below"] if stacked else ["Left", "Right"]
        screen.until(lambda words=words: screen.values == words)
        buttons = screen.page.locator(".criterion").first.get_by_role("radio").all_inner_texts()
        assert [buttons[0], buttons[2]] == words
        names = screen.page.locator(".frame img").evaluate_all("all => all.map(e => e.alt)")
        assert names == (["Upper image", "Lower image"] if stacked else ["Left image", "Right image"])
        screen.press("?")
        screen.wait_for("the upper image is better" if stacked else "the left image is better")
        screen.press("Escape")


def test_keys_bring_their_criterion_into_the_window(studio: Any, visit: Callable[..., Any]) -> None:
    screen = visit(studio, viewport={"width": 640, "height": 360})
    for number in ("7 5", "6 5", "5 5", "4 5"):
        [[share, _, _]] = in_window(screen, ".criterion.active")
        assert share > 0.95, number
        assert screen.page.locator(".criterion.active .name").evaluate(_IS_ON_TOP), number
        screen.press(*number.split())
    for share, _, height in in_window(screen, ".frame img"):
        assert share > 0.95  # and the image stays
        assert height > 150
    screen.page.evaluate("scrollTo(0, 0)")
    screen.page.mouse.move(100, 100)
    screen.page.click("[data-part=zoomIn]")  # a press of a button elsewhere moves nothing
    assert screen.page.evaluate("scrollY") == 0


def test_submit_follows_the_sliders_and_sliders_fill_their_cards(
    studio: Any, visit: Callable[..., Any]
) -> None:
    screen = visit(studio)
    for size in ((1280, 720), (1920, 1080)):
        resize(screen, size)
        last = screen.page.locator(".criterion").last.bounding_box()
        submit = screen.part("submit").bounding_box()
        assert submit["y"] - (last["y"] + last["height"]) < 60
        slider = screen.page.locator("input[type=range]").last.bounding_box()
        assert slider["width"] > last["width"] - 40


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
def test_windows_for_comments_and_reasons_leave_the_images_in_sight(
    new_studio: Callable[..., Any], visit: Callable[..., Any], mode: str
) -> None:
    screen = visit(new_studio(**(PAIRS if mode == "pairwise" else {})))
    phone = ((320, 568),) if mode == "rating" else ()  # two images, one above the other, leave no room
    for size in ((667, 375), (1280, 720), (1920, 1080), (820, 1180), *phone):
        resize(screen, size)
        for key in ("x", "c"):
            screen.press(key)
            window = screen.page.locator("dialog[open]").bounding_box()
            for image in screen.page.locator(".frame img").all():
                box = image.bounding_box()
                apart = box["x"] + box["width"] <= window["x"] or box["y"] + box["height"] <= window["y"]
                assert apart, (size, key)
            shade = "getComputedStyle(document.querySelector('dialog'), '::backdrop').backgroundColor"
            assert screen.page.evaluate(shade) == "rgba(0, 0, 0, 0)"
            screen.press("Escape")


def test_the_prompt_is_named_and_no_weaker_than_the_criteria(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    strength = (
        "e => { const s = getComputedStyle(e); return [parseFloat(s.fontSize), Number(s.fontWeight)]; }"
    )
    for prompt in ("short", LONG):
        screen = visit(new_studio((prompt,)))
        screen.page.get_by_role("heading", name="Prompt", exact=True).wait_for()
        prompt_is = screen.page.locator(".prompt").evaluate(strength)
        name_is = screen.page.locator(".criterion .name").first.evaluate(strength)
        assert prompt_is >= name_is
        assert prompt_is[1] >= name_is[1]


@pytest.mark.parametrize("density", [1, 2])
def test_zoom_counts_in_pixels_of_the_screen(studio: Any, visit: Callable[..., Any], density: int) -> None:
    screen = visit(studio, device_scale_factor=density)
    image = screen.page.locator(".frame img")
    fitted = image.bounding_box()["width"]
    assert screen.part("scale").inner_text() == f"{round(100 * density * fitted / 320)} %"
    screen.press("z")
    assert image.bounding_box()["width"] == pytest.approx(320 / density, abs=1)
    assert screen.part("scale").inner_text() == "100 %"
    resize(screen, (1000, 700))  # the same view of a smaller frame is a smaller image
    screen.until(lambda: screen.part("scale").inner_text() not in ("", "100 %"))


def test_one_to_one_is_reached_by_images_much_larger_than_the_window(
    new_studio: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    screen = visit(new_studio(("wide",), size=(9000, 90)), viewport={"width": 320, "height": 256})
    screen.press("z")
    assert screen.part("scale").inner_text() == "100 %"


def test_what_is_left_is_said_and_not_how_fast(studio: Any, screen: Any) -> None:
    for done in range(1, 7):
        wait_for_images(screen)
        screen.rate(10, 20, 30, 40)
        screen.wait_for_count(f"{done} of 8")
    screen.wait_until_sent()
    bar = screen.page.locator(".where").inner_text()
    assert "2 to go · 6 today" in bar
    assert not any(unit in bar for unit in (" s", "min", "each", "about"))

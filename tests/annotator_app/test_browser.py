"""What an annotator sees and does, in a real browser."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

import pytest

from nami_bench.config import load_criteria, nami_1k_study_file

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="NO BROWSER: the annotation app was NOT tested on screen; install Debian's `chromium`",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def nami_bench_1k(new_bench: Callable[..., Any]) -> Any:
    """Four images, NAMI-1K's four criteria, overlap 1."""
    criteria = load_criteria(nami_1k_study_file())
    return new_bench("1k", strata=("short", "long"), overlap=1, criteria=criteria)


@pytest.fixture
def screen(
    browser: Any, nami_bench_1k: Any, listening: Callable[[Any], AbstractContextManager[str]]
) -> Iterator[Any]:
    """The rating screen at 1280x720, logged in through the form."""
    with listening(nami_bench_1k) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        page = context.new_page()
        page.hosts = set()
        page.problems = []
        page.on("request", lambda request: page.hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(address)
        page.fill("input[name=name]", "ada")
        page.fill("input[name=token]", nami_bench_1k.tokens["ada"])
        page.click("button[type=submit]")
        page.wait_for_selector("[data-part=image]", state="visible")
        yield page
        context.close()
    assert page.hosts <= {urlsplit(address).netloc, ""}, "the page talks to somebody else"
    assert page.problems == []


def slide(page: Any, criterion: int, share: float) -> None:
    """Press on a slider's track at `share` of its length."""
    box = page.locator("input[type=range]").nth(criterion).bounding_box()
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def values(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".criterion .value").all_inner_texts()]


def close_instructions(page: Any) -> None:
    page.wait_for_selector("#instructions em")
    page.click("#instructions button")
    page.wait_for_selector("#instructions em", state="hidden")


def wait_for_count(page: Any, text: str) -> None:
    page.wait_for_selector(f"[data-part=count]:text-is('{text}')")


def test_an_annotator_rates_leaves_comes_back_and_finishes(screen: Any, nami_bench_1k: Any) -> None:
    close_instructions(screen)  # open for newcomers
    assert values(screen) == ["not rated yet"] * 4
    screen.click(".submit")
    missing = screen.locator("[data-part=message]")
    assert missing.inner_text() == "Not rated yet: relevance, coherence, aesthetics, authenticity."

    slide(screen, 0, 0.5)  # exactly where the hidden thumb waits
    slide(screen, 1, 0.9)
    screen.locator("input[type=range]").nth(2).focus()
    screen.keyboard.press("ArrowRight")
    assert (values(screen)[0], values(screen)[2:]) == ("50", ["51", "not rated yet"])
    screen.click(".submit")
    assert missing.inner_text() == "Not rated yet: authenticity."
    assert nami_bench_1k.store.ratings("trial") == []

    screen.locator(".excuse").nth(3).select_option("outside my knowledge")
    before = screen.locator("[data-part=image]").get_attribute("src")
    screen.click(".submit")
    wait_for_count(screen, "1 of 4")
    stored = {r.criterion: (r.value, r.reason) for r in nami_bench_1k.store.ratings("trial")}
    assert (stored["relevance"], stored["aesthetics"]) == ((50.0, None), (51.0, None))
    assert stored["coherence"][0] > 85
    assert stored["authenticity"] == (None, "outside my knowledge")
    durations = {r.duration_ms for r in nami_bench_1k.store.ratings("trial")}
    assert len(durations) == 1
    assert 0 < durations.pop() < 60_000

    second = screen.locator("[data-part=image]").get_attribute("src")
    assert second != before
    assert values(screen) == ["not rated yet"] * 4
    slide(screen, 0, 0.2)
    screen.reload()
    wait_for_count(screen, "1 of 4")
    assert screen.locator("[data-part=image]").get_attribute("src") == second

    for done in (2, 3, 4):
        for criterion in range(4):
            slide(screen, criterion, 0.7)
        screen.wait_for_selector("[data-part=image]", state="visible")
        screen.keyboard.press("Enter")  # in a slider, as in any form
        wait_for_count(screen, f"{done} of 4")
    screen.wait_for_selector("text=You have rated 4 images; nothing is left for you in this study.")
    assert len(nami_bench_1k.store.ratings("trial")) == 16


def test_everything_fits_at_1280_by_720(screen: Any) -> None:
    close_instructions(screen)
    screen.wait_for_function("document.querySelector('[data-part=image]').naturalWidth > 0")
    scrolls = "e => e.scrollHeight > e.clientHeight"
    assert not screen.locator("html").evaluate(scrolls)
    assert not screen.locator(".criteria").evaluate(scrolls)
    for part in (".prompt", "[data-part=image]", ".submit", ".criterion >> nth=3"):
        box = screen.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 720
    image = screen.locator("[data-part=image]").bounding_box()
    assert min(image["width"], image["height"]) > 500


def test_a_prompt_is_shown_as_it_was_written(screen: Any) -> None:
    assert re.fullmatch(r"picture <i>\d</i> & more", screen.locator(".prompt").inner_text())


def test_moving_a_slider_takes_an_excuse_back_and_the_other_way_round(screen: Any) -> None:
    close_instructions(screen)
    slide(screen, 0, 0.7)
    screen.locator(".excuse").nth(0).select_option("prompt unclear")
    assert values(screen)[0] == "can’t judge"
    slide(screen, 0, 0.7)
    assert values(screen)[0].isdigit()
    assert screen.locator(".excuse").nth(0).input_value() == ""


def test_a_lost_connection_keeps_the_scores_and_says_so(screen: Any, nami_bench_1k: Any) -> None:
    close_instructions(screen)
    for criterion in range(4):
        slide(screen, criterion, 0.3)
    given = values(screen)
    screen.context.set_offline(True)
    screen.click(".submit")
    screen.wait_for_selector("text=Your scores are still here")
    assert values(screen) == given
    screen.context.set_offline(False)
    screen.click(".submit")
    wait_for_count(screen, "1 of 4")
    assert len(nami_bench_1k.store.ratings("trial")) == 4


def test_nobody_scores_an_image_that_is_not_there(screen: Any, nami_bench_1k: Any) -> None:
    close_instructions(screen)
    for criterion in range(4):
        slide(screen, criterion, 0.3)
    screen.evaluate("document.querySelector('[data-part=image]').src = 'item/unknown.png'")
    screen.wait_for_selector("text=This image does not load.")
    screen.click(".submit")
    screen.wait_for_selector("text=The image is not there yet")
    assert nami_bench_1k.store.ratings("trial") == []
    for criterion in range(4):
        screen.locator(".excuse").nth(criterion).select_option("image does not load")
    screen.click(".submit")
    wait_for_count(screen, "1 of 4")
    assert {r.reason for r in nami_bench_1k.store.ratings("trial")} == {"image does not load"}


def test_an_image_that_vanished_is_said_and_passed_over(screen: Any, nami_bench_1k: Any) -> None:
    close_instructions(screen)
    token = (
        screen.locator("[data-part=image]").get_attribute("src").removeprefix("item/").removesuffix(".png")
    )
    lost = nami_bench_1k.store.assignment(token, "ada").image
    nami_bench_1k.file(lost).unlink()
    for criterion in range(4):
        slide(screen, criterion, 0.3)
    screen.evaluate("document.querySelector('[data-part=image]').src += '?again'")
    screen.wait_for_selector("text=This image does not load.")
    screen.click("text=Try again")
    screen.wait_for_function(f"!document.querySelector('[data-part=image]').src.includes('{token}')")
    screen.wait_for_selector("[data-part=image]", state="visible")
    assert values(screen) == ["not rated yet"] * 4
    assert nami_bench_1k.store.ratings("trial") == []

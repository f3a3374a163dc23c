"""The report as a reader has it: opened from disk, in Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.export.html import leaderboard_html
from nami_bench.report.contents import collect

QUICK = Precision(replicates=100)


@pytest.fixture
def page(browser: Browser, reported: Any) -> Iterator[Page]:
    """The report's page; every problem that the browser reports fails the test."""
    problems: list[str] = []
    with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else problems.append(r.url))
        page.goto((reported.folder / "index.html").as_uri())
        yield page
    assert problems == []


def test_images_stand_side_by_side_with_names_or_blind(page: Page) -> None:
    captions = page.locator("#gallery figcaption")
    assert page.locator("#gallery article").count() == 4
    assert "onerror" in page.locator("#gallery article p").first.inner_text()  # a text, not markup
    assert captions.first.inner_text().splitlines()[0] == "alpha"
    assert "total" in captions.first.inner_text()
    picture = page.locator("#gallery img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#gallery img').naturalWidth > 0")
    page.check("#gallery-blind")
    shown = [caption.inner_text() for caption in captions.all()]
    assert shown[:2] == ["image A", "image B"] and not any("alpha" in text for text in shown)
    assert {image.get_attribute("alt") for image in page.locator("#gallery img").all()} == {
        "image A",
        "image B",
    }


def test_prompts_can_be_found_and_ordered(page: Page) -> None:
    pager = page.locator(".pager span").first
    page.select_option("#gallery-group", "long")
    assert pager.inner_text() == "page 1 of 1, 2 prompts"
    page.select_option("#gallery-group", "")
    page.fill("#gallery-find", "two stars")
    assert page.locator("#gallery article").count() == 1
    page.fill("#gallery-find", "nothing like it")
    assert page.locator("#gallery").inner_text() == "No prompt matches."
    page.fill("#gallery-find", "")
    page.select_option("#gallery-order", "spread")
    assert "one more" in page.locator("#gallery article p").last.inner_text()  # one image: no difference


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_hinders_people_with_a_screen_reader_or_weak_eyes(
    page: Page, reported: Any, tmp_path: Path, complaints: Callable[..., list[str]]
) -> None:
    board = tmp_path / "leaderboard.html"
    board.write_bytes(leaderboard_html(collect(reported.store, QUICK).board))
    for address in (page.url, board.as_uri()):
        page.goto(address)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            assert complaints(page) == [], (address, theme)

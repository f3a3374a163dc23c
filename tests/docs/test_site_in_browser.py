"""The site as a reader has it, in Chromium: search and formulas work, and nothing is asked of other hosts."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A new page; every problem and every request to another host fails the test."""
    problems: list[str] = []
    own = (address, "data:", "blob:")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(own) else problems.append(r.url))
    yield page
    page.close()
    assert problems == []


def test_the_search_finds_a_page(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.locator("input.md-search__input").press_sequentially("Krippendorff")
    result = page.locator(".md-search-result__item a[href*='statistics.html']").first
    expect(result).to_be_visible(timeout=120_000)
    result.click()
    expect(page.locator("article")).to_contain_text("Krippendorff", timeout=120_000)


@pytest.mark.slow
def test_formulas_are_drawn(page: Page, address: str) -> None:
    page.goto(f"{address}/metrics.html")
    formulas = [page.locator("math").nth(place).bounding_box() for place in range(3)]
    assert all(box is not None and box["width"] > 60 and box["height"] > 15 for box in formulas)

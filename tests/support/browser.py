"""Chromium, for tests that look at a screen."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at a screen is slow, but for what is marked `quick_look`."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()) and item.get_closest_marker("quick_look") is None:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A test opens a page or a context of its own, and closes it.

    Not for the whole session: while Playwright runs, `asyncio.run` is refused in its thread.
    """
    if CHROMIUM is None:
        pytest.skip("NO BROWSER: nothing was tested on a screen; install Debian's `chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP *.example 127.0.0.1",  # a name that is not this machine's own
            ],
        )
        yield chromium
        chromium.close()


@contextmanager
def opened_page(browser: Any, folder: Path) -> Iterator[Any]:
    """A page of verdicts as it is opened from its folder; the browser may not complain of anything."""
    problems: list[str] = []
    with browser.new_page() as page:
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.goto((folder / "index.html").as_uri())
        yield page
    assert problems == []


def page_data(folder: Path) -> Any:
    """What the script of a page of verdicts reads."""
    text = (folder / "index.html").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])

"""In a browser at http://lab.example/nami/: plain HTTP, another name than localhost, and a path taken off."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from nami_bench.config import AnnotateConfig
from nami_bench.domain import Role

PREFIX = "/lab/nami"
PATIENCE_MS = 15_000


def stripping(app: ASGIApp) -> ASGIApp:
    """A proxy that takes the prefix off."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            below = scope["path"].startswith(PREFIX + "/")
            scope = {**scope, "path": scope["path"].removeprefix(PREFIX) if below else "/left-the-prefix"}
        await app(scope, receive, send)

    return proxy


@pytest.fixture
def below(new_studio: Callable[..., Any], listening: Callable[..., Any]) -> Iterator[Any]:
    made = new_studio(served=False)
    made.newcomer()
    settings = AnnotateConfig(host_names=("lab.example",))
    with listening(made, settings=settings, around=stripping) as address:
        made.address = f"http://lab.example:{urlsplit(address).port}{PREFIX}"
        yield made


def test_logging_in_rating_proposing_and_administering_stay_below_the_path(browser: Any, below: Any) -> None:
    name = below.newcomer(Role.ADMINISTRATOR)
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def check_links() -> None:
        found = page.eval_on_selector_all(
            "a[href], form, link[href], script[src]", "all => all.map(e => e.href || e.action || e.src)"
        )
        asked.extend(found)
        assert found

    page.goto(below.address + "/")  # a stranger
    page.wait_for_url(below.address + "/login")
    page.fill("[name=name]", name)
    page.fill("[name=token]", below.tokens[name])
    check_links()
    page.click("button[type=submit]")
    page.wait_for_url(below.address + "/admin/")
    page.wait_for_selector(".console-tables td")
    check_links()
    page.click("a[href='../']")
    page.get_by_role("button", name="Rate as well").click()
    page.get_by_role("button", name="Yes, give me items").click()
    page.wait_for_url(below.address + "/study/shown/")
    page.wait_for_selector("dialog[open], .frame img", state="visible")
    page.keyboard.press("Escape")
    page.wait_for_selector(".frame img", state="visible")
    check_links()
    page.click("[data-part=admin]")
    page.wait_for_url(below.address + "/admin/")
    page.wait_for_selector(".console-tables td")
    page.get_by_role("link", name="Log", exact=True).click()
    page.wait_for_url(below.address + "/admin/log*")
    check_links()
    page.goto(below.address + "/study/shown/")
    page.wait_for_selector(".frame img", state="visible")
    page.click("[data-part=propose]")
    page.wait_for_selector("[data-part=main]", state="visible")
    check_links()
    page.click("[data-part=admin]")
    page.wait_for_selector(".console-tables td")
    page.click("form[action$=logout] button")
    page.wait_for_url(below.address + "/login")
    outside = [url for url in asked if url.startswith("http") and not url.startswith(below.address + "/")]
    assert outside == []
    context.close()

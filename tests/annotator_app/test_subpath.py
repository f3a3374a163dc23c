"""Below a path of a larger site: every page and link, where a proxy takes the prefix off or hands it on."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from nami_bench.config import AnnotateConfig
from nami_bench.domain import Annotator, Role

PREFIX = "/lab/nami"


def stripping(app: ASGIApp) -> ASGIApp:
    """A proxy that takes the prefix off; whatever is not below it is another program's."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, raw = scope["path"], scope["raw_path"]
            if not path.startswith(PREFIX + "/"):
                path = "/left-the-prefix"
            scope = {**scope, "path": path.removeprefix(PREFIX), "raw_path": raw}
        await app(scope, receive, send)

    return proxy


def mounted(app: ASGIApp) -> ASGIApp:
    return Starlette(routes=[Mount(PREFIX, app)])


@pytest.fixture(scope="module", params=["stripping", "handing on", "mounted"])
def below(
    request: pytest.FixtureRequest, shared: Any, listening: Callable[..., Any]
) -> Iterator[tuple[str, Any]]:
    """(address with the prefix and without a slash, bench)."""
    made, _ = shared
    if "root" not in {one.name for one in made.store.accounts.all()}:
        made.tokens["root"] = made.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    ways: dict[str, dict[str, Any]] = {
        "stripping": {"around": stripping},
        "handing on": {"settings": AnnotateConfig(root_path=PREFIX)},
        "mounted": {"around": mounted},
    }
    if "second" not in {one.name for one in made.store.studies.all()}:
        made.store.studies.add(replace(made.study, name="second"))
    with listening(made, all_studies=True, **ways[request.param]) as address:
        yield address + PREFIX, made


@pytest.fixture
def administrator(below: tuple[str, Any]) -> Iterator[httpx.Client]:
    address, made = below
    with httpx.Client(timeout=30) as client:
        answer = client.post(f"{address}/login", data={"name": "root", "token": made.tokens["root"]})
        assert (answer.status_code, urljoin(f"{address}/login", answer.headers["location"])) == (
            303,
            f"{address}/admin/",
        )
        for study in ("trial", "second"):
            assert client.post(f"{address}/study/{study}/join", json={}).status_code == 200
        yield client


def links(page: httpx.Response) -> set[str]:
    """All that a page leads to or loads."""
    text = page.text
    base = urljoin(str(page.url), next(iter(re.findall(r'<base href="([^"]*)"', text)), ""))
    found = re.findall(r'<(?:a|link|form|script|img)\b[^>]*\s(?:href|action|src)="([^"]*)"', text)
    return {urljoin(base, link) for link in found}


@pytest.mark.slow
def test_no_link_form_or_redirect_leaves_the_prefix(
    below: tuple[str, Any], administrator: httpx.Client
) -> None:
    address, _ = below
    waiting = {f"{address}{path}" for path in ("/", "/login", "/propose", "/admin/")}
    waiting |= {f"{address}{path}" for path in ("/admin", "/propose/", "/login/")}
    waiting |= {f"{address}/study/{path}" for path in ("trial/", "second", "gone/")}
    seen: set[str] = set()
    while waiting:
        url = waiting.pop()
        seen.add(url)
        assert url.startswith(f"{address}/"), url
        if urlsplit(url).path.endswith("/logout"):
            continue
        answer = administrator.get(url)
        if answer.is_redirect:
            waiting |= {urljoin(url, answer.headers["location"])} - seen
            continue
        assert answer.status_code == (404 if "/gone/" in url else 200), url
        assert answer.headers["content-type"] != "text/html; charset=utf-8" or "http://127" not in answer.text
        if "html" in answer.headers["content-type"]:
            waiting |= links(answer) - seen
    for path in ("/", "/admin/", "/app/rate.js", "/app/start.js", "/propose", "/study/second/"):
        assert f"{address}{path}" in seen


@pytest.mark.parametrize("path", ["/", "/admin", "/admin/", "/propose", "/propose/", "/study/x", "/study/x/"])
def test_strangers_are_led_to_the_log_in_below_the_prefix(below: tuple[str, Any], path: str) -> None:
    address, _ = below
    with httpx.Client(follow_redirects=True, timeout=30) as stranger:
        assert str(stranger.get(f"{address}{path}").url).partition("?")[0] == f"{address}/login"


def test_the_prefix_alone_leads_to_the_page(below: tuple[str, Any], administrator: httpx.Client) -> None:
    address, _ = below
    answer = administrator.get(address, follow_redirects=True)
    # A proxy that takes the prefix off sees to its slash itself.
    assert str(answer.url) == f"{address}/" or answer.status_code == 404


def test_the_cookie_stays_below_a_prefix_that_is_known(
    below: tuple[str, Any], administrator: httpx.Client
) -> None:
    paths = {cookie.path for cookie in administrator.cookies.jar}
    assert paths in ({PREFIX}, {"/"})  # a prefix that was taken off is not known
    address, _ = below
    assert administrator.get(f"{address}/session").status_code == 200
    left = administrator.post(f"{address}/logout")
    assert urljoin(f"{address}/logout", left.headers["location"]) == f"{address}/login"
    assert not administrator.cookies.jar

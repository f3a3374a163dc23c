"""The gate: who reaches what, over HTTP. The threats are listed in docs/security.md."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from nami_bench.annotator_app.access import COOKIE, MAX_BODY, REMEMBERED_SECONDS
from nami_bench.annotator_app.app import build_app
from nami_bench.annotator_app.console.mounting import LazyConsole
from nami_bench.annotator_app.console.pages import PAGES
from nami_bench.annotator_app.levels import Guarded, check_levels
from nami_bench.annotator_app.terms import read_terms
from nami_bench.domain import Annotator, Role
from nami_bench.store.logins import GUESSES_PER_ADDRESS, GUESSES_PER_NAME

ADMIN_ROUTES = (
    "/admin",
    "/admin/",
    "/admin/log",
    "/admin/log?study=trial",
    "/admin/file/ratings.csv?study=trial",
    "/admin/picture/1",
    "/admin/picture/1/small",
    "/admin/theme.css",
    "/admin/assets/index.js",
    "/admin/gradio_api/queue/data?session_hash=x",
    "/admin/gradio_api/heartbeat/x",
    "/admin/nothing",
)
OPEN_OF_GRADIO = {
    ("GET", "/admin/theme.css"),
    ("GET", "/admin/assets/{path:path}"),
    ("GET", "/admin/static/{path:path}"),
    ("GET", "/admin/gradio_api/heartbeat/{session_hash}"),
    ("GET", "/admin/gradio_api/queue/data"),
    ("POST", "/admin/gradio_api/queue/join"),
}
GRADIO_PATHS = (
    "/gradio_api/info",
    "/gradio_api/openapi.json",
    "/gradio_api/queue/status",
    "/gradio_api/file=nami.toml",
    "/gradio_api/file/nami.toml",
    "/gradio_api/proxy=http://127.0.0.1/",
    "/gradio_api/stream/a/b/c/playlist.m3u8",
    "/gradio_api/upload_progress?upload_id=1",
    "/gradio_api/app_id",
    "/gradio_api/dev/reload",
    "/gradio_api/vibe-code",
    "/gradio_api/mcp/sse",
    "/file=nami.db",
    "/config",
    "/config/",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/monitoring",
    "/monitoring/summary",
    "/svelte/x.js",
    "/robots.txt",
    "/manifest.json",
    "/pwa_icon",
    "/logout",
    "/custom_component/a/b/c/d.js",
)
GRADIO_POSTS = (
    "/gradio_api/upload",
    "/gradio_api/run/predict",
    "/gradio_api/api/predict",
    "/gradio_api/call/predict",
    "/gradio_api/component_server",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/vibe-edit",
    "/gradio_api/process_recording",
    "/login/",
)


@pytest.fixture(scope="module")
def door(shared: tuple[Any, httpx.Client]) -> Iterator[tuple[httpx.Client, httpx.Client, httpx.Client]]:
    """A stranger, an annotator and an administrator, at the same server."""
    made, annotator = shared
    token = made.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    with (
        httpx.Client(base_url=annotator.base_url, timeout=30) as stranger,
        httpx.Client(base_url=annotator.base_url, timeout=30) as administrator,
    ):
        assert administrator.post("/login", data={"name": "root", "token": token}).status_code == 303
        yield stranger, annotator, administrator


def _send(client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    # httpx would tidy the dots away: send the path as it is.
    path, _, query = path.partition("?")
    raw = path.encode() + (b"?" + query.encode() if query else b"")
    return client.request(method, client.base_url.copy_with(raw_path=raw), **more)


def test_strangers_reach_the_login_page_and_the_programs_files_alone(
    door: tuple[httpx.Client, ...],
) -> None:
    stranger, _, _ = door
    for path in ("/login", "/favicon.ico", "/app/login.css"):
        assert stranger.get(path).status_code == 200
    for path in ("/", "/propose", "/admin"):
        assert (stranger.get(path).status_code, stranger.get(path).headers["location"]) == (303, "login")
    for method, path in (
        ("GET", "/session"),
        ("GET", "/item/now/before"),
        ("GET", "/image/abc"),
        ("POST", "/item/abc"),
        ("GET", "/admin/file/ratings.csv"),
        ("GET", "/admin/picture/1"),
        ("GET", "/admin/gradio_api/queue/data"),
        ("POST", "/admin/gradio_api/queue/join"),
        ("POST", "/study/trial/join"),
        ("GET", "/submissions"),
        ("POST", "/submissions"),
        ("POST", "/submissions/check"),
        ("GET", "/admin/assets/index.js"),
    ):
        answer = stranger.request(method, path, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), path


def test_annotators_do_not_reach_administration(door: tuple[httpx.Client, ...]) -> None:
    _, annotator, _ = door
    for path in ADMIN_ROUTES:
        answer = annotator.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    for path in ("/admin/", "/admin/gradio_api/queue/join", "/admin/gradio_api/upload", "/admin/nothing"):
        assert annotator.post(path, json={"fn_index": 0, "data": []}).status_code == 403


@pytest.mark.slow
def test_nothing_of_gradios_api_is_there_for_anybody(door: tuple[httpx.Client, ...]) -> None:
    for client in door:
        for path in (*GRADIO_PATHS, "/gradio_api/queue/data", "/gradio_api/heartbeat/x"):
            assert _send(client, "GET", path).status_code == 404, path
        for path in (*GRADIO_POSTS, "/gradio_api/queue/join"):
            assert _send(client, "POST", path, json={}).status_code == 404, path


@pytest.mark.slow
def test_of_gradios_api_owners_reach_what_the_console_needs(door: tuple[httpx.Client, ...]) -> None:
    _, _, administrator = door
    for path in GRADIO_PATHS:
        assert _send(administrator, "GET", f"/admin{path}").status_code == 404, path
    for path in GRADIO_POSTS:
        assert _send(administrator, "POST", f"/admin{path}", json={}).status_code == 404, path


def test_every_route_of_the_application_has_a_level(shared: tuple[Any, httpx.Client]) -> None:
    bench, _ = shared

    async def in_a_loop() -> Any:  # outside of one, Gradio makes loops of its own and never closes them
        return _app(bench)

    app = asyncio.run(in_a_loop())
    check_levels(app)
    app.get("/forgotten")(lambda: "")
    app.mount("/files", FastAPI())
    with pytest.raises(RuntimeError, match="/files, /forgotten"):
        check_levels(app)


def test_every_route_of_our_own_is_closed_to_whom_it_is_not_for(
    shared: tuple[Any, httpx.Client], door: tuple[httpx.Client, ...]
) -> None:
    found = asyncio.run(_routes(shared[0], of_gradio=False))
    assert {("GET", "/propose"), ("POST", "/submissions"), ("POST", "/study/{study}/join")} <= found
    reached = _reached(found, door)
    open_to_all = {path for _, path in reached["stranger"]}
    ways = {"/login/", "/propose/", "/study/{study}"}  # to another spelling of an address
    asked = ("door", "agree", "return", "answers", "leave", "withdraw")  # who is asked in the handler
    doors = {"/join/{study}", "/join/link/{token}"} | {f"/join/{{study}}/{what}" for what in asked}
    alone = {"/login", "/logout", "/healthz", "/healthz/live", "/favicon.ico"}
    assert open_to_all <= ways | doors | alone
    assert not {path for _, path in reached["annotator"] if path.startswith("/admin")}


@pytest.mark.slow
def test_every_route_of_gradios_is_closed_to_whom_it_is_not_for(
    shared: tuple[Any, httpx.Client], door: tuple[httpx.Client, ...]
) -> None:
    """A route that a new Gradio brings along is closed until somebody lets it through."""
    found = asyncio.run(_routes(shared[0], of_gradio=True))
    assert len(found) > 60
    assert ("POST", "/admin/gradio_api/upload") in found
    assert found >= OPEN_OF_GRADIO
    reached = _reached(found, door)
    assert not {path for _, path in (*reached["stranger"], *reached["annotator"]) if "/admin" in path}
    pages = {("GET", f"/admin/{page.path}") for page in PAGES} | {("HEAD", "/admin/")}
    brought = {one for one in reached["administrator"] if one[1].startswith("/admin/")}
    files = {("GET", "/admin/file/{name}"), ("GET", "/admin/item/{item}/{side}/marks/{kind}")}
    ours = files | {
        ("GET", f"/admin/{picture}{size}")
        for picture in ("picture/{image}", "item/{item}/{side}")
        for size in ("", "/small")
    }
    assert brought - ours - pages <= OPEN_OF_GRADIO


async def _routes(bench: Any, *, of_gradio: bool) -> set[tuple[str, str]]:
    """(method, path) of the application's routes, with those that Gradio brings along or without."""
    app = _app(bench)
    if not of_gradio:
        return {*_walk(app.routes)}
    async with app.router.lifespan_context(app):
        (console,) = (
            mount.app.app
            for mount in app.routes
            if isinstance(mount, Mount)
            and isinstance(mount.app, Guarded)
            and isinstance(mount.app.app, LazyConsole)
        )
        gradio = await console.load()
        return {*_walk(app.routes), *_walk(gradio.routes, "/admin")}


def _reached(found: set[tuple[str, str]], door: tuple[httpx.Client, ...]) -> dict[str, set[tuple[str, str]]]:
    """Which of the routes each of three people is not sent away from."""
    refused = (401, 403, 404, 411)
    reached: dict[str, set[tuple[str, str]]] = {"stranger": set(), "annotator": set(), "administrator": set()}
    for method, path in sorted(found):
        filled = re.sub(r"{[^}]*}", "x", path)
        if method in ("GET", "HEAD", "POST") and "queue/data" not in path and "heartbeat" not in path:
            for name, client in zip(reached, door, strict=True):
                answer = _send(client, method, filled)
                to_login = answer.status_code == 303 and "login" in answer.headers["location"]
                if answer.status_code not in refused and not to_login:
                    reached[name].add((method, path))
    return reached


def _app(bench: Any) -> Any:
    return build_app(bench.store, bench.images_dir, bench.study, read_terms(bench.workspace))


def _walk(routes: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        path = prefix + getattr(route, "path", "")
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from _walk(router.routes, path + route.include_context.prefix)
        elif getattr(route, "methods", None):
            yield from ((method, path) for method in route.methods)
        else:
            yield from _walk(getattr(route, "routes", None) or [], path)


@pytest.mark.parametrize(
    "path",
    [
        "/app/../app.py",
        "/app/%2e%2e/app.py",
        "/app/..%2fapp.py",
        "/app//etc/passwd",
        "/admin/assets/../../../routes.py",
        "/image/../../nami.db",
        "/item/../nami.db",
        "/nami.db",
        "/nami.toml",
        "/images/zebrafish-xl",
    ],
)
def test_no_path_leads_out(door: tuple[httpx.Client, ...], path: str) -> None:
    for client in door:
        assert _send(client, "GET", path).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_other_method_is_known(door: tuple[httpx.Client, ...], method: str) -> None:
    for client in door:
        assert client.request(method, "/session").status_code == 404


def test_what_changes_something_must_come_from_our_own_page(door: tuple[httpx.Client, ...]) -> None:
    _, annotator, administrator = door
    own = str(annotator.base_url).rstrip("/")
    for headers, allowed in (
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": own}, False),
        ({"Origin": own}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": own.replace("127.0.0.1", "127.0.0.1.evil.example")}, False),
        ({"Origin": "null"}, False),
    ):
        for client, path in (
            (annotator, "/item/x"),
            (annotator, "/login"),
            (annotator, "/submissions"),
            (annotator, "/submissions/check"),
            (administrator, "/admin/gradio_api/queue/join"),
            (administrator, "/study/trial/join"),
        ):
            answer = client.post(path, json={}, headers=headers)
            refused = answer.status_code == 403 and answer.json()["code"] == "cross_site"
            assert refused is not allowed, (headers, path)


def test_requests_of_any_size_are_not_read(door: tuple[httpx.Client, ...]) -> None:
    _, annotator, _ = door
    for path in ("/item/x", "/login", "/submissions", "/submissions/check"):
        assert annotator.post(path, content=b"x" * (MAX_BODY + 1)).status_code == 413
        unknown = annotator.post(path, content=iter([b"x"] * 10))  # chunked
        assert (unknown.status_code, unknown.json()["code"]) == (411, "malformed")


def test_every_answer_carries_the_headers(door: tuple[httpx.Client, ...]) -> None:
    stranger, annotator, administrator = door
    answers = [
        stranger.get("/login"),
        stranger.get("/nothing"),
        stranger.get("/session"),
        stranger.get("/app/login.css"),
        annotator.get("/"),
        annotator.get("/session"),
        annotator.get("/propose"),
        annotator.get("/submissions"),
        annotator.post("/item/x", json={}),
        annotator.get("/admin"),
        administrator.get("/admin"),
    ]
    for answer in answers:
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
        if "/app/" not in str(answer.url):
            assert headers["cache-control"] == "private, no-store"
    for answer in answers[:9]:
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "script-src 'self';" in answer.headers["content-security-policy"]


def test_the_cookie_is_for_the_browser_alone(bench: Any, address: str) -> None:
    with httpx.Client(base_url=address) as client:
        plain = client.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        cookie = plain.headers["set-cookie"]
        name = rf"{COOKIE}-[0-9a-f]{{12}}-trial-\d+"
        assert re.fullmatch(rf"{name}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=lax", cookie)
        assert bench.tokens["ada"] not in cookie
        again = client.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        assert again.headers["set-cookie"] != cookie  # nobody can plant a session that a log-in then uses


def test_logging_out_ends_the_session_for_whoever_kept_the_cookie(bench: Any, address: str) -> None:
    with httpx.Client(base_url=address) as client:
        client.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        kept = {"Cookie": "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)}
        assert client.get("/session").status_code == 200
        assert client.post("/logout").status_code == 303
        assert client.get("/session").status_code == 401
        assert client.get("/session", headers=kept).status_code == 401
    assert bench.count("login_session") == 0


@pytest.mark.parametrize("how", ["disable", "reset"])
def test_a_disabled_or_reset_account_is_out_within_seconds(bench: Any, address: str, how: str) -> None:
    with httpx.Client(base_url=address) as client:
        client.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        assert client.get("/session").status_code == 200
        if how == "disable":
            bench.store.accounts.set_active("ada", False)
        else:
            bench.store.logins.reset_token("ada")
        deadline = time.monotonic() + REMEMBERED_SECONDS + 1
        while client.get("/session").status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        again = client.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        assert again.status_code == 401
        assert "disabled" in again.text


def test_guessing_is_limited_over_http(bench: Any, address: str) -> None:
    with httpx.Client(base_url=address) as client:
        for _ in range(GUESSES_PER_NAME):
            answer = client.post("/login", data={"name": "ada", "token": "guess"})
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
        limited = client.post("/login", data={"name": "ada", "token": "guess"})
        assert limited.status_code == 429
        assert "wait 15 minutes" in limited.text
        # A forged address is not believed from whom no proxy is known to be: see test_workers.
        assert bench.count("login_attempt") == 2 * GUESSES_PER_NAME < 2 * GUESSES_PER_ADDRESS


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": "ada"},
        {"token": "x"},
        {"name": "ada\0", "token": "x"},
        {"name": "<script>alert(1)</script>", "token": "x"},
        {"name": "ada' OR '1'='1", "token": "' OR '1'='1"},
        {"name": "x" * 10_000, "token": "y" * 10_000},
    ],
)
def test_a_nonsensical_login_is_refused_in_words(
    shared: tuple[Any, httpx.Client], form: dict[str, str]
) -> None:
    _, annotator = shared
    with httpx.Client(base_url=annotator.base_url) as client:
        answer = client.post("/login", data=form)
        assert answer.status_code in (401, 429)
        assert "<script>alert" not in answer.text
        assert client.post("/login", json=form).status_code in (401, 422, 429)


def test_forged_cookies_are_strangers(shared: tuple[Any, httpx.Client]) -> None:
    bench, annotator = shared
    token = bench.tokens["ada"]
    with httpx.Client(base_url=annotator.base_url) as client:
        for forged in ("", "x", "x" * 43, "x" * 20_000, token, f"ada:{token}", "ada", '"', "=;=", "\\0"):
            assert client.get("/session", headers={"Cookie": f"{COOKIE}={forged}"}).status_code == 401


def test_an_annotator_sees_and_changes_only_their_own(bench: Any, address: str) -> None:
    with httpx.Client(base_url=address) as ada, httpx.Client(base_url=address) as bob:
        states = {}
        for name, client in (("ada", ada), ("bob", bob)):
            client.post("/login", data={"name": name, "token": bench.tokens[name]})
            states[name] = client.get("/session").json()
        assert states["ada"]["annotator"] == "ada"
        item = states["ada"]["items"][0]
        assert item["token"] not in {other["token"] for other in states["bob"]["items"]}
        assert ada.get("/" + item["images"][0]).status_code == 200
        assert bob.get("/" + item["images"][0]).status_code in (404, 410)
        body = {"client_token": "c", "values": {"relevance": 1, "realism": 1}, "duration_ms": 1}
        assert bob.post(f"/item/{item['token']}", json=body).json()["code"] == "not_yours"
        assert bob.get(f"/item/{item['token']}/before").status_code in (200, 404)
        assert bob.get(f"/item/{item['token']}/before").json().get("item") is None
    assert bench.count("rating") == 0

"""The gate before everything the server offers: what is wanted of every request, whatever it asks for.

Who may reach which route stands at the routes (`levels`). docs/security.md says which threat each rule
answers.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nami_bench.annotator_app.levels import Level, refusal
from nami_bench.annotator_app.origin import Hosts, is_from_our_page, unknown_host
from nami_bench.annotator_app.subpath import cookie_path, path_below, with_slash
from nami_bench.domain import Annotator

COOKIE = "nami-session"
"""The cookie of a log-in, without what `LoginCookie` adds; older versions had no more than this."""

MAX_BODY = 64 * 1024
"""Bytes of a request; a rating with a long comment takes about 2 KiB."""

MAX_OWNERS_BODY = 1024 * 1024
"""Bytes of a request to the console: a list of people that was pasted, a study's texts."""

REMEMBERED_SECONDS = 2.0
"""For so long a session is not looked up again: a disabled annotator is out within this time."""

_CSP = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Gradio's page has inline scripts and styles, and compiles its components' own.
_GRADIO_CSP = _CSP | {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "font-src": "'self' data:",
    "base-uri": "'self'",
}
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
]
_OURS = {name for name, _ in _HEADERS} | {b"content-security-policy", b"cache-control", b"server"}
_NOT_OURS = b"access-control-"
"""Gradio invites any other origin to read its answers; nothing here is for another one's scripts."""

_HEALTH = ("/healthz", "/healthz/live")
"""Asked by whatever name a container's or a proxy's settings have for us."""

Find = Callable[[str], Annotator | None]


@dataclass(frozen=True, slots=True)
class LoginCookie:
    """The cookie that holds a log-in, by a name of its own for each server that a browser knows on one host.

    `place` tells servers apart whose paths differ. Their ports do not count for cookies, so the name holds
    the port by which the browser addresses us.
    """

    place: str

    def name(self, headers: Headers) -> str:
        """What a browser calls it that sends these headers."""
        port = re.search(r":(\d{1,5})$", headers.get("host", ""))
        return f"{COOKIE}-{self.place}" + (f"-{port[1]}" if port else "")

    def hand_over(self, response: Response, request: Request, session: str, lasts: int | None = None) -> None:
        """Give a browser its log-in: gone when it is closed, or after `lasts` seconds.

        Scripts cannot read it, other sites' requests do not carry it.
        """
        response.set_cookie(
            self.name(request.headers),
            session,
            max_age=lasts,
            httponly=True,
            samesite="lax",
            path=cookie_path(request.scope),
            secure=request.url.scheme == "https",
        )

    def read(self, headers: Headers) -> str:
        """What a request's cookie holds, or nothing; who logged in before an update has the older one."""
        pairs = (cookie.strip().partition("=") for cookie in headers.get("cookie", "").split(";"))
        given = {name: value for name, _, value in reversed([*pairs])}
        return given.get(self.name(headers)) or given.get(COOKIE, "")


class Gate:
    """ASGI middleware before all routes: hosts, other sites' requests, sizes, headers, and whose session it
    is.

    What a request may reach is decided by the level of its route (`levels`), to which `state.find_account` is
    handed. `find(identifier)` gives the active account whose session that is, or None.
    """

    def __init__(self, app: ASGIApp, find: Find, hosts: Hosts, cookie: LoginCookie) -> None:
        self._app = app
        self._cookie = cookie
        self._sessions = _Sessions(find)
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            path, headers = path_below(scope), Headers(scope=scope)
            state = scope.setdefault("state", {})
            identifier = self._cookie.read(headers)
            state["path"] = path
            state["find_account"] = partial(self._sessions.annotator, identifier)
            if path == "/logout":
                self._sessions.forget(identifier)
            answer = self._refusal(scope, path, headers) or self._app
            await answer(scope, receive, _with_headers(path, state, send))

    def _refusal(self, scope: Scope, path: str, headers: Headers) -> Response | None:
        """Why a request is not looked at any further, whoever sent it; None: it may be."""
        if path not in _HEALTH and not self._hosts.know(headers.get("host", "")):
            return refusal(421, "unknown_host", unknown_host(headers.get("host", "")))
        if not path:
            return RedirectResponse(with_slash(scope), 307)
        if scope["method"] == "POST":
            return _refuse_post(headers, MAX_OWNERS_BODY if is_owners(path) else MAX_BODY)
        return None


class _Sessions:
    """Look-ups of sessions, each remembered for a moment; strangers are never remembered."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._known: dict[str, tuple[float, Annotator]] = {}

    async def annotator(self, identifier: str) -> Annotator | None:
        """The account; raises what the database raises."""
        if not identifier:
            return None
        now = time.monotonic()
        until, known = self._known.get(identifier, (0.0, None))
        if now < until:
            return known
        found = await run_in_threadpool(self._find, identifier)
        self.forget(identifier)
        if found is not None:
            if len(self._known) > 1000:
                self._known = {key: value for key, value in self._known.items() if now < value[0]}
            self._known[identifier] = (now + REMEMBERED_SECONDS, found)
        return found

    def forget(self, identifier: str) -> None:
        self._known.pop(identifier, None)


def is_owners(path: str) -> bool:
    """Whether a path belongs to the console, which Gradio draws."""
    return path == "/admin" or path.startswith("/admin/")


def _refuse_post(headers: Headers, most: int) -> Response | None:
    """A refusal of what changes something, where it does not come from our own page or is too long."""
    if not is_from_our_page(headers):
        return refusal(403, "cross_site", "another site sent this request")
    length = headers.get("content-length", "")
    if not length.isdecimal() or "transfer-encoding" in headers:
        return refusal(411, "malformed", "the request does not say how long it is")
    if int(length[:20]) > most:
        return refusal(413, "too_large", f"the request is longer than {most} bytes")
    return None


def _policy(csp: dict[str, str]) -> bytes:
    return "; ".join(f"{name} {value}" for name, value in csp.items()).encode()


_OWN_HEADERS = [*_HEADERS, (b"content-security-policy", _policy(_CSP))]
_GRADIO_HEADERS = [*_HEADERS, (b"content-security-policy", _policy(_GRADIO_CSP))]


def _with_headers(path: str, state: dict[str, Any], send: Send) -> Send:
    added = _GRADIO_HEADERS if is_owners(path) else _OWN_HEADERS

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message["headers"]
            message["headers"] = [
                *((name, value) for name, value in given if _is_kept(name.lower())),
                *added,
                (b"cache-control", _cache_control(path, state.get("level"), given)),
            ]
        await send(message)

    return send_with_headers


def _is_kept(name: bytes) -> bool:
    return name not in _OURS and not name.startswith(_NOT_OURS)


def _cache_control(path: str, level: Level | None, given: list[tuple[bytes, bytes]]) -> bytes:
    """Data is kept nowhere, unless its route lets the one browser keep it; files are asked for again."""
    if path.startswith(("/admin/assets/", "/admin/static/")):
        return b"private, max-age=604800"  # Gradio names them by their content
    if level is Level.PUBLIC and path not in ("/login", *_HEALTH):
        return b"no-cache"
    chosen = next((value for name, value in given if name == b"cache-control"), b"")
    return chosen if chosen.startswith(b"private") else b"private, no-store"

"""Who may reach what: the gate before everything the server offers.

Gradio brings many routes (uploads, files, event calls, code generation, API pages); the app needs a
handful. What is not listed here does not exist, and all but the log-in page and the program's own
files needs an annotator. docs/security.md says which threat each rule answers.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nami_bench.annotator_app.faults import unavailable
from nami_bench.annotator_app.origin import Hosts, is_from_our_page, is_opened, unknown_host
from nami_bench.annotator_app.subpath import cookie_path, path_below, with_slash, without_slash
from nami_bench.domain import Annotator, Role
from nami_bench.errors import NamiBenchError

COOKIE = "nami-session"
"""The cookie of a log-in, without what `LoginCookie` adds; older versions had no more than this."""

MAX_BODY = 64 * 1024
"""Bytes of a request; a rating with a long comment takes about 2 KiB."""

REMEMBERED_SECONDS = 2.0
"""For so long a session is not looked up again: a disabled annotator is out within this time."""

_FILE = r"(?!.*\.\.)[\w./-]+"
_WORK = r"(?:/study/[^/]+)?"
_ROUTES = re.compile(
    rf"(?P<public>(GET|HEAD) /(login/?|favicon\.ico|healthz(/live)?|app/{_FILE})"
    r"|POST /(login|logout)"
    r"|(GET|HEAD) /join/[^/]+|(GET|HEAD) /join/link/[\w-]+"
    r"|POST /join/[^/]+/(door|agree|return|answers|leave|withdraw))"
    r"|(?P<annotator>(GET|HEAD) (/?|/study/[^/]+/?)|GET /studies"
    rf"|GET {_WORK}/(session|item/[\w-]+/before|image/[\w.-]+|leaderboard)"
    rf"|POST {_WORK}/item/[\w-]+)"
    r"|(?P<proposer>(GET|HEAD) /propose/?|GET /submissions|POST /submissions(/check)?)"
    r"|(?P<administrator>(GET|HEAD) /admin/?"
    r"|GET /admin/(overview|ratings\.csv|leaderboard|theme\.css|submissions)"
    rf"|GET /admin/(assets|static)/{_FILE}|POST /admin/(pause|resume|annotators)"
    r"|POST /admin/submissions/(accept|refuse))"
)

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

_STUDY = re.compile(r"/study/[^/]+")
_WITH_SLASH = re.compile(r"/admin")
_WITHOUT_SLASH = re.compile(r"/(login|propose)/")
"""Pages whose relative links hold at one of their two spellings; the other leads there."""

_NO_SESSION = re.compile(r"/|/(propose|admin)/?")
"""Pages from which somebody who is not logged in is led to do so."""

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
    """ASGI middleware: lets listed requests through, with `request.state.annotator` (name) and `.role`.

    `find(identifier)` gives the active annotator whose session that is, or None. `proposers` says who may
    propose prompts: nobody, annotators, or everybody; for somebody without an account, annotator and role
    are None.
    """

    def __init__(self, app: ASGIApp, find: Find, proposers: str, hosts: Hosts, cookie: LoginCookie) -> None:
        self._app = app
        self._cookie = cookie
        self._sessions = _Sessions(find)
        self._proposers = proposers
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            path = path_below(scope)
            route = _ROUTES.fullmatch(f"{scope['method']} {path}")
            level = None if route is None else route.lastgroup
            if level == "proposer" and self._proposers == "nobody":
                level = None
            headers = Headers(scope=scope)
            refused = self._refusal(scope["method"], path, level, headers)
            answer = refused or await self._admit(scope, path, level, headers)
            await answer(scope, receive, _with_headers(path, level, send))

    def _refusal(self, method: str, path: str, level: str | None, headers: Headers) -> Response | None:
        """Why a request is not looked at any further, whoever sent it; None: it may be."""
        if path not in _HEALTH and not self._hosts.know(headers.get("host", "")):
            return _refusal(421, "unknown_host", unknown_host(headers.get("host", "")))
        if level is None:
            return _refusal(404, "not_found", "there is nothing here")
        if method == "POST":
            return _refuse_post(headers)
        if level != "public" and not is_from_our_page(headers) and not is_opened(headers):
            return _refusal(403, "cross_site", "another site sent this request")
        return None

    async def _admit(self, scope: Scope, path: str, level: str | None, headers: Headers) -> ASGIApp:
        """What answers a request: the application, or a refusal."""
        if not path or _STUDY.fullmatch(path):
            return RedirectResponse(with_slash(scope), 307)
        identifier = self._cookie.read(headers)
        if level == "public":
            if path == "/logout":
                self._sessions.forget(identifier)
            return _moved(scope, path) or self._app
        try:
            annotator = identifier and await self._sessions.annotator(identifier)
        except NamiBenchError as error:
            return unavailable(error)
        state = scope.setdefault("state", {})
        if not annotator and level == "proposer" and self._proposers == "everybody":
            state["annotator"] = state["role"] = None
            return _moved(scope, path) or self._app
        if not annotator:
            if path.endswith("/") and _STUDY.fullmatch(path[:-1]):
                return RedirectResponse(f"../../login?to={quote(path[1:], safe='')}", 303)
            if _NO_SESSION.fullmatch(path):
                return RedirectResponse("../login" if path[1:].endswith("/") else "login", 303)
            return _refusal(401, "not_signed_in", "log in first")
        if annotator.role is Role.PARTICIPANT:
            home = f"/study/{annotator.only_study}/"
            if path == "/" and annotator.only_study:
                return RedirectResponse(f"study/{quote(annotator.only_study, safe='')}/", 303)
            if not path.startswith(home) or path == f"{home}leaderboard":
                return _refusal(403, "forbidden", "this is not for participants of a study")
        if level == "administrator" and annotator.role is not Role.ADMINISTRATOR:
            return _refusal(403, "forbidden", "this is for administrators")
        state["annotator"], state["role"] = annotator.name, annotator.role.value
        return _moved(scope, path) or self._app


class _Sessions:
    """Look-ups of sessions, each remembered for a moment; strangers are never remembered."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._known: dict[str, tuple[float, Annotator]] = {}

    async def annotator(self, identifier: str) -> Annotator | None:
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


def _refuse_post(headers: Headers) -> Response | None:
    """A refusal of what changes something, where it does not come from our own page or is too long."""
    if not is_from_our_page(headers):
        return _refusal(403, "cross_site", "another site sent this request")
    length = headers.get("content-length", "")
    if not length.isdecimal() or "transfer-encoding" in headers:
        return _refusal(411, "malformed", "the request does not say how long it is")
    if int(length[:20]) > MAX_BODY:
        return _refusal(413, "too_large", f"the request is longer than {MAX_BODY} bytes")
    return None


def _moved(scope: Scope, path: str) -> Response | None:
    """The way to the spelling of a page's address at which its relative links hold."""
    if _WITH_SLASH.fullmatch(path):
        return RedirectResponse(with_slash(scope), 307)
    if _WITHOUT_SLASH.fullmatch(path):
        return RedirectResponse(without_slash(scope), 307)
    return None


def _refusal(status: int, code: str, sentence: str) -> Response:
    return Response(json.dumps({"error": sentence, "code": code}), status, media_type="application/json")


def _policy(csp: dict[str, str]) -> bytes:
    return "; ".join(f"{name} {value}" for name, value in csp.items()).encode()


_OWN_HEADERS = [*_HEADERS, (b"content-security-policy", _policy(_CSP))]
_GRADIO_HEADERS = [*_HEADERS, (b"content-security-policy", _policy(_GRADIO_CSP))]


def _with_headers(path: str, level: str | None, send: Send) -> Send:
    added = _GRADIO_HEADERS if path.startswith("/admin") else _OWN_HEADERS

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message["headers"]
            message["headers"] = [
                *((name, value) for name, value in given if _is_kept(name.lower())),
                *added,
                (b"cache-control", _cache_control(path, level, given)),
            ]
        await send(message)

    return send_with_headers


def _is_kept(name: bytes) -> bool:
    return name not in _OURS and not name.startswith(_NOT_OURS)


def _cache_control(path: str, level: str | None, given: list[tuple[bytes, bytes]]) -> bytes:
    """Data is kept nowhere, unless its route lets the one browser keep it; files are asked for again."""
    if path.startswith(("/admin/assets/", "/admin/static/")):
        return b"private, max-age=604800"  # Gradio names them by their content
    if level == "public" and path not in ("/login", *_HEALTH):
        return b"no-cache"
    chosen = next((value for name, value in given if name == b"cache-control"), b"")
    return chosen if chosen.startswith(b"private") else b"private, no-store"

"""Who may reach what: the gate before everything the server offers.

Gradio brings many routes (uploads, files, event calls, code generation, API pages); the rating
screen needs a handful. What is not listed here does not exist, and all but the log-in page and
the program's own files needs an annotator.
"""

import re
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nami_bench.domain import Annotator

COOKIE = "nami-annotator"

_PUBLIC = re.compile(
    r"(GET|HEAD) /(assets/.*|static/.*|app/[a-z0-9./_-]+|theme\.css|favicon\.ico|login)|POST /login"
)
_SIGNED_IN = re.compile(
    r"(GET|HEAD) /|GET /session|GET /item/[\w-]+/before|GET /image/[\w.-]+|POST /item/[\w-]+|POST /logout"
)
_LASTING = re.compile(r"/(assets|static)/.*")  # Gradio's files, named by their content

# Scripts: Gradio's page has inline ones and compiles the component's own.
_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """ASGI middleware: lets listed requests through, the annotator's name in `request.state.annotator`.

    `authenticate(name, token)` gives the active annotator or None. It is asked at every request, so
    a disabled account is out at once, and log-ins survive a restart of the server.
    """

    def __init__(self, app: ASGIApp, authenticate: Callable[[str, str], Annotator | None]) -> None:
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = await self._admit(scope)
            await answer(scope, receive, _with_headers(scope["path"], send))

    async def _admit(self, scope: Scope) -> ASGIApp:
        """What answers the request: the application, or a refusal."""
        request = f"{scope['method']} {scope['path']}"
        if _PUBLIC.fullmatch(request):
            return self._app
        if not _SIGNED_IN.fullmatch(request):
            return PlainTextResponse("there is nothing here", 404)
        annotator = await run_in_threadpool(self._annotator, scope)
        if annotator is None:
            return _refusal(scope["path"])
        scope.setdefault("state", {}).update(annotator=annotator.name, role=annotator.role)
        return self._app

    def _annotator(self, scope: Scope) -> Annotator | None:
        for key, value in scope["headers"]:
            if key == b"cookie":
                try:
                    cookies = SimpleCookie(value.decode("latin-1"))
                except CookieError:
                    continue
                if COOKIE in cookies:
                    name, _, token = cookies[COOKIE].value.partition(":")
                    return self._authenticate(name, token)
        return None


def sign_in(response: Response, name: str, token: str, *, https: bool) -> None:
    """Let the browser that gets `response` act for an annotator until it is closed.

    The cookie holds the log-in itself: scripts cannot read it, other sites cannot use it.
    """
    response.set_cookie(COOKIE, f"{name}:{token}", httponly=True, samesite="strict", secure=https)


def sign_out(response: Response) -> None:
    """Make the browser that gets `response` forget the annotator."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _refusal(path: str) -> Response:
    if path == "/":
        return RedirectResponse("login", 303)
    return PlainTextResponse("log in first", 401)


def _with_headers(path: str, send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            if not _LASTING.fullmatch(path):
                headers["Cache-Control"] = "private, no-store"
        await send(message)

    return send_with_headers

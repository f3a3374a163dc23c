"""What another site may show of us in a frame: one page, which leads to a tab of our own.

The Hugging Face hub shows a Space inside a page of its own. Cookies that go into another site's frame would
go with its requests, too, and not every browser sends them; so nothing else is shown there, and nobody logs
in there.
"""

from collections.abc import Sequence

from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nami_bench.annotator_app.subpath import path_below
from nami_bench.annotator_app.views import TITLE, render

_FRAMES = ("iframe", "frame", "embed", "object", "fencedframe")


class OwnTab:
    """ASGI middleware: answers what is asked for a frame; `framed_by` are the origins that may show it."""

    def __init__(self, app: ASGIApp, framed_by: Sequence[str]) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
            "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors {' '.join(framed_by)}",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            "vary": "Sec-Fetch-Dest",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app
        if scope["type"] == "http" and Headers(scope=scope).get("sec-fetch-dest") in _FRAMES:
            up = "../" * (path_below(scope).count("/") - 1)
            answer = HTMLResponse(render("framed.html", title=TITLE, home=up), headers=self._headers)
        await answer(scope, receive, send)

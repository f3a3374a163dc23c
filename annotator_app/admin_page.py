"""The administrator's page: drawn by Gradio, with every address relative to the page's own."""

import asyncio
import importlib
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nami_bench.annotator_app.subpath import path_below
from nami_bench.annotator_app.views import render

_ADMIN_HEAD = """
<meta name="referrer" content="same-origin">
<script src="../app/theme.js"></script>
<link rel="stylesheet" href="../app/base.css">
<link rel="stylesheet" href="../app/admin.css">
"""
_START_ADMIN = 'import(new URL("../app/admin.js", document.baseURI)).then((screen) => screen.start(element));'


class AdminPage:
    """ASGI application: Gradio's, loaded and built when somebody first asks for it.

    Loading Gradio takes seconds and a hundred megabytes, which annotators' pages never need.
    """

    def __init__(self, title: str, place: str) -> None:
        self._title, self._place = title, place
        self._gradio: ASGIApp | None = None
        self._loading = asyncio.Lock()
        self._lifespan = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self.load())(scope, receive, send)

    async def load(self) -> ASGIApp:
        """Gradio's application, which answers everything below the path where this is mounted."""
        async with self._loading:
            if self._gradio is None:
                await asyncio.to_thread(importlib.import_module, "gradio")
                holder = FastAPI()
                mounted = _mount(holder, self._title, self._place)
                await self._lifespan.enter_async_context(holder.router.lifespan_context(holder))
                self._gradio = mounted.app
            return self._gradio

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """For the application that this is a part of: what was begun ends with it."""
        async with self._lifespan:
            yield


def _mount(app: FastAPI, title: str, place: str) -> Mount:
    """Mount Gradio in `app`, as it wants to be."""
    import gradio

    with gradio.Blocks(title=title, analytics_enabled=False, fill_width=True) as page:
        gradio.HTML(render("admin.html", place=place), js_on_load=_START_ADMIN, apply_default_css=False)
    gradio.mount_gradio_app(
        app,
        page,
        path="/admin",
        auth_dependency=lambda request: getattr(request.state, "annotator", None),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        show_error=False,
        # Fonts by plain name are the machine's own: nothing is fetched from elsewhere.
        theme=gradio.themes.Default(
            primary_hue="blue",
            font=["system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        ),
        head=_ADMIN_HEAD,
    )
    mounted = app.routes[-1]
    assert isinstance(mounted, Mount)
    return mounted


# The page's own address as the server sees it: wrong where a proxy has taken a part of the path off.
_ROOT = re.compile(rb'("root":\s*|const root = )"[^"]*"')
# Of a site that can be installed; it would be the host's, not ours.
_MANIFEST = re.compile(rb'<link rel="manifest"[^>]*>')


class RelativePage:
    """ASGI middleware: takes absolute addresses out of Gradio's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or path_below(scope) != "/admin/":
            await self._app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                await send_page()

        async def send_page() -> None:
            page = _MANIFEST.sub(b"", _ROOT.sub(rb'\1"."', bytes(body)))
            headers = [header for header in start["headers"] if header[0] != b"content-length"]
            length = (b"content-length", str(len(page)).encode())
            await send({**start, "headers": headers if scope["method"] == "HEAD" else [*headers, length]})
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, keep)

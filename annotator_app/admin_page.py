"""The administrator's page: drawn by Gradio, with every address relative to the page's own."""

import re
from typing import Any

import gradio
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from annotator_app.subpath import path_below
from annotator_app.views import render

# Fonts by plain name are the machine's own: nothing is fetched from elsewhere.
_THEME = gradio.themes.Default(
    primary_hue="blue",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)
_ADMIN_HEAD = """
<meta name="referrer" content="same-origin">
<script src="../app/theme.js"></script>
<link rel="stylesheet" href="../app/base.css">
<link rel="stylesheet" href="../app/admin.css">
"""
_START_ADMIN = 'import(new URL("../app/admin.js", document.baseURI)).then((screen) => screen.start(element));'


def add_admin_page(app: FastAPI, title: str, place: str) -> None:
    """Mount Gradio at "/admin".

    To be called last: Gradio answers everything below "/admin" that has no route yet.
    """
    gradio.mount_gradio_app(
        app,
        _admin_page(title, place),
        path="/admin",
        auth_dependency=lambda request: getattr(request.state, "annotator", None),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        show_error=False,
        theme=_THEME,
        head=_ADMIN_HEAD,
    )
    app.add_middleware(_RelativePage)


def _admin_page(title: str, place: str) -> gradio.Blocks:
    page = gradio.Blocks(title=title, analytics_enabled=False, fill_width=True)
    with page:
        gradio.HTML(render("admin.html", place=place), js_on_load=_START_ADMIN, apply_default_css=False)
    return page


# The page's own address as the server sees it: wrong where a proxy has taken a part of the path off.
_ROOT = re.compile(rb'("root":\s*|const root = )"[^"]*"')
# Of a site that can be installed; it would be the host's, not ours.
_MANIFEST = re.compile(rb'<link rel="manifest"[^>]*>')


class _RelativePage:
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

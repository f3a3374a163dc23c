"""The console as a part of the application: loaded when asked for, and no more of Gradio than it needs."""

import asyncio
import gc
import importlib
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nami_bench.annotator_app.console.pages import PAGES
from nami_bench.annotator_app.levels import Level
from nami_bench.annotator_app.onlooker import Onlooker
from nami_bench.annotator_app.studies import Studies
from nami_bench.annotator_app.terms import Terms
from nami_bench.pipeline.known_prompts import KnownPrompts
from nami_bench.store import Store

AHEAD_S = 1.0
"""So long after the start of a server its console is loaded: whoever waited for the server comes first."""

_log = logging.getLogger(__name__)
_BUILDING = "nami_bench.annotator_app.console.building"

_FILE = r"(?!.*\.\.)[\w./-]+"
_PAGES = "|".join(re.escape(page.path) for page in PAGES)
_GRADIOS = re.compile(
    rf"(GET|HEAD) /admin/({_PAGES})"
    rf"|GET /admin/(theme\.css|(assets|static)/{_FILE}|gradio_api/(queue/data|heartbeat/\w+))"
    r"|POST /admin/gradio_api/queue/join"
)
"""All of Gradio's routes that the console needs: pages, their files, events and whether somebody is there."""

_PAGE = re.compile(rf"/admin/({_PAGES})")
_SHARED = re.compile(r"/admin/(theme\.css|(assets|static|gradio_api)/.*|item/\d+/\d(/small)?)")
_LEVELS = {f"/admin/{page.path}": page.level for page in PAGES}

_NOT_FOUND = JSONResponse({"error": "there is nothing here", "code": "not_found"}, 404)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the console looks at and works on."""

    store: Store
    studies: Studies
    images_dir: Path
    onlooker: Onlooker
    known: KnownPrompts
    terms: Terms


class LazyConsole:
    """ASGI application: the console, loaded and built when somebody first asks for it, or `ahead`: as soon as
    the server has been up for a moment.

    Annotators are served meanwhile; what is not in its list of routes is 404, whatever Gradio brings along.
    """

    def __init__(self, title: str, found: Surroundings, *, ahead: bool = False) -> None:
        self._title, self._found, self._ahead = title, found, ahead
        self._gradio: ASGIApp | None = None
        self._loading = asyncio.Lock()
        self._lifespan = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["state"]["path"] if scope["type"] == "http" else ""
        if not _GRADIOS.fullmatch(f"{scope.get('method')} {path}"):
            await _NOT_FOUND(scope, receive, send)
            return
        answer = _relative(send, scope) if is_page(path) else send
        await (await self.load())(scope, receive, answer)

    async def load(self) -> ASGIApp:
        """Gradio's application, which answers everything below the path where this is mounted."""
        async with self._loading:
            if self._gradio is None:
                holder = await asyncio.to_thread(asyncio.run, _built(self._title, self._found))
                await self._lifespan.enter_async_context(holder.router.lifespan_context(holder))
                mounted = holder.routes[-1]
                assert isinstance(mounted, Mount)
                self._gradio = mounted.app
            return self._gradio

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """For the application that this is a part of: what was begun ends with it."""
        async with self._lifespan:
            loading = asyncio.create_task(self._load_ahead()) if self._ahead else None
            try:
                yield
            finally:
                if loading is not None:
                    loading.cancel()
                    await asyncio.wait([loading])

    async def _load_ahead(self) -> None:
        await asyncio.sleep(AHEAD_S)
        try:
            await self.load()
        except Exception:
            _log.exception("the console cannot be loaded ahead: the next request tries again")
        # What is loaded by now stays: looking through it for garbage takes a quarter of a second each time.
        gc.freeze()


async def _built(title: str, found: Surroundings) -> FastAPI:
    """An application that holds the console. To be run in a thread, for it takes seconds, and there in a
    loop: without one Gradio makes loops of its own, and never closes them."""
    holder = FastAPI()
    building = importlib.import_module(_BUILDING)
    building.mount_blocks(holder, building.build_blocks(title, found))
    return holder


def level_of(path: str) -> Level:
    """For whom a path is: a page's own level. What all pages share is for whoever reaches one of them; its
    events ask again (see `Console`)."""
    return _LEVELS.get(path, Level.ADJUDICATOR if _SHARED.fullmatch(path) else Level.OWNER)


def is_page(path: str) -> bool:
    """Whether a path, as the whole application knows it, is that of a page."""
    return _PAGE.fullmatch(path) is not None


# The page's own address as the server sees it: wrong where a proxy has taken a part of the path off. The
# first is in the configuration, an object of JavaScript's; its scripts want a whole address.
_ROOT_SETTING = re.compile(rb'(window\.gradio_config = \{.*?"root":\s*)"[^"]*"', re.DOTALL)
_HERE = rb'\1new URL(".", location.href).href.slice(0, -1)'
_ROOT = re.compile(rb'(const root = )"[^"]*"')
# Of a site that can be installed; it would be the host's, not ours.
_MANIFEST = re.compile(rb'<link rel="manifest"[^>]*>')
# What the page would look like on social networks, with a picture from elsewhere.
_CARDS = re.compile(rb'<meta\s+(property|name)="(og|twitter):[^>]*>')


def _relative(send: Send, scope: Scope) -> Send:
    """Take absolute addresses out of Gradio's page."""
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
        page = _ROOT_SETTING.sub(_HERE, bytes(body))
        page = _CARDS.sub(b"", _MANIFEST.sub(b"", _ROOT.sub(rb'\1"."', page)))
        headers = [header for header in start["headers"] if header[0] != b"content-length"]
        length = (b"content-length", str(len(page)).encode())
        await send({**start, "headers": headers if scope["method"] == "HEAD" else [*headers, length]})
        await send({"type": "http.response.body", "body": page})

    return keep

"""The console in a process of its own, beside several workers that hand its requests on.

Gradio keeps what its events know of a page in one process, so there is one console however many workers
there are. It listens at a Unix socket in a folder that nobody else may enter. A worker's gate looks at a
request first; the console's own looks at it again, by the same cookie: it believes no word of the worker's
about who asks.
"""

import contextlib
import multiprocessing
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

RESTART_S = 1.0
"""So long after the process has ended it is started again."""

_HOP = {
    b"connection",
    b"keep-alive",
    b"transfer-encoding",
    b"upgrade",
    b"te",
    b"trailer",
    b"proxy-connection",
}
"""What is between two neighbours only (RFC 9110, 7.6.1)."""

_NO_LIMITS = httpx.Limits(max_connections=None)  # each open page holds one
_AWAY = "the console is being started: try again in a moment"


class Forwarding:
    """ASGI application: hands requests on to the console at a Unix socket, its answers back as they come."""

    def __init__(self, address: Path) -> None:
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(address), limits=_NO_LIMITS),
            timeout=httpx.Timeout(None, connect=5.0),
            trust_env=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked = self._client.build_request(
            request.method, _address(scope), headers=_handed_on(scope), content=await request.body()
        )
        try:
            answer = await self._client.send(asked, stream=True)
        except httpx.TransportError:
            away = JSONResponse({"error": _AWAY, "code": "unavailable"}, 503, {"Retry-After": "2"})
            await away(scope, receive, send)
            return
        response = StreamingResponse(answer.aiter_raw(), answer.status_code)
        response.raw_headers = [pair for pair in answer.headers.raw if pair[0].lower() not in _HOP]
        try:
            await response(scope, receive, send)
        finally:
            await answer.aclose()

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> Any:
        """For the application that this is a part of: connections end with it."""
        async with self._client:
            yield


def _address(scope: Scope) -> str:
    """Where the console finds what is asked for: the path as the worker's application knows it."""
    query = scope.get("query_string", b"").decode("latin-1")
    path = httpx.URL(path=scope["state"]["path"]).raw_path.decode("ascii")
    return f"http://console{path}" + (f"?{query}" if query else "")


def _handed_on(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The browser's own headers, `Host` among them, and its address and scheme as this server knows them."""
    own = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"content-length"}
    headers = [(name, value) for name, value in scope["headers"] if name not in _HOP | own]
    client = scope.get("client")
    address = client[0] if client else "127.0.0.1"
    return [
        *headers,
        (b"x-forwarded-for", address.encode()),
        (b"x-forwarded-proto", scope.get("scheme", "http").encode()),
    ]


class ConsoleProcess:
    """Keeps a console running at `address`, until `close`; `serve(listener)` is what the process does."""

    def __init__(self, address: Path, serve: Callable[[socket.socket], None]) -> None:
        self._ended = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen(2048)  # requests wait here while a process starts
        self._serve = serve
        self._process = self._start()
        self._watch = threading.Thread(target=self._keep, daemon=True)
        self._watch.start()

    @property
    def pid(self) -> int | None:
        """The number of the process that runs now."""
        number: int | None = self._process.pid
        return number

    def close(self) -> None:
        """End the process, and do not start it again."""
        self._ended.set()
        self._process.terminate()
        self._process.join(10)
        self._process.kill()
        self._listener.close()

    def _start(self) -> Any:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=self._serve, args=(self._listener,), name="nami-console")
        process.start()
        return process

    def _keep(self) -> None:
        while not self._ended.is_set():
            self._process.join()
            if self._ended.wait(RESTART_S):
                return
            self._process = self._start()


@contextlib.contextmanager
def console_beside(serve: Callable[[socket.socket], None]) -> Iterator[Path]:
    """A console process while the block lasts; gives the address where workers find it."""
    with tempfile.TemporaryDirectory(prefix="nami-console-") as folder:  # nobody else may enter it
        address = Path(folder) / "console.sock"
        process = ConsoleProcess(address, serve)
        try:
            yield address
        finally:
            process.close()

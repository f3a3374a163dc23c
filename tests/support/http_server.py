"""A real HTTP server on this machine that says what a test tells it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest


@dataclass(frozen=True)
class Asked:
    """A request; `body` is parsed JSON, or a form's lists of values; None for a GET or HEAD."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True)
class Reply:
    """`body` as bytes, or as what becomes JSON. `status` 0 hangs up without a word; `delay` in seconds.

    `rest`: written piece by piece after the body; a Content-Length must then be given.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    rest: Iterable[bytes] = ()

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@contextmanager
def http_server(answer: Callable[[Asked], Reply]) -> Iterator[str]:
    """The address, without a slash at its end; `answer` is called in a thread for each request."""

    connections: set[socket.socket] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = self.rfile.read(length) if length else b""
            is_form = self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
            body = parse_qs(sent.decode()) if is_form else json.loads(sent) if sent else None
            said = answer(Asked(self.command, self.path, dict(self.headers), body))
            time.sleep(said.delay)
            if said.status == 0:
                self.close_connection = True
                return
            try:
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(said.raw)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said.raw)
                    for piece in said.rest:
                        self.wfile.write(piece)
            except ConnectionError:
                self.close_connection = True  # the client did not wait

        do_POST = do_HEAD = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            # Clients keep theirs open for further questions, and closing the server waits for their threads.
            for connection in connections.copy():
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is asked directly, whatever the environment says."""
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)

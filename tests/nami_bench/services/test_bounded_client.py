"""The HTTP client against servers that mean harm: real sockets, and every answer is theirs to choose."""

import ast
import contextlib
import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import pytest

from nami_bench.services.bounded_client import Answer, BoundedClient, NoAnswerError, UnreachableError

ROOT = Path(__file__).resolve().parents[3]
Talk = Callable[[socket.socket], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Talk], str]]:
    """`serve(talk)`: the address of a server whose every connection is handed to `talk`."""
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept(listener: socket.socket, talk: Talk) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            opened.append(connection)
            with connection, contextlib.suppress(OSError):
                talk(connection)

    def start(talk: Talk) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)
        threads.append(threading.Thread(target=accept, args=(listener, talk)))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for one in opened:
        with contextlib.suppress(OSError):  # most are closed already
            one.shutdown(socket.SHUT_RDWR)
        one.close()
    for thread in threads:
        thread.join()


def says(head: bytes, body: bytes = b"") -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 " + head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    return talk


def drips(before: bytes, drop: bytes) -> Talk:
    """One drop after another until the client goes away."""

    def talk(connection: socket.socket) -> None:
        connection.settimeout(0.02)
        connection.sendall(before)
        while True:
            try:
                if not connection.recv(65536):
                    return
            except TimeoutError:
                connection.sendall(drop)

    return talk


def ask(address: str, *, timeout: float = 30, max_bytes: int = 10_000, follow: bool = False) -> Answer:
    with BoundedClient(timeout) as client:
        return client.send("GET", address, max_bytes=max_bytes, follow_redirects=follow)


BOMB = bytes(100_000_000)
GZIP_BOMB = gzip.compress(BOMB, 1, mtime=0)


@pytest.mark.parametrize(
    ("coding", "packed", "words"),
    [
        (b"br", brotli.compress(BOMB, quality=1), "packed as 'br', which was not asked for"),
        (b"gzip", GZIP_BOMB, "larger than 10000 bytes"),
        (b"deflate", zlib.compress(BOMB, 1), "larger than 10000 bytes"),
        (b"gzip, gzip", gzip.compress(GZIP_BOMB, mtime=0), "packed as 'gzip, gzip'"),
        (b"gzip", gzip.compress(b"cut off", mtime=0)[:-6], "it has no end"),
        (b"gzip", b"no gzip at all", "cannot be unpacked"),
    ],
    ids=["brotli", "gzip", "deflate", "gzip twice", "gzip cut off", "no gzip"],
)
def test_an_answer_is_unpacked_no_further_than_allowed(
    serve: Callable[[Talk], str], coding: bytes, packed: bytes, words: str
) -> None:
    assert len(packed) < 1_000_000
    address = serve(says(b"200 OK\r\nContent-Encoding: " + coding, packed))
    with pytest.raises(NoAnswerError, match=words):
        ask(address)


def test_gzip_that_nobody_asked_for_is_read(serve: Callable[[Talk], str]) -> None:
    heads: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        heads.append(connection.recv(65536))
        packed = gzip.compress(b"a cat")
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        connection.sendall(head + packed)

    assert ask(serve(talk)).body == b"a cat"
    assert b"accept-encoding: identity" in heads[0].lower()


@pytest.mark.parametrize(
    ("before", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silence", "headers", "header", "body", "chunks"],
)
def test_what_is_dripped_ends_at_the_deadline(
    serve: Callable[[Talk], str], before: bytes, drop: bytes
) -> None:
    with pytest.raises(NoAnswerError, match="timed out") as caught:
        ask(serve(drips(before, drop)), timeout=0.5)
    assert caught.value.may_pass


def test_a_handshake_that_never_ends_is_no_connection(serve: Callable[[Talk], str]) -> None:
    with pytest.raises(UnreachableError, match="timed out"):
        ask(serve(drips(b"", b"")).replace("http:", "https:"), timeout=0.5)


def test_redirects_end_and_what_they_hold_is_not_read(serve: Callable[[Talk], str]) -> None:
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        body = GZIP_BOMB
        head = b"HTTP/1.1 302 Found\r\nLocation: /on\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)

    address = serve(talk)
    with pytest.raises(NoAnswerError, match="leads on more than 10 times"):
        ask(address, follow=True)
    assert len(asked) == 11


def test_a_redirect_is_an_answer_where_it_is_not_followed(serve: Callable[[Talk], str]) -> None:
    answer = ask(serve(says(b"302 Found\r\nLocation: /on", b"elsewhere")))
    assert (answer.status, answer.headers["location"], answer.body) == (302, "/on", b"elsewhere")


@pytest.mark.parametrize("head", [b"200 OK\r\nno colon", b"\xff\xff nonsense", b"999999 OK"])
def test_what_is_no_http_is_no_answer(serve: Callable[[Talk], str], head: bytes) -> None:
    with pytest.raises(NoAnswerError):
        ask(serve(says(head)))


@pytest.mark.parametrize("address", ["http://[broken", "ftp://127.0.0.1/x", "nonsense", "http://"])
def test_what_is_no_address_is_no_answer(address: str) -> None:
    with pytest.raises(NoAnswerError):
        ask(address)


CLIENTS = {"httpx", "requests", "aiohttp", "urllib3", "urllib.request", "http.client", "httpcore"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{name.name}" for name in node.names))


def test_nothing_else_asks_over_http() -> None:
    """By import, and by the downloaders of libraries that bring their own client."""
    homes = ("nami_bench", "prompts", "generators", "evaluation", "annotator_app")
    files = [path for home in homes for path in sorted((ROOT / home).rglob("*.py"))]
    assert len(files) > 300
    found = {}
    for path in files:
        text = path.read_text(encoding="utf-8")
        names = sorted(CLIENTS & set(imported(ast.parse(text))))
        if names or "download_url" in text or "load_state_dict_from_url" in text:
            found[path.relative_to(ROOT).as_posix()] = names
    assert found == {
        "nami_bench/services/bounded_client.py": ["httpx"],
        # No other program: our own console's process, whose answers are streams without an end.
        "annotator_app/console/process.py": ["httpx"],
    }

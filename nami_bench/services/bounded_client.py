"""The one HTTP client: every call ends by a deadline, and no answer is larger than is allowed.

Nothing else in the project asks another program over HTTP but the Hugging Face hub's own library. What comes
back is anybody's: an answer may be dripped byte by byte, lead elsewhere for ever, or unpack to gigabytes.
"""

import os
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from types import TracebackType
from typing import Any, Protocol

import anyio
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

MAX_BYTES = 64 * 1024 * 1024
"""No answer may be larger unless its asker says so: 1024x1024 pixels as base64 are 4 MB at the most."""

SLOWEST = 1024
"""Bytes a second: a body that is received piece by piece and comes more slowly is given up."""

_MOST_REDIRECTS = 10
_TRANSIENT = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)


Headers = httpx.Headers
"""An answer's: names in any case."""


class NoAnswerError(Exception):
    """There is no whole answer; `may_pass`: the same call may bring one later."""

    def __init__(self, reason: str, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class UnreachableError(NoAnswerError):
    """There was not even a connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said in the end: any status.

    `body` is unpacked. `seconds` is the time of the attempt that got this answer, without waits and earlier
    attempts; `headers` do not mind case.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    seconds: float
    attempts: int = 1

    @property
    def retry_after(self) -> float | None:
        """Seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3); None without one."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdecimal():
            return float(value)
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError, IndexError):  # TypeError: a date without a zone
            return None
        return max(0.0, seconds)


class Receiver(Protocol):
    """Takes a body piece by piece; what its methods raise ends the call, and reaches whoever made it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What to ask with: a Range, say."""
        ...

    @property
    def room(self) -> int:
        """How many bytes it would still take."""
        ...

    def begin(self, status: int, headers: Headers) -> None:
        """A body (of the status 200 or 206) is about to come."""
        ...

    def take(self, data: bytes) -> None:
        """The next bytes, unpacked."""
        ...


class BoundedClient:
    """Asks once, from any number of threads; use it in a `with` statement.

    `timeout` (seconds) bounds the whole of a call: finding the address, connecting, TLS, redirects, headers
    and body together.
    """

    def __init__(self, timeout: float, connections: int = 1) -> None:
        self._timeout = timeout
        self._connections = connections
        self._open = ExitStack()
        self._portal: BlockingPortal
        self._client: httpx.AsyncClient

    def __enter__(self) -> "BoundedClient":
        # On a loop of its own: only there can a call be ended in the midst of whatever it waits for.
        self._portal = self._open.enter_context(start_blocking_portal())
        self._client = httpx.AsyncClient(
            timeout=None,
            limits=httpx.Limits(max_connections=self._connections),
            headers={"Accept-Encoding": "identity"},
        )
        self._open.callback(self._portal.call, self._client.aclose)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def send(
        self,
        method: str,
        url: str,
        *,
        follow_redirects: bool = False,
        max_bytes: int | None = None,
        **options: Any,
    ) -> Answer:
        """The server's answer of at most `max_bytes` (None: MAX_BYTES); `options` are httpx's (headers,
        json ...). Raises NoAnswerError."""
        try:
            request = self._client.build_request(method, url, **options)
        except httpx.InvalidURL as error:
            raise NoAnswerError(_words(error)) from error
        most = max_bytes or MAX_BYTES
        return self._wait_for(
            request, partial(self._answer, _MOST_REDIRECTS * follow_redirects, _whole(most))
        )

    def receive(self, url: str, receiver: Receiver) -> Answer:
        """GET, redirects followed; the body of a 200 or 206 goes to `receiver`, which is called from another
        thread, and the answer then has none.

        `timeout` seconds may pass before the first byte; from then on every `timeout` seconds must bring
        SLOWEST bytes for each of them. Raises NoAnswerError, and what the receiver raises.
        """
        try:
            request = self._client.build_request("GET", url, headers=receiver.headers)
        except httpx.InvalidURL as error:
            raise NoAnswerError(_words(error)) from error
        take = partial(_hand_over, receiver, self._timeout)
        return self._wait_for(request, partial(self._answer, _MOST_REDIRECTS, take))

    def _wait_for(self, request: httpx.Request, ask: "_Ask") -> Answer:
        """A wait without end may miss a Ctrl-C that comes as it begins."""
        future = self._portal.start_task_soon(self._call, request, ask)
        while not wait([future], timeout=0.5).done:
            pass
        return future.result()

    async def _call(self, request: httpx.Request, ask: "_Ask") -> Answer:
        started = time.perf_counter()
        events: set[str] = set()
        opened: list[Any] = []

        async def note(event: str, details: Mapping[str, Any]) -> None:
            events.add(event.partition(".")[0])
            if event == "connection.connect_tcp.complete":
                opened.append(details["return_value"])

        request.extensions["trace"] = note
        try:
            with anyio.fail_after(self._timeout) as scope:
                response, body = await ask(request, scope)
        except TimeoutError as error:
            for stream in opened:  # left open where the end came during TLS
                await stream.aclose()
            kind = NoAnswerError if "http11" in events else UnreachableError
            raise kind(f"timed out: no whole answer within {self._timeout:g} seconds", True) from error
        except httpx.ConnectError as error:
            raise UnreachableError(_why_unreachable(error), may_pass=True) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(_words(error), isinstance(error, _TRANSIENT)) from error
        return Answer(response.status_code, response.headers, body, time.perf_counter() - started)

    async def _answer(
        self, redirects: int, read: "_Read", request: httpx.Request, scope: anyio.CancelScope
    ) -> tuple[httpx.Response, bytes]:
        """The last answer of a chain of at most `redirects`; what the others hold is never read."""
        for left in range(redirects, -1, -1):
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                if response.next_request is None or redirects == 0:
                    return response, await read(response, scope)
                request = response.next_request
            finally:
                await response.aclose()
            if not left:
                break
        raise NoAnswerError(f"the address leads on more than {redirects} times")


_Read = Callable[[httpx.Response, anyio.CancelScope], Awaitable[bytes]]
_Ask = Callable[[httpx.Request, anyio.CancelScope], Awaitable[tuple[httpx.Response, bytes]]]


def _whole(max_bytes: int) -> _Read:
    """Reads a body into memory."""

    async def read(response: httpx.Response, scope: anyio.CancelScope) -> bytes:
        body = bytearray()
        async for data in _unpacked(response, max_bytes):
            body += data
        return bytes(body)

    return read


async def _hand_over(
    receiver: Receiver, timeout: float, response: httpx.Response, scope: anyio.CancelScope
) -> bytes:
    """Pass the body on, and move the call's end for as long as enough of it comes."""
    if response.status_code not in (200, 206):
        return b""
    receiver.begin(response.status_code, response.headers)
    came = 0
    async for data in _unpacked(response, receiver.room):
        receiver.take(data)
        came += len(data)
        if came >= SLOWEST * timeout:
            came, scope.deadline = 0, anyio.current_time() + timeout
    return b""


async def _unpacked(response: httpx.Response, most: int) -> AsyncIterator[bytes]:
    """The answer's bytes, unpacked no further than allowed: 9 kB may be made to hold gigabytes."""
    unpack, is_whole = _unpacker(response.headers.get("content-encoding", ""))
    came = 0
    try:
        async for chunk in response.aiter_raw():
            data = unpack(chunk, most + 1 - came)
            came += len(data)
            if came > most:
                raise NoAnswerError(f"the answer is larger than {most} bytes")
            yield data
    except zlib.error as error:
        raise NoAnswerError(f"the answer cannot be unpacked: {error}") from error
    if came and not is_whole():
        raise NoAnswerError("the answer cannot be unpacked: it has no end")


def _unpacker(coding: str) -> tuple[Callable[[bytes, int], bytes], Callable[[], bool]]:
    """(function of packed bytes and of how many to give at most, whether all is there).

    Nothing packed is asked for. Servers that send gzip to everybody are common enough to be read; those that
    send other things are not.
    """
    kind = coding.strip().lower()
    if kind in ("", "identity"):
        return lambda chunk, most: chunk, lambda: True
    if kind in ("gzip", "x-gzip", "deflate"):
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, as its first bytes say
        return inflater.decompress, lambda: inflater.eof
    raise NoAnswerError(f"the answer is packed as {kind[:40]!r}, which was not asked for")


def _why_unreachable(error: httpx.ConnectError) -> str:
    """The system's words, which the layers between replace by "all connection attempts failed"."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        else:
            cause = cause.__cause__ or cause.__context__
    return _words(error)


def _words(error: Exception) -> str:
    """The error's words; httpx leaves some empty, whose type says it all."""
    return str(error) or type(error).__name__

"""An HTTP client that asks again: back-off, Retry-After, time and size limits. It knows no service."""

import logging
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from types import TracebackType
from typing import Any

import httpx

_log = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024
"""No answer may be larger: 1024x1024 pixels as base64 are 4 MB at the most."""

LONGEST_RETRY_AFTER = 300.0
"""A server that asks for a longer wait (seconds) is not asked again."""

_RETRIED = frozenset({408, 429, *range(500, 600)})
_TRANSIENT = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
_FIRST_WAIT = 1.0
_LONG_WAIT = 5.0  # from here on, whoever waits is told
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said in the end: any status.

    `seconds` is the time of the attempt that got this answer, without waits and earlier attempts;
    `headers` do not mind case.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    seconds: float
    attempts: int

    @property
    def retry_after(self) -> float | None:
        """Seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3); None without one."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdecimal():
            return float(value)
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # TypeError: a date without a zone
            return None
        return max(0.0, seconds)


class RetryingClient:
    """Sends requests from any number of threads; once `stop` is set, no request is tried again.

    A request is tried again after 408, 429, 5xx, a timeout or a broken connection, `max_retries` times:
    after the server's Retry-After (up to five minutes), else after 1, 2, 4 ... 60 seconds, less up to half
    of it at random.
    `timeout` (seconds) bounds connecting, each silence of the server, and the whole of an answer.
    """

    def __init__(self, timeout: float, max_retries: int, connections: int) -> None:
        self.stop = threading.Event()
        self._timeout = timeout
        self._max_retries = max_retries
        limits = httpx.Limits(max_connections=connections)
        self._client = httpx.Client(timeout=timeout, limits=limits)

    def __enter__(self) -> "RetryingClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, method: str, url: str, *, follow_redirects: bool = False, **options: Any) -> Answer:
        """The server's answer, after retries; `options` are httpx's (headers, json ...).

        Raises httpx.HTTPError or httpx.InvalidURL where there is none.
        """
        request = self._client.build_request(method, url, **options)
        for attempts in count(1):
            outcome = self._attempt(request, follow_redirects, attempts)
            if attempts > self._max_retries or not _may_pass(outcome):
                break
            wait = _wait(outcome, attempts)
            if wait >= _LONG_WAIT:
                what = describe_error(outcome) if isinstance(outcome, Exception) else outcome.status
                address = request.url.copy_with(query=None)  # a query may be a signature
                _log.warning("%s: %s; trying again in %.0f seconds", address, what, wait)
            if self.stop.wait(wait):
                break
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _attempt(
        self, request: httpx.Request, follow_redirects: bool, attempts: int
    ) -> Answer | httpx.TransportError:
        """One attempt: an answer, or an error that may pass."""
        started = time.perf_counter()
        try:
            response = self._client.send(request, stream=True, follow_redirects=follow_redirects)
            try:
                body = self._read(response, started)
            finally:
                response.close()
        except _TRANSIENT as error:
            return error
        return Answer(
            status=response.status_code,
            headers=response.headers,
            body=body,
            seconds=time.perf_counter() - started,
            attempts=attempts,
        )

    def _read(self, response: httpx.Response, started: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise httpx.DecodingError(f"the answer is larger than {MAX_BYTES} bytes")
            if time.perf_counter() - started > self._timeout:
                raise httpx.ReadTimeout("the answer came too slowly")
        return bytes(body)


def describe_error(error: Exception) -> str:
    """The error's words; httpx leaves some empty, whose type says it all."""
    return str(error) or type(error).__name__


def _may_pass(outcome: Answer | Exception) -> bool:
    if isinstance(outcome, Exception):
        return True
    return outcome.status in _RETRIED and (outcome.retry_after or 0) <= LONGEST_RETRY_AFTER


def _wait(outcome: Answer | Exception, attempts: int) -> float:
    """Seconds before the next attempt; random, so that many clients do not come back together."""
    asked = outcome.retry_after if isinstance(outcome, Answer) else None
    if asked is not None:
        return asked + random.uniform(0, 0.25)
    return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (attempts - 1)) * random.uniform(0.5, 1)

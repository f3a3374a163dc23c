"""A client that asks again: back-off and Retry-After. It knows no service."""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit

from nami_bench.services.bounded_client import Answer, BoundedClient, NoAnswerError, Receiver

_log = logging.getLogger(__name__)

LONGEST_RETRY_AFTER = 300.0
"""A server that asks for a longer wait (seconds) is not asked again."""

_RETRIED = frozenset({408, 429, *range(500, 600)})
_FIRST_WAIT = 1.0
_LONG_WAIT = 5.0  # from here on, whoever waits is told
_LONGEST_WAIT = 60.0
_PROGRESS = 1 << 20


class ResumingReceiver(Receiver, Protocol):
    """A receiver that asks for what it does not have yet."""

    @property
    def size(self) -> int:
        """How many bytes it has."""
        ...


class Persistence:
    """Asks again, from any number of threads; once `stop` is set, nothing is tried again.

    After 408, 429, 5xx, a timeout or a broken connection, `max_retries` times: after the server's
    Retry-After (up to five minutes), else after 1, 2, 4 ... 60 seconds, less up to half of it at random.
    `patience`: seconds after which no further attempt begins.
    """

    def __init__(self, max_retries: int, patience: float = math.inf) -> None:
        self.stop = threading.Event()
        self._max_retries = max_retries
        self._patience = patience

    def answer(self, url: str, ask: Callable[[], Answer], size: Callable[[], int] = lambda: 0) -> Answer:
        """What `ask` answers in the end; `size` tells how many bytes are there. Raises NoAnswerError."""
        attempts, failed, most = 0, 0, size()
        last_start = time.monotonic() + self._patience
        while True:
            outcome = _attempt(ask)
            attempts += 1
            # Beyond all that there ever was: a server that makes it begin again and again brings nothing.
            failed = 1 if size() - most >= _PROGRESS else failed + 1
            most = max(most, size())
            if failed > self._max_retries or not _may_pass(outcome):
                break
            wait = _wait(outcome, failed)
            if time.monotonic() + wait > last_start:
                break
            if wait >= _LONG_WAIT:
                what = outcome if isinstance(outcome, Exception) else outcome.status
                address = urlsplit(url)._replace(query="").geturl()  # a query may be a signature
                _log.warning("%s: %s; trying again in %.0f seconds", address, what, wait)
            if self.stop.wait(wait):
                break
        if isinstance(outcome, Exception):
            raise outcome
        return replace(outcome, attempts=attempts)


class RetryingClient:
    """Sends requests from any number of threads, again where that may help: see `Persistence`.

    `timeout` (seconds) bounds the whole of each attempt.
    """

    def __init__(
        self, timeout: float, max_retries: int, connections: int, patience: float = math.inf
    ) -> None:
        self._persistence = Persistence(max_retries, patience)
        self._client = BoundedClient(timeout, connections)

    @property
    def stop(self) -> threading.Event:
        """Once it is set, no request is tried again."""
        return self._persistence.stop

    def __enter__(self) -> "RetryingClient":
        self._client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def send(self, method: str, url: str, **options: Any) -> Answer:
        """The server's answer, after retries; `options`: see `BoundedClient.send`. Raises NoAnswerError."""
        return self._persistence.answer(url, partial(self._client.send, method, url, **options))

    def receive(self, url: str, receiver: "ResumingReceiver") -> Answer:
        """`BoundedClient.receive`, with retries; one that brought a MiB or more is no failed one."""
        return self._persistence.answer(
            url, partial(self._client.receive, url, receiver), lambda: receiver.size
        )


def _attempt(ask: Callable[[], Answer]) -> Answer | NoAnswerError:
    try:
        return ask()
    except NoAnswerError as error:
        return error


def _may_pass(outcome: Answer | NoAnswerError) -> bool:
    if isinstance(outcome, Exception):
        return outcome.may_pass
    return outcome.status in _RETRIED and (outcome.retry_after or 0) <= LONGEST_RETRY_AFTER


def _wait(outcome: Answer | NoAnswerError, attempts: int) -> float:
    """Seconds before the next attempt; random, so that many clients do not come back together."""
    asked = outcome.retry_after if isinstance(outcome, Answer) else None
    if asked is not None:
        return asked + random.uniform(0, 0.25)
    return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (attempts - 1)) * random.uniform(0.5, 1)

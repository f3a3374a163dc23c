"""Servers that speak OpenAI's protocol: what is common to asking for images and asking about them.

https://platform.openai.com/docs/api-reference
"""

import json
import os
import re
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from itertools import islice
from typing import Any, Protocol, TypeVar

from nami_bench.errors import InputError, WorkError, one_line
from nami_bench.foreign_text import parse_json
from nami_bench.services.bounded_client import Answer, NoAnswerError, UnreachableError
from nami_bench.services.retrying_client import LONGEST_RETRY_AFTER, RetryingClient

# A 64 MB answer of nothing but brackets and commas would be gigabytes of Python's lists.
_MOST_VALUES = 200_000

# Error codes of OpenAI, Azure and servers that follow them.
_REFUSALS = frozenset(
    {
        "content_policy_violation",
        "moderation_blocked",
        "content_filter",
        "contentFilter",
        "content_safety_violation",
    }
)
_OUT_OF_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})

T = TypeVar("T")


class ServerOptions(Protocol):
    """What every adapter of such a server takes.

    `model`: the server's name for it. `base_url`: up to and with /v1. `key_env`: the variable that
    holds the key; empty for a server without keys. `concurrency`: requests under way at once, 1..64.
    `timeout`: seconds for one attempt, up to 3600. `max_retries`: attempts after the first, 0..20. `extra`:
    further fields of the request.
    """

    @property
    def model(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def key_env(self) -> str: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def timeout(self) -> float: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def extra(self) -> Any: ...


class RequestFailedError(Exception):
    """This one request brought nothing; `refused` says that a content filter said no."""

    def __init__(self, reason: str, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class KeyedServer:
    """One address of a server and one key; every text that leaves it is free of the key."""

    def __init__(self, url: str, key: str, key_env: str, gives: str) -> None:
        """`gives` says in messages what the server is asked for: images, answers."""
        self.url = url
        self._key = key
        self._key_env = key_env
        self._gives = gives

    def raise_for(self, answer: Answer, error: Any) -> None:
        """Tell refusals from what ends the run and from what fails this request only, by the status and the
        answer's `error`; return where neither names a failure.

        Raises RequestFailedError, or WorkError where no other request will bring anything either.
        """
        details = error if isinstance(error, dict) else {}
        codes = _codes(error)
        said = str(details.get("message") or error or excerpt(answer))
        if is_refusal(error):
            raise RequestFailedError(said, refused=True)
        if codes & _OUT_OF_CREDIT or answer.status == 402:
            raise WorkError(f"{self.url} gives no more {self._gives} for this account: {said}")
        if answer.status == 401:
            # The server's own words are left out: some repeat the key.
            what = f"the key in ${self._key_env}" if self._key else "to answer without a key; set key_env"
            raise WorkError(f"{self.url} refused {what} (401)")
        if answer.status == 429 and (answer.retry_after or 0) > LONGEST_RETRY_AFTER:
            raise WorkError(f"{self.url} asks to wait {answer.retry_after:.0f} seconds: run again then")
        if answer.status in (403, 404):
            raise WorkError(
                f"{self.url} answered {answer.status}: see to base_url, model and the key's rights: {said}"
            )
        if 300 <= answer.status < 400:
            target = answer.headers.get("location", "nowhere")
            raise WorkError(f"{self.url} has moved to {target}: set base_url to the new address")
        if answer.status >= 400:
            tries = f" after {answer.attempts} attempts" if answer.attempts > 1 else ""
            raise RequestFailedError(f"{self.url} answered {answer.status}{tries}: {said}")

    def redacted(self, text: str) -> str:
        """`text` without the key."""
        # A key shorter than this is a dummy for a server that checks none, and part of common words.
        return text.replace(self._key, "***") if len(self._key) >= 8 else text

    def clean(self, text: str) -> str:
        """`text` as one short line without the key."""
        return one_line(self.redacted(text))


class OpenAIServer(KeyedServer):
    """Such a server that is asked by POST, with JSON."""

    def __init__(
        self,
        client: RetryingClient,
        url: str,
        key: str,
        key_env: str,
        gives: str,
        max_bytes: int | None = None,
    ) -> None:
        super().__init__(url, key, key_env, gives)
        self._client = client
        self._max_bytes = max_bytes

    @property
    def headers(self) -> dict[str, str]:
        """What carries the key, for this server alone."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def ask(self, body: Mapping[str, Any]) -> tuple[Answer, Mapping[str, Any]]:
        """The answer, of any status, and its JSON object, empty where it is none.

        Raises WorkError where there is no such server, RequestFailedError where it does not answer.
        """
        try:
            answer = self._client.send(
                "POST", self.url, headers=self.headers, json=body, max_bytes=self._max_bytes
            )
        except UnreachableError as error:
            raise WorkError(
                f"cannot reach {self.url} ({error}): see that the server runs and that base_url is right"
            ) from error
        except NoAnswerError as error:
            raise RequestFailedError(f"no answer from {self.url}: {error}") from error
        return answer, parsed(answer)


def excerpt(answer: Answer) -> str:
    """The beginning of an answer, for a message."""
    return answer.body[:10_000].decode(errors="replace") or "(nothing)"


def is_refusal(error: Any) -> bool:
    """Whether an answer's `error` is a content filter's."""
    return bool(_codes(error) & _REFUSALS)


def _codes(error: Any) -> set[str]:
    return {str(error.get("code")), str(error.get("type"))} if isinstance(error, dict) else set()


def in_order(futures: Iterable[Future[T | None]], stop: threading.Event, ahead: int) -> Iterator[T]:
    """Yield the results, in order, of what threads are doing, and let go of each once it is yielded.

    `ahead` futures are taken at first, and one for each that is done with: no more are held at once. After a
    WorkError or Ctrl-C, what the others brought is yielded before it is raised; a result of None was not
    asked for any more, since `stop` was set.
    """
    ending: BaseException | None = None
    coming = iter(futures)
    held = deque(islice(coming, ahead))
    while held:
        result = None
        try:
            result = held[0].result()
        except WorkError as error:
            ending = ending or error
        except KeyboardInterrupt as error:
            if stop.is_set():  # interrupted once more
                raise
            stop.set()
            ending = error
            continue
        held.popleft()
        held.extend(islice(coming, 1))
        if result is not None:
            yield result
    if ending is not None:
        raise ending


def read_key(variable: str, where: str) -> str:
    """The key in an environment variable, empty for an empty name; `where` begins messages.

    Raises InputError where the variable holds none.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(
            f"{where}: the environment variable {variable} holds no key: set it, or give "
            "key_env= for a server without keys"
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{where}: {variable} holds characters that no key has")
    return key


def check_options(options: ServerOptions, own_fields: Collection[str], where: str) -> None:
    """Raise InputError unless the options make sense; `extra` may hold none of `own_fields`."""
    if not options.model:
        raise InputError(f"{where}: model is empty")
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", options.base_url):
        # Not repeated: what stands before an @ or after a ? may be a key.
        raise InputError(f"{where}: base_url is not of the form http(s)://HOST[:PORT]/PATH")
    if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", options.key_env):
        raise InputError(f"{where}: key_env takes the name of an environment variable, never the key itself")
    for name, low, high in (("concurrency", 1, 64), ("timeout", 0.1, 3600), ("max_retries", 0, 20)):
        value = getattr(options, name)
        if not low <= value <= high:
            raise InputError(f"{where}: {name} {value:g} is not between {low} and {high}")
    try:
        json.dumps(options.extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: extra is not JSON: {error}") from error
    if own := sorted(set(own_fields) & options.extra.keys()):
        raise InputError(f"{where}: extra may not hold {', '.join(own)}")


def parsed(answer: Answer) -> Mapping[str, Any]:
    """The answer's JSON object, empty where it is none, or one that would fill the memory."""
    if sum(map(answer.body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        return {}
    try:
        payload = parse_json(answer.body)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}

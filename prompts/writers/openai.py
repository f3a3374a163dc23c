"""A server that speaks OpenAI's protocol: POST /v1/chat/completions with an image.

https://platform.openai.com/docs/api-reference/chat/create
"""

import base64
import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from PIL.Image import Image
from pydantic import Json

from nami_bench.errors import InputError, WorkError
from nami_bench.prompts.writers.protocol import Answer, AnswerState, WritingRequest
from nami_bench.services.openai import (
    CHAT_BYTES,
    OpenAIServer,
    RequestFailedError,
    check_options,
    excerpt,
    in_order,
    read_key,
)
from nami_bench.services.retrying_client import RetryingClient

_WHERE = "prompt writer 'openai'"
_OWN_FIELDS = frozenset({"model", "messages", "n", "stream"})
_REQUESTS_PER_WORKER = 4


class OpenAIWriter:
    """Asks a server, several images at once.

    The key is read from the environment when images are asked about; it is in no prompt, reason or log.
    Interrupted, or stopped by the server, it yields what is paid for first. Such a server can change its
    model at any time: the name is all that identifies it, and what the server says of itself is kept with
    each prompt.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`, `base_url`, `key_env`, `concurrency`, `timeout`, `max_retries`: see
        `nami_bench.services.openai.ServerOptions`. `longest_side`: larger images are sent reduced to it, in
        pixels, 64..8192. `extra`: a JSON object of further fields of the request; null takes one out."""

        model: str
        base_url: str = "https://api.openai.com/v1"
        longest_side: int = 1536
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        key_env: str = "OPENAI_API_KEY"
        concurrency: int = 4
        timeout: float = 120.0
        max_retries: int = 6

        def __post_init__(self) -> None:
            check_options(self, _OWN_FIELDS, _WHERE)
            if not 64 <= self.longest_side <= 8192:
                raise InputError(f"{_WHERE}: longest_side {self.longest_side} is not between 64 and 8192")

    def __init__(self, options: Options) -> None:
        self.options = options

    def describe(self) -> Mapping[str, Any]:
        """The server's model, its address, and what else is sent."""
        asked = self.options
        return {
            "adapter": "openai",
            "model": asked.model,
            "base_url": asked.base_url.rstrip("/"),
            "longest_side": asked.longest_side,
            "extra": dict(asked.extra),
        }

    def write(self, requests: Iterable[WritingRequest]) -> Iterator[Answer]:
        """Yield one answer for each request, in order.

        Raises InputError without a key, and WorkError where no further answer can be had: a refused key, an
        unknown model, no credit, no server. What the other requests brought is yielded before.
        """
        options = self.options
        key = read_key(options.key_env, _WHERE)
        url = options.base_url.rstrip("/") + "/chat/completions"
        remaining = iter(requests)
        with (
            RetryingClient(options.timeout, options.max_retries, options.concurrency) as client,
            ThreadPoolExecutor(options.concurrency) as pool,
        ):
            server = OpenAIServer(client, url, key, options.key_env, "answers", CHAT_BYTES)
            endpoint = _Endpoint(client, server, options)
            try:
                while batch := list(islice(remaining, options.concurrency * _REQUESTS_PER_WORKER)):
                    futures = deque(pool.submit(endpoint.answer, request) for request in batch)
                    yield from in_order(futures, client.stop)
            finally:
                client.stop.set()


class _Endpoint:
    """Asks about one image after another; may be used from several threads."""

    def __init__(self, client: RetryingClient, server: OpenAIServer, options: OpenAIWriter.Options) -> None:
        self._client, self._server, self._options = client, server, options

    def answer(self, request: WritingRequest) -> Answer | None:
        """The request's answer, or None where the run was stopped before it was sent."""
        if self._client.stop.is_set():
            return None
        try:
            return self._ask(request)
        except RequestFailedError as problem:
            state = AnswerState.REFUSED if problem.refused else AnswerState.FAILED
            return Answer(request, state, reason=self._server.clean(str(problem)))
        except WorkError as error:
            self._client.stop.set()
            raise WorkError(self._server.clean(str(error))) from None

    def _ask(self, request: WritingRequest) -> Answer:
        answer, payload = self._server.ask(self._body(request))
        choices = payload.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if answer.status >= 300 or not isinstance(choice, dict):
            self._server.raise_for(answer, payload.get("error"))
            raise RequestFailedError(f"{self._server.url} answered without a choice: {excerpt(answer)}")
        message = choice.get("message")
        said = message if isinstance(message, dict) else {}
        if choice.get("finish_reason") == "content_filter" or said.get("refusal"):
            reason = str(said.get("refusal") or "the server's content filter refused to answer")
            raise RequestFailedError(reason, refused=True)
        if not isinstance(said.get("content"), str):
            raise RequestFailedError(f"{self._server.url} answered without a text: {excerpt(answer)}")
        return Answer(
            request,
            text=self._server.redacted(said["content"]),
            finished=choice.get("finish_reason") != "length",
            details={"served_model": self._server.clean(str(payload.get("model", "")))},
        )

    def _body(self, request: WritingRequest) -> dict[str, Any]:
        sampling = request.sampling
        address = _data_url(request.image, self._options.longest_side)
        content = [
            {"type": "image_url", "image_url": {"url": address}},
            {"type": "text", "text": request.instruction},
        ]
        body = {
            "model": self._options.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
            "seed": sampling.seed,
            "max_tokens": sampling.max_tokens,
            **self._options.extra,
        }
        return {name: value for name, value in body.items() if value is not None}


def _data_url(image: Image, longest_side: int) -> str:
    if max(image.size) > longest_side:
        image = image.copy()
        image.thumbnail((longest_side, longest_side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

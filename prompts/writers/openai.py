"""A server that speaks OpenAI's protocol: POST /v1/chat/completions with an image.

https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Json

from nami_bench.errors import InputError
from nami_bench.prompts.writers.protocol import Answer, AnswerState, WritingRequest
from nami_bench.services.openai import RequestFailedError, check_options, excerpt
from nami_bench.services.openai_chat import Chat, ask_about

_WHERE = "prompt writer 'openai'"
_OWN_FIELDS = frozenset({"model", "messages", "n", "stream"})


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
        return ask_about(requests, self.options, _WHERE, self._answer, _failed)

    def _answer(self, chat: Chat, request: WritingRequest) -> Answer:
        sampling, server = request.sampling, chat.server
        choice, answer, served = chat.ask(
            request.image,
            request.instruction,
            longest_side=self.options.longest_side,
            temperature=sampling.temperature,
            top_p=sampling.top_p if sampling.temperature > 0 else 1.0,
            seed=sampling.seed,
            max_tokens=sampling.max_tokens,
        )
        message = choice.get("message")
        said = message.get("content") if isinstance(message, dict) else None
        if not isinstance(said, str):
            raise RequestFailedError(f"{server.url} answered without a text: {excerpt(answer)}")
        finished = choice.get("finish_reason") != "length"
        return Answer(
            request, text=server.redacted(said), finished=finished, details={"served_model": served}
        )


def _failed(request: WritingRequest, reason: str, refused: bool) -> Answer:
    return Answer(request, AnswerState.REFUSED if refused else AnswerState.FAILED, reason=reason)

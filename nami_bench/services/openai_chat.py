"""Questions about images to a server that speaks OpenAI's protocol: POST /v1/chat/completions.

https://platform.openai.com/docs/api-reference/chat/create
"""

import base64
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from PIL.Image import Image

from nami_bench.errors import WorkError
from nami_bench.services.bounded_client import Answer
from nami_bench.services.openai import (
    OpenAIServer,
    RequestFailedError,
    ServerOptions,
    excerpt,
    in_order,
    read_key,
)
from nami_bench.services.retrying_client import RetryingClient

CHAT_BYTES = 4 * 1024 * 1024
"""No answer in words is larger."""

_REQUESTS_PER_WORKER = 8

T = TypeVar("T")
R = TypeVar("R")


class Chat:
    """A server that is asked about images, or texts alone; may be used from several threads."""

    def __init__(self, server: OpenAIServer, options: ServerOptions) -> None:
        self.server = server
        self._options = options

    def ask(
        self, image: Image | str | None, text: str, *, longest_side: int | None = None, **settings: Any
    ) -> tuple[Mapping[str, Any], Answer, str]:
        """(first choice, whole answer, the model that the server says it asked) to an image, or None, and a
        text.

        `image` may be its `data_url`, which several questions share. A larger image is sent reduced to
        `longest_side`. `settings` are further fields of the request, over which the options' `extra` goes;
        one of None is left out. Raises RequestFailedError for a refusal or an answer without a choice,
        WorkError where no further answer can be had.
        """
        seen: list[dict[str, Any]] = []
        if image is not None:
            url = image if isinstance(image, str) else data_url(image, longest_side)
            seen.append({"type": "image_url", "image_url": {"url": url}})
        content = [*seen, {"type": "text", "text": text}]
        body = {
            "model": self._options.model,
            "messages": [{"role": "user", "content": content}],
            **settings,
            **self._options.extra,
        }
        answer, payload = self.server.ask({name: value for name, value in body.items() if value is not None})
        choices = payload.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if answer.status >= 300 or not isinstance(choice, dict):
            self.server.raise_for(answer, payload.get("error"))
            raise RequestFailedError(f"{self.server.url} answered without a choice: {excerpt(answer)}")
        message = choice.get("message")
        refusal = message.get("refusal") if isinstance(message, dict) else None
        if choice.get("finish_reason") == "content_filter" or refusal:
            reason = str(refusal or "the server's content filter refused to answer")
            raise RequestFailedError(reason, refused=True)
        return choice, answer, self.server.clean(str(payload.get("model", "")))


def first_token(choice: Mapping[str, Any], answer: Answer, server: OpenAIServer) -> list[tuple[str, float]]:
    """What the first token of an answer may be, with probabilities, the likeliest first.

    Raises WorkError where the server tells none.
    """
    try:
        listed = choice["logprobs"]["content"][0]["top_logprobs"]
        pairs = [(str(entry["token"]), math.exp(float(entry["logprob"]))) for entry in listed]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        pairs = []
    if not pairs:
        raise WorkError(
            f"{server.url} gives no log probabilities of its answers: choose a server that does, "
            f"or read the answers themselves with -O logprobs=false ({excerpt(answer)})"
        )
    return sorted(pairs, key=lambda pair: -pair[1])


def words(choice: Mapping[str, Any]) -> str | None:
    """An answer's words; None where it has none."""
    message = choice.get("message")
    said = message.get("content") if isinstance(message, dict) else None
    return said if isinstance(said, str) else None


def ask_about(
    items: Iterable[T],
    options: ServerOptions,
    where: str,
    ask: Callable[[Chat, T], R],
    failed: Callable[[T, str, bool], R],
) -> Iterator[R]:
    """Yield what `ask` makes of each item, in order, several at once.

    `failed` makes it of an item, the reason for which its request brought nothing, and whether that was a
    refusal. `where` begins messages. Raises InputError without a key, and WorkError where no further answer
    can be had; what the other requests brought is yielded before.
    """
    key = read_key(options.key_env, where)
    url = options.base_url.rstrip("/") + "/chat/completions"
    remaining = iter(items)
    with (
        RetryingClient(options.timeout, options.max_retries, options.concurrency) as client,
        ThreadPoolExecutor(options.concurrency) as pool,
    ):
        server = OpenAIServer(client, url, key, options.key_env, "answers", CHAT_BYTES)
        chat = Chat(server, options)

        def answer(item: T) -> R | None:
            if client.stop.is_set():
                return None
            try:
                return ask(chat, item)
            except RequestFailedError as problem:
                return failed(item, server.clean(str(problem)), problem.refused)
            except WorkError as error:
                client.stop.set()
                raise WorkError(server.clean(str(error))) from None

        try:
            while batch := list(islice(remaining, options.concurrency * _REQUESTS_PER_WORKER)):
                yield from in_order((pool.submit(answer, item) for item in batch), client.stop, len(batch))
        finally:
            client.stop.set()


def data_url(image: Image, longest_side: int | None = None) -> str:
    """An image as PNG in a data URL; a larger one reduced to `longest_side`."""
    if longest_side is not None and max(image.size) > longest_side:
        image = image.copy()
        image.thumbnail((longest_side, longest_side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

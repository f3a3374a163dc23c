"""Image services that speak OpenAI's protocol: POST /v1/images/generations.

https://platform.openai.com/docs/api-reference/images/create
"""

import json
import os
import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pydantic import Json

from generators.openai_endpoint import ImagesEndpoint
from generators.protocol import GenerationRequest, GenerationResult
from generators.retrying_client import RetryingClient
from nami_bench.errors import GenerationError, InputError

_OWN_KEYS = frozenset({"model", "prompt", "n", "size", "quality", "seed", "stream"})
_REQUESTS_PER_WORKER = 8


class OpenAIImagesGenerator:
    """Asks a server for each image: OpenAI's own, or any that is compatible.

    The key is read from the environment when images are made; it is in no option, record, reason or log.
    An image of such a service does not follow from the request's seed, unless the server says so: a lost
    file cannot be made again.

    Interrupted, it waits for the images that are being made, which are paid for, and yields them first.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """Which server is asked for what, and how hard.

        `model`: the server's name for it. `base_url`: up to and with /v1. `size` and `quality`: as the server
        understands them; empty sends none. `extra`: a JSON object of further fields of the request.
        `send_seed`: send the low 31 bits of each image's seed as `seed`, for servers that know that field
        (OpenAI's does not). `key_env`: the environment variable that holds the key; empty for a server
        without keys. `concurrency`: requests under way at once, 1..64. `timeout`: seconds for one attempt,
        up to 3600. `max_retries`: attempts after the first, 0..20.
        """

        model: str
        base_url: str = "https://api.openai.com/v1"
        size: str = "1024x1024"
        quality: str = ""
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        send_seed: bool = False
        key_env: str = "OPENAI_API_KEY"
        concurrency: int = 4
        timeout: float = 180.0
        max_retries: int = 6

        def __post_init__(self) -> None:
            _check_options(self)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.batch_size = options.concurrency * _REQUESTS_PER_WORKER
        self._url = options.base_url.rstrip("/") + "/images/generations"

    def describe(self) -> Mapping[str, Any]:
        """Adapter, server and what is asked of it; neither the key nor where it comes from."""
        asked = self.options
        return {
            "adapter": "openai-images",
            "base_url": asked.base_url,
            "model": asked.model,
            "size": asked.size,
            "quality": asked.quality,
            "extra": asked.extra,
            "send_seed": asked.send_seed,
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one image, failure or refusal for each request, in order.

        Raises InputError without a key, and GenerationError where no further image can be had: a refused
        key, an unknown model, no credit, no server. What the other requests brought is yielded before.
        """
        options = self.options
        key = _read_key(options.key_env)
        with (
            RetryingClient(options.timeout, options.max_retries, options.concurrency) as client,
            ThreadPoolExecutor(options.concurrency) as pool,
        ):
            endpoint = ImagesEndpoint(client, self._url, key, options.key_env)
            bodies = (self._body(request) for request in requests)
            asked = zip(requests, bodies, strict=True)
            futures = deque(pool.submit(endpoint.result, request, body) for request, body in asked)
            try:
                yield from _in_order(futures, client.stop)
            finally:
                client.stop.set()

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        asked = self.options
        body = {"model": asked.model, "prompt": request.prompt.text, "n": 1, **asked.extra}
        if asked.size:
            body["size"] = asked.size
        if asked.quality:
            body["quality"] = asked.quality
        if asked.send_seed:
            body["seed"] = request.seed % 2**31  # what a signed 32-bit field holds
        return body


def _in_order(
    futures: deque[Future[GenerationResult | None]], stop: threading.Event
) -> Iterator[GenerationResult]:
    """Yield what was finished before raising what ended the run; results are let go once they are yielded."""
    ending: BaseException | None = None
    while futures:
        result = None
        try:
            result = futures[0].result()
        except GenerationError as error:
            ending = ending or error
        except KeyboardInterrupt as error:
            if stop.is_set():  # interrupted once more
                raise
            stop.set()
            ending = error
            continue
        futures.popleft()
        if result is not None:
            yield result
    if ending is not None:
        raise ending


def _read_key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(
            f"generator 'openai-images': the environment variable {variable} holds no key: set it, or give "
            "key_env= for a server without keys"
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"generator 'openai-images': {variable} holds characters that no key has")
    return key


def _check_options(options: OpenAIImagesGenerator.Options) -> None:
    where = "generator 'openai-images'"
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
    if own := sorted(_OWN_KEYS & options.extra.keys()):
        raise InputError(f"{where}: extra may not hold {', '.join(own)}")

"""Image services that speak OpenAI's protocol: POST /v1/images/generations.

https://platform.openai.com/docs/api-reference/images/create
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Json

from nami_bench.generators.openai_endpoint import ImagesEndpoint
from nami_bench.generators.openai_servers import OptionalFields, ServerName, default_fields, server_kind
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.served import ServedRun, batch_size, results, sent_seed
from nami_bench.services.openai import check_options, read_key
from nami_bench.services.retrying_client import RetryingClient

_WHERE = "generator 'openai-images'"
_OWN_FIELDS = frozenset({"model", "prompt", "n", "size", "quality", "seed", "stream"})


class OpenAIImagesGenerator:
    """Asks a server for each image: OpenAI's own, or any that is compatible.

    The key is read from the environment when images are made; it is in no option, record, reason or log.
    An image of such a service does not follow from the request's seed, unless the server is known to heed
    it: a lost file cannot be made again.

    Interrupted, it waits for the images that are being made, which are paid for, and yields them first.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """Which server is asked for what, and how hard.

        `model`: the server's name for it. `base_url`: up to and with /v1. `size` and `quality`: as the server
        understands them; empty sends none. `extra`: a JSON object of further fields of the request.
        `send_seed`: whether the low 31 bits of each image's seed are sent as `seed`; unless it is given, they
        are sent to every server but OpenAI's, which has no such field, and left out where they are refused.
        `server`: whose protocol it is, where the address does not tell; sets what is sent unless `extra`
        says otherwise, and nothing else. `key_env`: the environment variable that holds the key; empty for a
        server without keys. `concurrency`: requests under way at once, 1..64. `timeout`: seconds for one
        attempt, up to 3600. `max_retries`: attempts after the first, 0..20.
        """

        model: str
        base_url: str = "https://api.openai.com/v1"
        size: str = "1024x1024"
        quality: str = ""
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        send_seed: bool | None = None
        server: ServerName = "auto"
        key_env: str = "OPENAI_API_KEY"
        concurrency: int = 4
        timeout: float = 180.0
        max_retries: int = 6

        def __post_init__(self) -> None:
            check_options(self, _OWN_FIELDS, _WHERE)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.batch_size = batch_size(options.concurrency)
        self._run = ServedRun(options.concurrency)
        kind = server_kind(options.server, options.base_url)
        self._defaults = {n: v for n, v in default_fields(kind).items() if n not in options.extra}
        self._sends_seed = kind != "openai" if options.send_seed is None else options.send_seed
        self._optional = OptionalFields([*self._defaults, *(["seed"] if options.send_seed is None else [])])

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
            "send_seed": self._sends_seed,
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one image, failure or refusal for each request, in order.

        Raises InputError without a key, and GenerationError where no further image can be had: a refused
        key, an unknown model, no credit, no server. What the other requests brought is yielded before.
        """
        options = self.options
        key = read_key(options.key_env, _WHERE)
        with RetryingClient(options.timeout, options.max_retries, options.concurrency) as client:
            endpoint = ImagesEndpoint(
                client, options.base_url, key, options.key_env, self._optional, self._run
            )
            yield from results(
                requests,
                options.concurrency,
                client.stop,
                lambda request: endpoint.result(request, self._body(request)),
            )

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        asked = self.options
        body = {"model": asked.model, "prompt": request.prompt.text, "n": 1, **self._defaults, **asked.extra}
        if asked.size:
            body["size"] = asked.size
        if asked.quality:
            body["quality"] = asked.quality
        if self._sends_seed:
            body["seed"] = sent_seed(request)
        return body

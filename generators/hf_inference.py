"""Models behind the Hugging Face hub's inference providers and endpoints, by `huggingface_hub`'s own client.

https://huggingface.co/docs/huggingface_hub/package_reference/inference_client
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError
from PIL.Image import Image
from pydantic import Json

from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, ImageError, InputError, WorkError
from nami_bench.generators.openai_servers import OptionalFields, refused_fields
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.served import ServedRun, Stopwatch, batch_size, results, sent_seed
from nami_bench.images import HeldImage, read_image
from nami_bench.services.bounded_client import Answer, Headers, NoAnswerError, UnreachableError
from nami_bench.services.openai import KeyedServer, RequestFailedError, check_options, parsed, read_key
from nami_bench.services.retrying_client import Persistence
from nami_bench.transparency import SAID, is_see_through

_WHERE = "generator 'hf-inference'"
_ROUTER = "https://router.huggingface.co"
_FORMATS = ("PNG", "JPEG", "WEBP")
# What the library's client raises where there is no answer: the base class of its copy of httpx.
_HTTP_ERROR: type[BaseException] = HfHubHTTPError.__bases__[0]

Provider = Literal[
    "auto", "hf-inference", "fal-ai", "nscale", "replicate", "together", "wavespeed", "zai-org"
]


class HfInferenceGenerator:
    """Asks a provider of the Hugging Face hub, or an inference endpoint, for each image.

    The provider gives pixels and nothing else: neither which seed nor which settings it heeded. What it is
    asked for is recorded. A lost file cannot be made again for certain.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """Which model is asked for what, by whom, and how hard.

        `model`: its name on the hub. `provider`: who runs it; "auto" is the first of those that you have
        chosen on the hub, and may be another one tomorrow. `base_url`: the address of an inference endpoint
        instead. `steps`, `guidance_scale`, `height`, `width`, `negative_prompt`, `scheduler`: sent where
        given. `extra`: a JSON object of further parameters. `send_seed`: send the low 31 bits of each image's
        seed. `key_env`: the environment variable with the hub's token, or the provider's own key; empty for
        an endpoint without one. `concurrency`: requests under way at once, 1..64. `timeout`: seconds that a
        request may be silent, up to 3600. `max_retries`: attempts after the first, 0..20.
        """

        model: str
        provider: Provider = "auto"
        base_url: str = ""
        steps: int | None = None
        guidance_scale: float | None = None
        height: int | None = None
        width: int | None = None
        negative_prompt: str | None = None
        scheduler: str | None = None
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        send_seed: bool = True
        key_env: str = "HF_TOKEN"
        concurrency: int = 4
        timeout: float = 180.0
        max_retries: int = 6

        def __post_init__(self) -> None:
            check_options(_Checked(self), _NAMED.keys() | {"seed"}, _WHERE)
            if self.base_url and self.provider not in ("auto", "hf-inference"):
                raise InputError(
                    f"{_WHERE}: base_url is an endpoint's own address; give no provider beside it"
                )
            for name, least in (("steps", 1), ("guidance_scale", 0), ("height", 1), ("width", 1)):
                value = getattr(self, name)
                if value is not None and not value >= least:
                    raise InputError(f"{_WHERE}: {name} {value} is below {least}")

    def __init__(self, options: Options) -> None:
        self.options = options
        self.batch_size = batch_size(options.concurrency)
        self._run = ServedRun(options.concurrency)
        self._optional = OptionalFields(["seed"])

    def describe(self) -> Mapping[str, Any]:
        """Adapter, provider, model and what is asked of it; no key."""
        asked = self.options
        return {
            "adapter": "hf-inference",
            "provider": asked.provider,
            "base_url": asked.base_url,
            "model": asked.model,
            "call": self._parameters,
            "send_seed": asked.send_seed,
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one image, failure or refusal for each request, in order.

        Raises InputError without a key, and GenerationError where no further image can be had.
        """
        options = self.options
        key = read_key(options.key_env, _WHERE)
        persistence = Persistence(options.max_retries)
        endpoint = _Endpoint(options, key, persistence, self._optional, self._run)
        yield from results(
            requests,
            options.concurrency,
            persistence.stop,
            lambda request: endpoint.result(request, self._sent(request)),
        )

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        named = {sent: getattr(self.options, option) for sent, option in _NAMED.items()}
        return {name: value for name, value in named.items() if value is not None} | self.options.extra

    def _sent(self, request: GenerationRequest) -> dict[str, Any]:
        seed = {"seed": sent_seed(request)} if self.options.send_seed else {}
        return {**self._parameters, **seed}


_NAMED = {
    "num_inference_steps": "steps",
    "guidance_scale": "guidance_scale",
    "height": "height",
    "width": "width",
    "negative_prompt": "negative_prompt",
    "scheduler": "scheduler",
}


@dataclass(frozen=True, slots=True)
class _Checked:
    """The options as `check_options` reads them: the hub's router where no endpoint is named."""

    options: HfInferenceGenerator.Options

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.options, name)
        return value or _ROUTER if name == "base_url" else value


class _Endpoint:
    """One model of one provider, asked with one key."""

    def __init__(
        self,
        options: HfInferenceGenerator.Options,
        key: str,
        persistence: Persistence,
        optional: OptionalFields,
        run: ServedRun,
    ) -> None:
        where = options.base_url or f"{options.model} ({options.provider})"
        self._server = KeyedServer(where, key, options.key_env, "images")
        self._persistence, self._optional, self._run = persistence, optional, run
        # Without a token the library would send the one that somebody logged in with on this machine.
        self._client = InferenceClient(
            model=options.base_url or options.model,
            provider="hf-inference" if options.base_url else options.provider,
            token=key or "none",
            timeout=options.timeout,
        )

    def result(self, request: GenerationRequest, asked: Mapping[str, Any]) -> GenerationResult | None:
        """The request's result, or None where the run was stopped before it was sent."""
        if self._persistence.stop.is_set():
            return None
        try:
            return self._image(request, asked)
        except RequestFailedError as problem:
            state = ImageState.REFUSED if problem.refused else ImageState.FAILED
            return GenerationResult(request, state, reason=self._server.clean(str(problem)))
        except WorkError as error:
            self._persistence.stop.set()
            raise GenerationError(self._server.clean(str(error))) from None

    def _image(self, request: GenerationRequest, asked: Mapping[str, Any]) -> GenerationResult:
        warm, watch = self._run.warm, Stopwatch()
        sent, answer, opened = self._ask(request.prompt.text, asked)
        times = watch.read()
        image, see_through = _decoded(opened)
        known = {
            "attempts": answer.attempts,
            **self._run.provenance(times, warm, sent, image),
            "provider": self._client.provider,
            **(SAID if see_through else {}),
        }
        provenance = {name: value for name, value in known.items() if value is not None}
        return GenerationResult(
            request, ImageState.DONE, seconds=answer.seconds, image=image, provenance=provenance
        )

    def _ask(self, prompt: str, asked: Mapping[str, Any]) -> tuple[dict[str, Any], Answer, Image]:
        """What was sent in the end, the answer, and its image, not yet decoded."""
        while True:
            sent = self._optional.kept(asked)
            opened: list[Image] = []
            answer = self._persist(prompt, sent, opened)
            if opened:
                return sent, answer, opened[-1]
            payload = parsed(answer)
            refused = refused_fields(answer, payload, {**sent, "prompt": prompt})
            said = self._server.clean(answer.body.decode(errors="replace"))
            if refused and self._optional.drop(refused, said):
                continue
            if refused:
                names = " and ".join(sorted(refused))
                raise WorkError(
                    f"{self._server.url} does not take {names} as the model's options give it: {said}"
                )
            self._server.raise_for(answer, payload.get("error"))
            raise RequestFailedError(f"{self._server.url} answered {answer.status} without an image: {said}")

    def _persist(self, prompt: str, sent: Mapping[str, Any], opened: list[Image]) -> Answer:
        try:
            return self._persistence.answer(self._server.url, lambda: self._once(prompt, sent, opened))
        except UnreachableError as error:
            raise WorkError(f"cannot reach {self._server.url}: {error}") from error
        except NoAnswerError as error:
            raise RequestFailedError(f"no answer from {self._server.url}: {error}") from error

    def _once(self, prompt: str, sent: Mapping[str, Any], opened: list[Image]) -> Answer:
        """One attempt, as an answer; its image goes to `opened`."""
        started = time.perf_counter()
        named = {name: value for name, value in sent.items() if name in _NAMED or name == "seed"}
        further = {name: value for name, value in sent.items() if name not in named}
        try:
            opened.append(self._client.text_to_image(prompt, **named, extra_body=further or None))
        except InferenceTimeoutError as error:
            raise NoAnswerError("timed out", may_pass=True) from error
        except HfHubHTTPError as error:
            response = error.response
            seconds = time.perf_counter() - started
            return Answer(response.status_code, Headers(dict(response.headers)), response.content, seconds)
        except _HTTP_ERROR as error:
            kind = UnreachableError if type(error).__name__.startswith("Connect") else NoAnswerError
            raise kind(f"{type(error).__name__}: {error}", may_pass=True) from error
        except (ValueError, ImportError) as error:
            # Of the library itself, before anything is sent: a model that the provider does not have.
            raise WorkError(f"{self._server.url}: {error}") from error
        except (OSError, KeyError, IndexError, TypeError) as error:
            raise RequestFailedError(f"{self._server.url} answered without an image: {error}") from error
        return Answer(200, Headers(), b"", time.perf_counter() - started)


def _decoded(opened: Image) -> tuple[Image, bool]:
    """The image, and whether it was transparent in places.

    The library has looked at the file's header only; what is none of the usual formats is not decoded.
    """
    if opened.format not in _FORMATS:
        raise RequestFailedError(f"what the server sent is {opened.format}, not PNG, JPEG or WebP")
    try:
        return read_image(HeldImage(opened, "what the server sent")), is_see_through(opened)
    except ImageError as error:
        raise RequestFailedError(str(error)) from error

"""One endpoint that speaks OpenAI's images protocol: what is sent to it, and what its answers mean."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, ImageError, WorkError
from nami_bench.generators.openai_servers import OptionalFields, peak_memory, refused_fields, rewriting, told
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.served import ServedRun, Stopwatch
from nami_bench.images import decode_told
from nami_bench.services.bounded_client import Answer, NoAnswerError
from nami_bench.services.openai import OpenAIServer, RequestFailedError, excerpt
from nami_bench.services.retrying_client import RetryingClient
from nami_bench.transparency import SAID

# 8192 x 8192: a file of kilobytes may claim more, and every one of them is unpacked in memory.
_MAX_PIXELS = 2**26


class ImagesEndpoint:
    """One server and one key; every text that leaves it is free of the key."""

    def __init__(
        self,
        client: RetryingClient,
        base_url: str,
        key: str,
        key_env: str,
        optional: OptionalFields,
        run: ServedRun,
    ) -> None:
        self._client = client
        self._run = run
        self._base_url = base_url.rstrip("/")
        self._server = OpenAIServer(client, f"{self._base_url}/images/generations", key, key_env, "images")
        self._optional = optional

    def result(self, request: GenerationRequest, body: Mapping[str, Any]) -> GenerationResult | None:
        """The request's result, or None where the run was stopped before it was sent."""
        if self._client.stop.is_set():
            return None
        try:
            return self._image(request, body)
        except RequestFailedError as problem:
            state = ImageState.REFUSED if problem.refused else ImageState.FAILED
            return GenerationResult(request, state, reason=self._server.clean(str(problem)))
        except WorkError as error:
            self._client.stop.set()
            raise GenerationError(self._server.clean(str(error))) from None

    def _image(self, request: GenerationRequest, body: Mapping[str, Any]) -> GenerationResult:
        warm, watch = self._run.warm, Stopwatch()
        sent, answer, payload = self._ask(body)
        item = self._item(answer, payload)
        data, fetching = self._bytes(item)
        times = watch.read()
        try:
            image, see_through = decode_told(data, "what the server sent", _MAX_PIXELS)
        except ImageError as error:
            raise RequestFailedError(str(error)) from error
        provenance = {
            "attempts": answer.attempts,
            **self._run.provenance(times, warm, sent, image),
            **self._said(answer, payload, item),
            **rewriting(request.prompt.text, sent, payload, item),
            **(SAID if see_through else {}),
        }
        known = {name: self._clean(value) for name, value in provenance.items() if value is not None}
        seconds = answer.seconds + fetching
        return GenerationResult(request, ImageState.DONE, seconds=seconds, image=image, provenance=known)

    def _ask(self, body: Mapping[str, Any]) -> tuple[dict[str, Any], Answer, Mapping[str, Any]]:
        """What was sent in the end, and the answer to it.

        Fields that nobody asked for are left out where the server does not take them. Raises WorkError
        where it does not take one that was asked for: no other request would fare better.
        """
        while True:
            sent = self._optional.kept(body)
            answer, payload = self._server.ask(sent)
            refused = refused_fields(answer, payload, sent)
            if not refused:
                return sent, answer, payload
            said = self._server.clean(_words(answer, payload))
            if not self._optional.drop(refused, said):
                names = " and ".join(sorted(refused))
                raise WorkError(
                    f"{self._server.url} does not take {names} as the model's options give it: {said}"
                )

    def _said(self, answer: Answer, payload: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
        served = payload.get("model")
        return {
            "request_id": answer.headers.get("x-request-id"),
            "served_model": served if isinstance(served, str) else None,
            "peak_memory_bytes": peak_memory(payload),
            "server": told(payload, item) or None,
        }

    def _bytes(self, item: Mapping[str, Any]) -> tuple[bytes, float]:
        """The image's file, and the seconds that fetching it took."""
        if isinstance(inline := item.get("b64_json"), str):
            return _base64(inline), 0.0
        url = str(item["url"])
        if url.startswith("data:image/"):
            return _base64(url), 0.0
        fetched = self._fetch(url)
        return fetched.body, fetched.seconds

    def _fetch(self, url: str) -> Answer:
        """The image behind the address that the server gave.

        The key goes to addresses relative to the server's own, which are on the server, and to no other.
        """
        headers = {}
        if url.startswith("/") and not url.startswith(("//", "/\\")):
            url, headers = urljoin(f"{self._base_url}/", url), self._server.headers
        address = url.partition("?")[0]  # the rest may be a signature
        if not url.startswith(("https://", "http://")):
            raise RequestFailedError(
                f"the server gave the image's address as {address!r}, which is not http(s)"
            )
        try:
            answer = self._client.send("GET", url, follow_redirects=True, headers=headers)
        except NoAnswerError as error:
            raise RequestFailedError(f"no answer from the image's address {address}: {error}") from error
        if answer.status != 200:
            raise RequestFailedError(f"the image's address {address} answered {answer.status}")
        return answer

    def _item(self, answer: Answer, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer's first image, b64_json or url among its fields.

        Raises RequestFailedError, or WorkError where there will be no other image either.
        """
        items = payload.get("data")
        item = items[0] if isinstance(items, list) and items else None
        if answer.status < 300 and isinstance(item, dict):
            picture = item.get("b64_json"), item.get("url")
            if any(isinstance(value, str) for value in picture):
                return item
        self._server.raise_for(answer, payload.get("error"))
        raise RequestFailedError(f"{self._server.url} answered without an image: {excerpt(answer)}")

    def _clean(self, value: Any) -> Any:
        """A value of provenance without the key, however deep it stands."""
        if isinstance(value, str):
            return self._server.redacted(value)
        if isinstance(value, dict):
            return {self._server.redacted(name): self._clean(inner) for name, inner in value.items()}
        return [self._clean(inner) for inner in value] if isinstance(value, list) else value


def _words(answer: Answer, payload: Mapping[str, Any]) -> str:
    error = payload.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or payload.get("detail") or excerpt(answer))


def _base64(text: str) -> bytes:
    """Decode, with or without the `data:image/png;base64,` that some servers put before it."""
    try:
        return base64.b64decode(text.rpartition(",")[2])
    except ValueError as error:
        raise RequestFailedError(f"the server's b64_json is not base64: {error}") from error

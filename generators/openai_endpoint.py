"""One endpoint that speaks OpenAI's images protocol: what is sent to it, and what its answers mean."""

import base64
from collections.abc import Mapping
from typing import Any

from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, ImageError, WorkError
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.images import decode_image
from nami_bench.services.bounded_client import Answer, NoAnswerError
from nami_bench.services.openai import OpenAIServer, RequestFailedError, excerpt
from nami_bench.services.retrying_client import RetryingClient

# 8192 x 8192: a file of kilobytes may claim more, and every one of them is unpacked in memory.
_MAX_PIXELS = 2**26


class ImagesEndpoint:
    """One server and one key; every text that leaves it is free of the key."""

    def __init__(self, client: RetryingClient, url: str, key: str, key_env: str) -> None:
        self._client = client
        self._server = OpenAIServer(client, url, key, key_env, "images")

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
        answer, payload = self._server.ask(body)
        item = self._item(answer, payload)
        seconds = answer.seconds
        if "b64_json" in item:
            data = _base64(item["b64_json"])
        else:
            fetched = self._fetch(item["url"])
            data, seconds = fetched.body, seconds + fetched.seconds
        try:
            image = decode_image(data, "what the server sent", _MAX_PIXELS)
        except ImageError as error:
            raise RequestFailedError(str(error)) from error
        known = {
            "attempts": answer.attempts,
            "request_id": answer.headers.get("x-request-id"),
            "revised_prompt": item.get("revised_prompt"),
            "served_model": served if isinstance(served := payload.get("model"), str) else None,
            "sent_seed": body.get("seed"),
        }
        provenance = {
            name: self._server.redacted(value) if isinstance(value, str) else value
            for name, value in known.items()
            if value is not None
        }
        return GenerationResult(request, ImageState.DONE, seconds=seconds, image=image, provenance=provenance)

    def _fetch(self, url: str) -> Answer:
        """The image behind the address that the server gave; the key does not go there."""
        address = url.partition("?")[0]  # the rest may be a signature
        if not url.startswith(("https://", "http://")):
            raise RequestFailedError(
                f"the server gave the image's address as {address!r}, which is not http(s)"
            )
        try:
            answer = self._client.send("GET", url, follow_redirects=True)
        except NoAnswerError as error:
            raise RequestFailedError(f"no answer from the image's address {address}: {error}") from error
        if answer.status != 200:
            raise RequestFailedError(f"the image's address {address} answered {answer.status}")
        return answer

    def _item(self, answer: Answer, payload: Mapping[str, Any]) -> Mapping[str, str]:
        """The text fields of the answer's first image, b64_json or url among them.

        Raises RequestFailedError, or WorkError where there will be no other image either.
        """
        items = payload.get("data")
        item = items[0] if isinstance(items, list) and items else None
        if answer.status < 300 and isinstance(item, dict):
            kept = {name: value for name, value in item.items() if isinstance(value, str)}
            if "b64_json" in kept or "url" in kept:
                return kept
        self._server.raise_for(answer, payload.get("error"))
        raise RequestFailedError(f"{self._server.url} answered without an image: {excerpt(answer)}")


def _base64(text: str) -> bytes:
    """Decode, with or without the `data:image/png;base64,` that some servers put before it."""
    try:
        return base64.b64decode(text.rpartition(",")[2])
    except ValueError as error:
        raise RequestFailedError(f"the server's b64_json is not base64: {error}") from error

"""One endpoint that speaks OpenAI's images protocol: what is sent to it, and what its answers mean."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx

from generators.protocol import GenerationRequest, GenerationResult
from generators.retrying_client import LONGEST_RETRY_AFTER, Answer, RetryingClient, describe_error
from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, ImageError, one_line
from nami_bench.images import decode_image

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


class _NoImageError(Exception):
    """This one image is not to be had."""

    def __init__(self, reason: str, state: ImageState = ImageState.FAILED) -> None:
        super().__init__(reason)
        self.state = state


class ImagesEndpoint:
    """One server and one key; every text that leaves it is free of the key."""

    def __init__(self, client: RetryingClient, url: str, key: str, key_env: str) -> None:
        self._client = client
        self._url = url
        self._key = key
        self._key_env = key_env

    def result(self, request: GenerationRequest, body: Mapping[str, Any]) -> GenerationResult | None:
        """The request's result, or None where the run was stopped before it was sent."""
        if self._client.stop.is_set():
            return None
        try:
            return self._image(request, body)
        except _NoImageError as problem:
            return GenerationResult(request, problem.state, reason=self._clean(str(problem)))
        except GenerationError as error:
            self._client.stop.set()
            raise GenerationError(self._clean(str(error))) from None

    def _image(self, request: GenerationRequest, body: Mapping[str, Any]) -> GenerationResult:
        answer = self._ask(body)
        item = self._item(answer)
        seconds = answer.seconds
        if "b64_json" in item:
            data = _base64(item["b64_json"])
        else:
            fetched = self._fetch(item["url"])
            data, seconds = fetched.body, seconds + fetched.seconds
        try:
            image = decode_image(data, "what the server sent")
        except ImageError as error:
            raise _NoImageError(str(error)) from error
        known = {
            "attempts": answer.attempts,
            "request_id": answer.headers.get("x-request-id"),
            "revised_prompt": item.get("revised_prompt"),
            "sent_seed": body.get("seed"),
        }
        provenance = {
            name: self._redacted(value) if isinstance(value, str) else value
            for name, value in known.items()
            if value is not None
        }
        return GenerationResult(request, ImageState.DONE, seconds=seconds, image=image, provenance=provenance)

    def _ask(self, body: Mapping[str, Any]) -> Answer:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            return self._client.send("POST", self._url, headers=headers, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise GenerationError(
                f"cannot reach {self._url} ({describe_error(error)}): see that the server runs and that "
                "base_url is right"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _NoImageError(f"no answer from {self._url}: {describe_error(error)}") from error

    def _fetch(self, url: str) -> Answer:
        """The image behind the address that the server gave; the key does not go there."""
        address = url.partition("?")[0]  # the rest may be a signature
        if not url.startswith(("https://", "http://")):
            raise _NoImageError(f"the server gave the image's address as {address!r}, which is not http(s)")
        try:
            answer = self._client.send("GET", url, follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _NoImageError(
                f"no answer from the image's address {address}: {describe_error(error)}"
            ) from error
        if answer.status != 200:
            raise _NoImageError(f"the image's address {address} answered {answer.status}")
        return answer

    def _item(self, answer: Answer) -> Mapping[str, str]:
        """The text fields of the answer's first image, b64_json or url among them.

        Raises _NoImageError, or GenerationError where there will be no other image either.
        """
        payload = _parsed(answer)
        items = payload.get("data")
        item = items[0] if isinstance(items, list) and items else None
        if answer.status < 300 and isinstance(item, dict):
            kept = {name: value for name, value in item.items() if isinstance(value, str)}
            if "b64_json" in kept or "url" in kept:
                return kept
        self._raise_for(answer, payload.get("error"))
        raise _NoImageError(f"{self._url} answered without an image: {_excerpt(answer)}")

    def _raise_for(self, answer: Answer, error: Any) -> None:
        """Tell refusals from what ends the run and from what fails this image only."""
        details = error if isinstance(error, dict) else {}
        codes = {str(details.get("code")), str(details.get("type"))}
        said = str(details.get("message") or error or _excerpt(answer))
        if codes & _REFUSALS:
            raise _NoImageError(said, ImageState.REFUSED)
        if codes & _OUT_OF_CREDIT or answer.status == 402:
            raise GenerationError(f"{self._url} gives no more images for this account: {said}")
        if answer.status == 401:
            # The server's own words are left out: some repeat the key.
            what = f"the key in ${self._key_env}" if self._key else "to answer without a key; set key_env"
            raise GenerationError(f"{self._url} refused {what} (401)")
        if answer.status == 429 and (answer.retry_after or 0) > LONGEST_RETRY_AFTER:
            raise GenerationError(
                f"{self._url} asks to wait {answer.retry_after:.0f} seconds: run again then"
            )
        if answer.status in (403, 404):
            raise GenerationError(
                f"{self._url} answered {answer.status}: see to base_url, model and the key's rights: {said}"
            )
        if 300 <= answer.status < 400:
            target = answer.headers.get("location", "nowhere")
            raise GenerationError(f"{self._url} has moved to {target}: set base_url to the new address")
        if answer.status >= 400:
            tries = f" after {answer.attempts} attempts" if answer.attempts > 1 else ""
            raise _NoImageError(f"{self._url} answered {answer.status}{tries}: {said}")

    def _redacted(self, text: str) -> str:
        # A key shorter than this is a dummy for a server that checks none, and part of common words.
        return text.replace(self._key, "***") if len(self._key) >= 8 else text

    def _clean(self, text: str) -> str:
        """`text` as one short line without the key."""
        return one_line(self._redacted(text))


def _parsed(answer: Answer) -> Mapping[str, Any]:
    """The answer's JSON object; empty where it is none."""
    try:
        payload = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _base64(text: str) -> bytes:
    """Decode, with or without the `data:image/png;base64,` that some servers put before it."""
    try:
        return base64.b64decode(text.rpartition(",")[2])
    except ValueError as error:
        raise _NoImageError(f"the server's b64_json is not base64: {error}") from error


def _excerpt(answer: Answer) -> str:
    return answer.body[:10_000].decode(errors="replace") or "(nothing)"

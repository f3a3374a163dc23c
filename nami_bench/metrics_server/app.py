"""The server's routes: requests are checked, decoded and bounded here; `Batches` does the work."""

import asyncio
import hashlib
import hmac
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from nami_bench import __version__
from nami_bench.errors import InputError, NamiBenchError, UnknownNameError, one_line
from nami_bench.metrics_server import gauges
from nami_bench.metrics_server.answers import Answers
from nami_bench.metrics_server.batches import Answer, Batches, FullError
from nami_bench.metrics_server.batches import Request as Asked
from nami_bench.metrics_server.settings import Limits
from nami_bench.scoring import wire
from nami_bench.scoring.given_prompts import given_prompts
from nami_bench.scoring.local import LocalMetrics

_log = logging.getLogger(__name__)

_BODIES_AT_ONCE = 4
_BODY_SECONDS = 300.0
_TYPES = (wire.JSON, wire.MSGPACK)


class _RefusedError(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


class _Room:
    """Bytes of bodies that are held at this moment: at most `most`."""

    def __init__(self, most: int) -> None:
        self._most, self._taken = most, 0

    @contextmanager
    def held(self) -> Iterator[Callable[[int], None]]:
        """Yield `grow(count)`, which takes room for more bytes of one body, or refuses; it is given back."""
        own = 0

        def grow(count: int) -> None:
            nonlocal own
            if self._taken + count > self._most:
                raise _RefusedError(503, "too many requests at once: ask again", retry_after=1)
            self._taken += count
            own += count

        try:
            yield grow
        finally:
            self._taken -= own


def build_app(
    metrics: LocalMetrics,
    limits: Limits,
    token: str | None,
) -> FastAPI:
    """The application. `token`: what clients must show, None: nothing."""
    server = _Server(metrics, limits, token)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(server.close)

    app = FastAPI(title="NAMI-Bench metrics", version=__version__, lifespan=lifespan, openapi_url=None)
    app.add_api_route("/healthz", server.health, methods=["GET"])
    app.add_api_route("/metrics", server.prometheus, methods=["GET"])
    app.add_api_route(wire.INFO_PATH, server.info, methods=["GET"])
    app.add_api_route(wire.SCORE_PATH, server.score, methods=["POST"])
    return app


class _Server:
    def __init__(self, metrics: LocalMetrics, limits: Limits, token: str | None) -> None:
        self._metrics, self._limits, self._token = metrics, limits, token
        self._gauges = gauges.Gauges(lambda: self._batches.waiting)
        self._batches = Batches(metrics, limits.batch, limits.waiting, self._gauges.batch)
        self._answers = Answers(images=limits.waiting)
        self._room = _Room(limits.body_bytes * _BODIES_AT_ONCE)
        self._about = self._describe()

    def close(self) -> None:
        """Finish the batch that is being worked on, and give the device's memory back."""
        self._batches.close()
        self._metrics.close()

    async def health(self) -> Response:
        """200: the weights are loaded, or else nobody would answer."""
        return _message({"status": "ok"}, 200, wire.JSON)

    async def prometheus(self, request: Request) -> Response:
        """Counters in Prometheus' text format."""
        try:
            self._check_token(request)
        except _RefusedError as refused:
            return _refusal(refused, wire.JSON)
        return Response(self._gauges.text(), media_type=gauges.CONTENT_TYPE)

    async def info(self, request: Request) -> Response:
        """What is served, with what, and within which limits."""
        accepted = _accepted(request)
        try:
            self._check_token(request)
        except _RefusedError as refused:
            return _refusal(refused, accepted)
        return _message(self._about, 200, accepted)

    async def score(self, request: Request) -> Response:
        """Scores of a request's images by its metrics."""
        started = time.perf_counter()
        accepted = _accepted(request)
        try:
            response = _message(await self._score(request), 200, accepted)
        except _RefusedError as refused:
            response = _refusal(refused, accepted)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        self._gauges.requests.labels(response.status_code).inc()
        self._gauges.seconds.observe(time.perf_counter() - started)
        return response

    def _describe(self) -> dict[str, Any]:
        """Asked once: metrics that are at work are not to be asked."""
        metrics = {
            name: {
                "instrument": self._metrics.instrument(name),
                "of_set": self._metrics.measures_sets(name),
                "compares_images": self._metrics.compares_images(name),
            }
            for name in self._metrics.names
        }
        limits = {
            "body_bytes": self._limits.body_bytes,
            "images": self._limits.images,
            "pixels": self._limits.pixels,
            "lossy_images": self._limits.allow_lossy,
        }
        return {
            "service": "nami-bench serve-metrics",
            "version": __version__,
            "instance": uuid.uuid4().hex,
            "channel_order": "RGB",
            "metrics": metrics,
            "limits": limits,
        }

    async def _score(self, request: Request) -> dict[str, Any]:
        self._check_token(request)
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _TYPES:
            raise _RefusedError(415, f"a request is {' or '.join(_TYPES)}, not {content_type or 'untyped'!r}")
        with self._room.held() as grow:
            body = await self._body(request, grow)
            asked, key = await run_in_threadpool(self._read, body, content_type)
            del body
        scores = await self._answered(asked, key)
        return {"scores": {name: wire.scores_message(one) for name, one in scores.items()}}

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if self._token and not hmac.compare_digest(given.encode("latin-1"), f"Bearer {self._token}".encode()):
            raise _RefusedError(401, "the token is missing or wrong: Authorization: Bearer TOKEN")

    async def _body(self, request: Request, grow: Callable[[int], None]) -> bytearray:
        """The whole body, no larger than is allowed."""
        too_large = _RefusedError(
            413, f"a request may have {self._limits.body_mb} MB: send fewer images at once"
        )
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._limits.body_bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > self._limits.body_bytes:
                        raise too_large
                    grow(len(chunk))
                    body += chunk
        except TimeoutError as error:
            raise _RefusedError(
                408, f"the request did not arrive within {_BODY_SECONDS:g} seconds"
            ) from error
        return body

    def _read(self, body: bytearray, content_type: str) -> tuple[Asked, str | None]:
        """What is asked, with decoded images, and the hash by which it is known again, if it has an id."""
        try:
            message = wire.unpack(bytes(body), content_type)
            asked = self._asked(message)
        except UnknownNameError as error:
            raise _RefusedError(404, str(error)) from error
        except InputError as error:
            raise _RefusedError(422, str(error)) from error
        return asked, hashlib.sha256(body).hexdigest() if message.get("id") else None

    def _asked(self, message: Any) -> Asked:
        if not isinstance(message, Mapping) or not {"images", "prompts"} <= message.keys():
            raise InputError("a request is an object with 'images' and 'prompts'")
        names = message.get("metrics", list(self._metrics.names))
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise InputError("'metrics' must be a list of names")
        for name in names:
            if name not in self._metrics.names:
                raise UnknownNameError("metric", name, self._metrics.names, "of this server")
        images = message["images"]
        if not isinstance(images, list):
            raise InputError("'images' must be a list")
        if len(images) > self._limits.images:
            raise _RefusedError(413, f"a request may have {self._limits.images} images, got {len(images)}")
        received = [
            wire.received_image(image, f"image {at}", self._limits.pixels, self._limits.allow_lossy)
            for at, image in enumerate(images)
        ]
        return Asked(tuple(dict.fromkeys(names)), received, given_prompts(message["prompts"], len(images)))

    async def _answered(self, asked: Asked, key: str | None) -> Answer:
        if not asked.images:
            return await run_in_threadpool(self._metrics.score, [], (), names=asked.metrics)
        try:
            if key is None:
                answer, repeated = self._batches.ask(asked), False
            else:
                answer, repeated = self._answers.get_or_ask(
                    key, len(asked.images), lambda: self._batches.ask(asked)
                )
        except FullError as error:
            raise _RefusedError(503, "as many images wait as may: ask again", retry_after=1) from error
        try:
            # A client that goes away may come back for it.
            scores = await asyncio.shield(asyncio.wrap_future(answer))
        except NamiBenchError as error:
            raise _RefusedError(422 if isinstance(error, InputError) else 424, str(error)) from error
        except asyncio.CancelledError:
            if answer.cancelled():
                raise _RefusedError(503, "the server stops: ask again", retry_after=1) from None
            raise
        except Exception as error:
            _log.exception("scoring failed")
            raise _RefusedError(500, f"scoring failed: {one_line(repr(error))}") from error
        if repeated:
            self._gauges.repeated.inc()
        else:
            self._count(scores)
        return scores

    def _count(self, scores: Answer) -> None:
        for name, one in scores.items():
            self._gauges.images.labels(name).inc(len(one.prompts))
            self._gauges.failures.labels(name).inc(len(one.failures))


def _accepted(request: Request) -> str:
    wanted = request.headers.get("accept", "")
    return wire.MSGPACK if wire.MSGPACK in wanted else wire.JSON


def _message(
    message: Mapping[str, Any], status: int, content_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(wire.pack(message, content_type), status, headers, media_type=content_type)


def _refusal(refused: _RefusedError, content_type: str) -> Response:
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    return _message({"error": str(refused)}, refused.status, content_type, headers)

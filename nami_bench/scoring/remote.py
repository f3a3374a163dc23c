"""Metrics that a server runs: the client's side of `nami_bench.scoring.wire`."""

import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError, UnknownNameError, WorkError, one_line
from nami_bench.scoring import wire
from nami_bench.scoring.given_images import Given
from nami_bench.scoring.scores import Scores
from nami_bench.services.bounded_client import Answer, NoAnswerError
from nami_bench.services.retrying_client import RetryingClient

Advance = Callable[[int], object]
_MOST_ANSWER_BYTES = 1 << 30
_WRONG_USE = frozenset({400, 404, 405, 413, 415, 422})
_MANY = 1 << 30
"""Attempts: it is the time that ends them."""


@dataclass(frozen=True, slots=True)
class _Served:
    """One of the server's metrics."""

    instrument: str
    of_set: bool
    compares_images: bool
    """Whether all images of a call must go in one request."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """An image as it goes out, with its prompt and its place among the caller's."""

    place: int
    data: bytes
    prompt: Prompt


class RemoteMetrics:
    """Sends images in requests that may be repeated: each has an id by which the server knows it again."""

    def __init__(
        self,
        url: str,
        metrics: Sequence[str] | None,
        token: str | None,
        *,
        timeout: float,
        patience: float,
        batch_size: int,
        connections: int,
    ) -> None:
        """See `Scorer.connect`."""
        if batch_size < 1 or connections < 1:
            raise InputError("batch_size and connections must be at least 1")
        self._url = url.rstrip("/")
        self._type = wire.preferred_type()
        token = token or os.environ.get(wire.TOKEN_VARIABLE)
        self._headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
        self._batch_size, self._connections = batch_size, connections
        self._closing = ExitStack()
        self._client = self._closing.enter_context(RetryingClient(timeout, _MANY, connections, patience))
        self._lock = threading.Lock()
        try:
            self._served = self._look(metrics)
        except BaseException:
            self._closing.close()
            raise
        self.names = tuple(self._served)

    def score(
        self, images: Sequence[Given], prompts: tuple[Prompt, ...], advance: Advance
    ) -> dict[str, Scores]:
        """See `Scorer.score`. Requests go out side by side; each image's values come back to its place."""
        reasons: dict[int, str] = {}
        of_images = [name for name, served in self._served.items() if not served.compares_images]
        of_groups = [
            name for name, served in self._served.items() if served.compares_images and not served.of_set
        ]
        of_sets = [name for name, served in self._served.items() if served.of_set]
        found: dict[str, Scores] = {}
        if of_images:
            parts = self._batches(images, prompts, reasons, self._batch_size)
            found |= self._joined(of_images, parts, prompts, reasons, advance)
        if of_groups:
            parts = self._batches(images, prompts, reasons, max(len(images), 1))
            found |= self._joined(of_groups, parts, prompts, reasons, advance)
        if of_sets:
            whole = list(self._sent(images, prompts, reasons))
            found |= self._ask(of_sets, whole, tuple(one.prompt for one in whole))
            advance(len(images) * len(of_sets))
        return {name: found[name] for name in self.names}

    def instrument(self, name: str) -> str:
        """What the server says that its metric's values depend on."""
        return self._served[name].instrument

    def close(self) -> None:
        """End the connections."""
        self._client.stop.set()
        self._closing.close()

    def _look(self, metrics: Sequence[str] | None) -> dict[str, _Served]:
        """The metrics that are wanted, of those that the server has."""
        message = self._message(self._send("GET", wire.INFO_PATH))
        try:
            served = {
                name: _Served(
                    str(one["instrument"]),
                    bool(one["of_set"]),
                    bool(one.get("compares_images", one["of_set"])),
                )
                for name, one in message["metrics"].items()
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"what is at {self._url} is no `nami-bench serve-metrics`") from error
        for name in metrics or ():
            if name not in served:
                raise UnknownNameError("metric", name, served, f"the server at {self._url} runs others")
        return {name: served[name] for name in dict.fromkeys(metrics or served)}

    def _sent(
        self, images: Sequence[Given], prompts: tuple[Prompt, ...], reasons: dict[int, str]
    ) -> Iterator[_Sent]:
        """What can be sent; `reasons` gets, by place, why the others cannot."""
        for place, (image, prompt) in enumerate(zip(images, prompts, strict=True)):
            try:
                if isinstance(image, ImageError):
                    raise image
                yield _Sent(place, wire.image_message(image), prompt)
            except ImageError as error:
                reasons[place] = str(error)

    def _batches(
        self, images: Sequence[Given], prompts: tuple[Prompt, ...], reasons: dict[int, str], size: int
    ) -> Iterator[list[_Sent]]:
        batch: list[_Sent] = []
        for one in self._sent(images, prompts, reasons):
            batch.append(one)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _joined(
        self,
        names: Sequence[str],
        batches: Iterator[list[_Sent]],
        prompts: tuple[Prompt, ...],
        reasons: Mapping[int, str],
        advance: Advance,
    ) -> dict[str, Scores]:
        """The scores of all batches at their places, and no value for what was not sent."""
        found = {name: _Gathered(len(prompts)) for name in names}

        def ask(batch: list[_Sent]) -> tuple[list[_Sent], dict[str, Scores]]:
            return batch, self._ask(names, batch, tuple(one.prompt for one in batch))

        with ThreadPoolExecutor(self._connections) as pool:
            for batch, scores in _few_at_a_time(pool, ask, batches, 2 * self._connections):
                for name in names:
                    found[name].take([one.place for one in batch], scores[name])
                advance(len(batch) * len(names))
        advance(len(reasons) * len(names))
        return {
            name: gathered.scores(name, self._served[name].instrument, prompts, reasons)
            for name, gathered in found.items()
        }

    def _ask(
        self, names: Sequence[str], batch: Sequence[_Sent], prompts: tuple[Prompt, ...]
    ) -> dict[str, Scores]:
        body = {
            "id": uuid.uuid4().hex,
            "metrics": list(names),
            "images": [one.data for one in batch],
            "prompts": [prompt.to_json() for prompt in prompts],
        }
        answer = self._message(self._send("POST", wire.SCORE_PATH, wire.pack(body, self._type)))
        found = {}
        for name in names:
            try:
                message = answer["scores"][name]
            except (KeyError, TypeError) as error:
                raise InputError(f"the server at {self._url} gave no scores of {name}") from error
            found[name] = wire.received_scores(name, message, prompts)
            self._check_instrument(name, found[name].instrument)
        return found

    def _check_instrument(self, name: str, instrument: str) -> None:
        """A server that was started anew may measure with something else."""
        known = self._served[name].instrument
        if instrument != known:
            raise WorkError(
                f"the server at {self._url} measures {name} with {instrument} now, before it was {known}: "
                "connect again to go on with the new one"
            )

    def _send(self, method: str, path: str, body: bytes | None = None) -> Answer:
        kinds = {"Content-Type": self._type.encode(), "Accept": self._type.encode()}
        headers = {**self._headers, **kinds}
        try:
            answer = self._client.send(
                method, self._url + path, headers=headers, content=body, max_bytes=_MOST_ANSWER_BYTES
            )
        except NoAnswerError as error:
            raise WorkError(f"the metrics server at {self._url} does not answer: {error}") from error
        if answer.status == 200:
            return answer
        said = self._said(answer)
        if answer.status == 401:
            raise InputError(
                f"the metrics server at {self._url} wants its token: token=..., or {wire.TOKEN_VARIABLE}"
            )
        kind = InputError if answer.status in _WRONG_USE else WorkError
        raise kind(f"the metrics server at {self._url} answered {answer.status}: {said}")

    def _message(self, answer: Answer) -> Any:
        content_type = answer.headers.get("content-type", "").partition(";")[0]
        try:
            return wire.unpack(answer.body, content_type)
        except InputError as error:
            raise InputError(f"what is at {self._url} is no `nami-bench serve-metrics`: {error}") from error

    def _said(self, answer: Answer) -> str:
        try:
            return one_line(str(self._message(answer)["error"]))
        except (InputError, KeyError, TypeError):
            return one_line(answer.body.decode(errors="replace")) or "nothing"


class _Gathered:
    """One metric's values, as they come in."""

    def __init__(self, images: int) -> None:
        self._values = np.full(images, np.nan)
        self._reasons: list[str | None] = [None] * images
        self._details: list[Mapping[str, Any]] = [{}] * images
        self._last: Scores | None = None

    def take(self, places: Sequence[int], scores: Scores) -> None:
        self._values[places] = scores.values
        for place, reason, details in zip(places, scores.reasons, scores.details, strict=True):
            self._reasons[place], self._details[place] = reason, details
        self._last = scores

    def scores(
        self, name: str, instrument: str, prompts: tuple[Prompt, ...], reasons: Mapping[int, str]
    ) -> Scores:
        for place, reason in reasons.items():
            self._reasons[place] = reason
        known = self._last or Scores(name, instrument, prompts, self._values, (), ())
        return replace(
            known,
            prompts=prompts,
            values=self._values,
            reasons=tuple(self._reasons),
            details=tuple(self._details),
        )


def _few_at_a_time(
    pool: ThreadPoolExecutor, ask: Callable[[Any], Any], batches: Iterator[Any], most: int
) -> Iterator[Any]:
    """Answers in the order of the batches, of which no more are made ready than are needed."""
    waiting: deque[Any] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(ask, batch))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()

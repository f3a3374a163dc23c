"""How fast a model answers while so many requests are under way: a closed loop. Nothing is stored."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from nami_bench import registry
from nami_bench.domain import ImageState, ModelCard, Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.speed import Latency, latency
from nami_bench.pipeline.concurrency import with_concurrency
from nami_bench.pipeline.generation import image_seed
from nami_bench.pipeline.progress import batches

if TYPE_CHECKING:
    from nami_bench.generators.protocol import GenerationRequest, GenerationResult, Generator


@dataclass(frozen=True, slots=True)
class Level:
    """What was measured with `concurrency` requests under way.

    `seconds`: from the first request to the last answer; `images_per_second`: done images over them, None
    for none. `latency`: of done images, from request to picture, attempts and waits included. `retried`: done
    images that took more than one attempt. `problem`: the first failure's or refusal's reason.
    `warm_up_seconds`: what was made before and does not count took so long, loading included.
    `peak_memory_bytes`, `device`, `dtype`, `size` ("WxH"): as the images' provenance says, None where it says
    nothing or several things.
    """

    concurrency: int
    batch: int | None
    requests: int
    done: int
    failed: int
    refused: int
    retried: int
    seconds: float
    images_per_second: float | None
    latency: Latency
    warm_up_seconds: float
    peak_memory_bytes: int | None
    device: str | None
    dtype: str | None
    size: str | None
    problem: str | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self)


Requests = Callable[[int], "list[GenerationRequest]"]
"""The next so many requests, none of which was given before."""


def fresh_requests(prompts: Sequence[Prompt], seed: int) -> Requests:
    """Prompt by prompt, and again with other seeds, so that no server can answer from its memory."""
    from nami_bench.generators.protocol import GenerationRequest

    if not prompts:
        raise InputError("there are no prompts to measure with")
    numbers = count()

    def following(wanted: int) -> "list[GenerationRequest]":
        found = []
        for _ in range(wanted):
            sample, place = divmod(next(numbers), len(prompts))
            prompt = prompts[place]
            found.append(GenerationRequest(prompt, sample, image_seed(seed, prompt.id, sample)))
        return found

    return following


def measure_level(
    card: ModelCard,
    concurrency: int,
    following: Requests,
    *,
    images: int,
    warm_up: int,
    advance: Callable[[int], object] = lambda count: None,
) -> Level:
    """Ask for `images` images with `concurrency` requests under way, after `warm_up` that do not count.

    Raises InputError where the adapter allows no such number, and GenerationError where no image can be had.
    """
    chosen = with_concurrency(card, concurrency)
    generator: Generator = registry.create("generators", chosen.adapter, chosen.options)
    started = time.perf_counter()
    for _ in _results(generator, following(warm_up)):
        advance(1)
    began = time.perf_counter()
    results: list[GenerationResult] = []
    for result in _results(generator, following(images)):
        results.append(result)
        advance(1)
    return _level(concurrency, results, time.perf_counter() - began, began - started)


def _results(generator: "Generator", requests: "Sequence[GenerationRequest]") -> "Iterator[GenerationResult]":
    """Without the pictures themselves, which nobody looks at; each with its size."""
    for batch in batches(requests, max(1, generator.batch_size)):
        for result in generator.generate(batch):
            size = None if result.image is None else f"{result.image.width}x{result.image.height}"
            yield replace(result, image=None, provenance={**result.provenance, "size": size})


def _level(concurrency: int, results: "Sequence[GenerationResult]", seconds: float, warm_up: float) -> Level:
    states = Counter(result.state for result in results)
    done = [result.provenance for result in results if result.state is ImageState.DONE]
    took = [_seconds(result) for result in results if result.state is ImageState.DONE]
    peaks = [found for one in done if (found := one.get("peak_memory_bytes"))]
    batch = _only(done, "batch")
    return Level(
        concurrency=concurrency,
        batch=batch if isinstance(batch, int) else None,
        requests=len(results),
        done=len(done),
        failed=states[ImageState.FAILED],
        refused=states[ImageState.REFUSED],
        retried=sum(one.get("attempts", 1) > 1 for one in done),
        seconds=seconds,
        images_per_second=len(done) / seconds if done else None,
        latency=latency([value for value in took if value is not None]),
        warm_up_seconds=warm_up,
        peak_memory_bytes=max(peaks, default=None),
        device=_text(_only(done, "device")),
        dtype=_text(_only(done, "dtype")),
        size=_text(_only(done, "size")),
        problem=next((result.reason for result in results if result.reason), None),
    )


def _seconds(result: "GenerationResult") -> float | None:
    """From request to picture; adapters that do not say when they began say how long it took."""
    started, finished = result.provenance.get("started"), result.provenance.get("finished")
    if started is not None and finished is not None:
        return float(finished - started)
    return result.seconds


def _only(provenances: Sequence[Mapping[str, Any]], name: str) -> Any:
    values = {one.get(name) for one in provenances}
    return values.pop() if len(values) == 1 else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

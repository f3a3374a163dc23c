"""Requests drawn in batches that shrink when memory runs out."""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image

from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, NamiBenchError, one_line
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.neural.batches import alike_groups
from nami_bench.neural.device import free_memory, is_out_of_memory


@dataclass(frozen=True, slots=True)
class NoImage:
    """Why one request of a batch has no image; `state` is FAILED or REFUSED."""

    state: ImageState
    reason: str


Draw = Callable[[Sequence[GenerationRequest]], Sequence[Image | NoImage]]
"""Draws all requests at once: one outcome for each, in order."""


class BatchRunner:
    """Draws requests in batches of at most `size`.

    When the device's memory runs out, `size` is halved and the same requests are drawn again; the smaller
    size is kept for what follows. A batch that fails for another reason is drawn one by one, so that the
    request at fault fails alone.
    """

    def __init__(self, draw: Draw, size: int) -> None:
        self.draw = draw
        self.size = size

    def results(
        self,
        requests: Sequence[GenerationRequest],
        provenance: Mapping[str, Any],
        alike: Callable[[GenerationRequest], Hashable] = lambda request: None,
    ) -> Iterator[GenerationResult]:
        """Yield one result for each request, in order.

        Only requests for which `alike` gives the same value share a batch. Each result's provenance is
        `provenance` and the number of images drawn with it, itself included ("batch"). Raises
        GenerationError where the device is lost.
        """
        done: dict[int, GenerationResult] = {}
        following = 0
        for group in alike_groups(requests, alike):
            while group:
                chunk = group[: self.size]
                results = self._attempt([requests[i] for i in chunk], provenance)
                if results is None:
                    continue
                group = group[len(chunk) :]
                done.update(zip(chunk, results, strict=True))
                while following in done:
                    yield done.pop(following)
                    following += 1

    def _attempt(
        self, requests: Sequence[GenerationRequest], provenance: Mapping[str, Any]
    ) -> list[GenerationResult] | None:
        """The requests' results, or None where memory ran out and `size` was halved."""
        started = time.perf_counter()
        alone = len(requests) == 1
        try:
            outcomes = self.draw(requests)
        except NamiBenchError:
            raise
        except torch.AcceleratorError as error:
            # A CUDA context does not survive such an error: no later image could be made.
            raise GenerationError(f"the device failed: {_sentence(error)}; run it again to go on") from error
        except Exception as error:
            out_of_memory = is_out_of_memory(error)
            failure = NoImage(ImageState.FAILED, _sentence(error))
        else:
            each = {**provenance, "batch": len(requests)}
            seconds = (time.perf_counter() - started) / len(requests)
            return [_result(r, o, seconds, each) for r, o in zip(requests, outcomes, strict=True)]
        # Only now is the error gone, and with it the traceback that held on to the batch's tensors.
        if out_of_memory:
            free_memory()
        if alone:
            return [_result(requests[0], failure, None, {**provenance, "batch": 1})]
        if out_of_memory:
            self.size = (len(requests) + 1) // 2
            return None
        return [result for request in requests for result in self._attempt([request], provenance) or ()]


def _result(
    request: GenerationRequest, outcome: Image | NoImage, seconds: float | None, provenance: Mapping[str, Any]
) -> GenerationResult:
    if isinstance(outcome, NoImage):
        return GenerationResult(
            request, outcome.state, seconds=seconds, reason=outcome.reason, provenance=provenance
        )
    return GenerationResult(request, ImageState.DONE, seconds=seconds, image=outcome, provenance=provenance)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(str(error))}"

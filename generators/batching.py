"""Requests drawn in batches that shrink when memory runs out."""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from PIL.Image import Image

from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, InputError, NamiBenchError, one_line
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.neural.batches import alike_groups
from nami_bench.neural.device import free_memory, is_out_of_memory, peak_memory, reset_peak_memory

_PLAIN_PROMPT = "a photo of a cat"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image, and what its provenance says beside what all images of the run share."""

    image: Image
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoImage:
    """Why one request of a batch has no image; `state` is FAILED or REFUSED. `about`: as of a `Picture`."""

    state: ImageState
    reason: str
    about: Mapping[str, Any] = field(default_factory=dict)


Outcome = Picture | NoImage
Draw = Callable[[Sequence[GenerationRequest]], Sequence[Outcome]]
"""Draws all requests at once: one outcome for each, in order."""


class BatchRunner:
    """Draws requests in batches of at most `size`.

    When the device's memory runs out, `size` is halved and the same requests are drawn again; the smaller
    size is kept for what follows. A batch that fails for another reason is drawn one by one, so that the
    request at fault fails alone. Where nothing was drawn yet, and a plain prompt fails like the first one, no
    request is at fault: the settings are, and the run ends.
    """

    def __init__(self, draw: Draw, size: int) -> None:
        self.draw = draw
        self.size = size
        self._warm = False  # the first call also compiles kernels and fills caches

    def results(
        self,
        requests: Sequence[GenerationRequest],
        provenance: Mapping[str, Any],
        alike: Callable[[GenerationRequest], Hashable] = lambda request: None,
    ) -> Iterator[GenerationResult]:
        """Yield one result for each request, in order.

        Only requests for which `alike` gives the same value share a batch. Each result's provenance is
        `provenance`, what is to be said of the one image, the number of images drawn with it, itself included
        ("batch"), and of those that were drawn what `_timed` tells. `seconds` is the batch's time over that
        number. Raises InputError where the settings fail whatever the prompt, GenerationError where the
        device is lost or the model fails whatever the prompt.
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
        alone = len(requests) == 1
        try:
            outcomes, timing = self._timed(requests)
        except NamiBenchError:
            raise
        except torch.AcceleratorError as error:
            # A CUDA context does not survive such an error: no later image could be made.
            raise GenerationError(f"the device failed: {_sentence(error)}; run it again to go on") from error
        except Exception as error:
            kind, out_of_memory = type(error), is_out_of_memory(error)
            failure = NoImage(ImageState.FAILED, _sentence(error))
        else:
            each = {**provenance, "batch": len(requests), **timing}
            seconds = timing["batch_seconds"] / len(requests)
            return [_result(r, o, seconds, each) for r, o in zip(requests, outcomes, strict=True)]
        # Only now is the error gone, and with it the traceback that held on to the batch's tensors.
        if out_of_memory:
            free_memory()
        if alone:
            if not (out_of_memory or self._warm) and self._fails_likewise(requests[0], kind):
                raise _nothing_works(kind, failure.reason)
            return [_result(requests[0], failure, None, {**provenance, "batch": 1})]
        if out_of_memory:
            self.size = (len(requests) + 1) // 2
            return None
        return [result for request in requests for result in self._attempt([request], provenance) or ()]

    def _timed(self, requests: Sequence[GenerationRequest]) -> tuple[Sequence[Outcome], dict[str, Any]]:
        """The outcomes, and of the whole batch: when it `started` and `finished` (Unix seconds), its
        `batch_seconds` (each image's latency), whether it was `warm`, not the process's first, and on GPUs
        the `peak_memory_bytes`."""
        reset_peak_memory()
        started, clock = time.time(), time.perf_counter()
        outcomes = self.draw(requests)
        seconds = time.perf_counter() - clock
        timing = {
            "batch_seconds": round(seconds, 6),
            "started": round(started, 6),
            "finished": round(started + seconds, 6),
            "warm": self._warm,
        }
        self._warm = True
        peak = peak_memory()
        return outcomes, timing if peak is None else {**timing, "peak_memory_bytes": peak}

    def _fails_likewise(self, request: GenerationRequest, kind: type[Exception]) -> bool:
        """Whether a prompt that every model can draw raises the same kind of error in the request's place."""
        try:
            self.draw([replace(request, prompt=replace(request.prompt, text=_PLAIN_PROMPT))])
        except NamiBenchError:
            raise
        except Exception as error:
            return type(error) is kind
        self._warm = True
        return False


def _nothing_works(kind: type[Exception], sentence: str) -> NamiBenchError:
    if issubclass(kind, TypeError | ValueError):
        return InputError(f"no image can be drawn with these settings, whatever the prompt: {sentence}")
    return GenerationError(f"no image can be drawn, whatever the prompt: {sentence}")


def _result(
    request: GenerationRequest, outcome: Outcome, seconds: float | None, provenance: Mapping[str, Any]
) -> GenerationResult:
    about = {**provenance, **outcome.about}
    if isinstance(outcome, NoImage):
        return GenerationResult(
            request, outcome.state, seconds=seconds, reason=outcome.reason, provenance=about
        )
    return GenerationResult(request, ImageState.DONE, seconds=seconds, image=outcome.image, provenance=about)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(str(error))}"

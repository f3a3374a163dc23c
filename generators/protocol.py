"""What the pipeline asks of a generator, and what it gets back."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nami_bench.domain import ImageState, Prompt

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One image to make. The same prompt and seed must give the same pixels in any batch."""

    prompt: Prompt
    sample: int
    seed: int


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """One image, or why there is none.

    Exactly one of `image`, `file` and `reason` is set: pixels to be written, a finished file to be
    copied byte for byte before the next result is asked for, or the reason of a failure or refusal
    (`state`). `seconds` is the time that this image took, its share of the batch where several are made
    at once. `provenance` adds what the generator alone knows (library versions, device ...); see
    docs/generators.md for the names that speeds and rewriting are read from.
    """

    request: GenerationRequest
    state: ImageState
    seconds: float | None = None
    image: "Image | None" = None
    file: "Path | None" = None
    reason: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def picture_sha256(image: "Image") -> str | None:
    """Hash (hex) of an image's size and pixels, whatever file they come in, for a result's "pixels_sha256".

    Two samples of one prompt of which it is equal are no two samples. None where all pixels are one colour:
    such pictures stand for one that was withheld, and are alike for another reason.
    """
    extrema = image.getextrema()
    if all(low == high for low, high in (extrema if isinstance(extrema[0], tuple) else [extrema])):
        return None
    shape = f"{image.mode} {image.width} {image.height} ".encode()
    return hashlib.sha256(shape + image.tobytes()).hexdigest()


class Generator(Protocol):
    """A text-to-image system under test.

    Implementations are classes with an inner frozen dataclass `Options`; the constructor takes one
    `Options`. They load weights on first use, not on construction.

    Two capabilities keep a model's images of one kind: `ComputesIn` and `CopiesFiles`. A server's own name
    for the model that answered goes into a result's provenance as "served_model".
    """

    batch_size: int
    """Most requests that `generate` is given at once."""

    def describe(self) -> Mapping[str, Any]:
        """What makes these images what they are: settings, weights' hash, versions. JSON values only.

        A model's recorded images that name other values are never joined by images of these, so nothing
        belongs here that may differ between two runs of one model (device, batch size). Hashes stand under
        keys that end in "sha256", a hub's commit under "commit".
        """
        ...

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one result for each request, in order.

        A prompt that cannot be drawn is a FAILED or REFUSED result; GenerationError means that
        no further image can be made.
        """
        ...


@runtime_checkable
class ComputesIn(Protocol):
    """A generator that says in which numbers it computes on this machine."""

    @property
    def dtype(self) -> str | None:
        """As in its results' provenance."""
        ...


@runtime_checkable
class CopiesFiles(Protocol):
    """A generator whose images are files that are there already."""

    def source_sha256(self, request: GenerationRequest) -> str | None:
        """The hash of the file that it would copy for a request, None where there is none."""
        ...

"""Samples of one prompt that are one picture: a server with a fixed seed is found out."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import InputError

if TYPE_CHECKING:
    from nami_bench.generators.protocol import GenerationRequest


class EqualSamples:
    """The pictures that a model has of each prompt of a set, by what generators say of their pixels.

    Generators that are asked for seeds over a network say it ("pixels_sha256"); of others nothing is known.
    """

    def __init__(self, model: str, records: Iterable[ImageRecord]) -> None:
        """`records`: the model's images of one prompt set."""
        self._model = model
        self._samples: dict[tuple[str, str], int] = {}
        for record in records:
            pixels = record.provenance.get("pixels_sha256")
            if record.state is ImageState.DONE and pixels is not None:
                self._samples[record.prompt_id, pixels] = record.sample

    def check(self, request: "GenerationRequest", provenance: Mapping[str, Any]) -> None:
        """Raise InputError where another sample of the same prompt is the same picture."""
        pixels = provenance.get("pixels_sha256")
        if pixels is None:
            return
        other = self._samples.setdefault((request.prompt.id, pixels), request.sample)
        if other != request.sample:
            raise InputError(
                f"the server uses a fixed seed: samples {other} and {request.sample} of prompt "
                f"{request.prompt.id} of model {self._model!r} are the same picture, "
                + _way_out("sent_seed" in provenance)
            )


def _way_out(seed_was_sent: bool) -> str:
    if seed_was_sent:
        return "though their seeds differ: it heeds none, or answers from a cache; take --samples 1"
    return (
        "and no seeds were sent: record it under another name with send_seed=true, or, where it takes none, "
        "take --samples 1"
    )

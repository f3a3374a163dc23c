"""A model's name means one thing: images that would make it mean two are refused before they are made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nami_bench import registry
from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import InputError
from nami_bench.generators.protocol import ComputesIn, CopiesFiles
from nami_bench.image_settings import described_change, differing, settings_sha256, used_settings

if TYPE_CHECKING:
    from nami_bench.generators.protocol import GenerationRequest, Generator
    from nami_bench.store import Store


def check_settings(store: "Store", model: str) -> None:
    """Raise InputError where the model's generator is no longer what made the model's images.

    A model without images is not looked into: its weights need not be there yet.
    """
    records = store.images.find(models=[model])
    if used_settings(records):
        card = store.catalog.model(model)
        generator: Generator = registry.create("generators", card.adapter, card.options)
        check_same_settings(model, generator.describe(), records)


def check_same_settings(model: str, settings: Any, records: Iterable[ImageRecord]) -> None:
    """Raise InputError where some of the model's `records`, of whatever prompt set, were made otherwise."""
    for used in used_settings(records):
        if differing(used.settings, settings):
            raise InputError(
                f"model {model!r} has {used.images} images of other settings "
                f"({described_change(used.settings, settings)}; settings {used.sha256[:12]}, then "
                f"{settings_sha256(settings)[:12]}): {_ways_out(model)}"
            )


def check_same_dtype(model: str, generator: "Generator", records: Iterable[ImageRecord]) -> None:
    """Raise InputError where this machine would compute in other numbers than made the model's `records`.

    What a generator does not say, and what records do not, is not compared.
    """
    now = generator.dtype if isinstance(generator, ComputesIn) else None
    before = {record.provenance.get("dtype") for record in records if record.state is ImageState.DONE}
    if now is not None and (other := before - {now, None}):
        raise InputError(
            f"model {model!r} has images computed in {' and '.join(sorted(map(str, other)))}, and on this "
            f"machine it is {now}: go on where they were made, or {_ways_out(model)}"
        )


def check_same_sources(
    generator: "Generator", asked: Iterable[tuple[ImageRecord, "GenerationRequest"]]
) -> None:
    """Raise InputError where a file that a recorded image was copied from holds another image now.

    Only generators that copy files can say so; files that are gone are not compared.
    """
    if not isinstance(generator, CopiesFiles):
        return
    for record, request in asked:
        before, now = record.provenance.get("source_sha256"), generator.source_sha256(request)
        if before is not None and now is not None and now != before:
            raise InputError(
                f"model {record.model!r} has another image of prompt {record.prompt_id}, sample "
                f"{record.sample}, than its folder holds now (sha256 {before[:12]}, then {now[:12]}): "
                f"{_ways_out(record.model)}"
            )


class ServedModel:
    """Which model a server says that it answers with; it must stay the same behind one name."""

    def __init__(self, results_of: str, known: Iterable[Any], way_out: str) -> None:
        """`known`: what earlier answers said, None where they said nothing."""
        self._results_of, self._way_out = results_of, way_out
        self._known = next((name for name in known if name), None)

    @classmethod
    def of_images(cls, model: str, records: Iterable[ImageRecord]) -> "ServedModel":
        """That of a model's recorded images."""
        known = (record.provenance.get("served_model") for record in records)
        return cls(f"model {model!r} has images", known, _ways_out(model))

    def check(self, now: Any) -> None:
        """Raise InputError where an answer comes from another model than those before it."""
        if self._known and now and now != self._known:
            raise InputError(
                f"{self._results_of} of {self._known!r}, and the server answers with {now!r} now: "
                f"{self._way_out}"
            )
        self._known = self._known or now


def _ways_out(model: str) -> str:
    return (
        "record what it is now under another name (`nami-bench models add`), or remove the old images "
        f"(`nami-bench images remove --model {model}`)"
    )

"""Images made elsewhere, asked for again: where a model's come from, and which file is which image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nami_bench import registry
from nami_bench.domain import ImageState, ModelCard, PromptSet
from nami_bench.pipeline.image_grids import cut_from_grids, parse_shape
from nami_bench.pipeline.image_import import ImportHow, images_of_set
from nami_bench.pipeline.image_tables import TableColumns

if TYPE_CHECKING:
    from nami_bench.generators.folder import FolderGenerator
    from nami_bench.generators.placed_images import PlacedImages
    from nami_bench.store import Store

ADAPTER = "folder"


@dataclass(frozen=True, slots=True)
class ElsewhereImages:
    """What finds a model's images of one prompt set, and how many samples the fullest prompt has."""

    generator: "FolderGenerator | PlacedImages"
    samples: int

    @property
    def is_placed(self) -> bool:
        """Whether each file's place is known before: then only this process knows it."""
        return hasattr(self.generator, "placement")


def images_elsewhere(store: "Store", card: ModelCard, prompt_set: PromptSet) -> ElsewhereImages:
    """Find a model's images of a set where its recorded ones were imported from, and as these were
    understood; else in its own folder, as its options or, without any, the names of the files say.

    Raises InputError where there is no such folder, or nothing in it fits.
    """
    imported = _imported(store, card.name, prompt_set)
    generator: FolderGenerator = registry.create("generators", ADAPTER, {**card.options, **imported})
    if not imported and not generator.options.says_how and generator.finds_any(prompt_set.prompts):
        return ElsewhereImages(generator, generator.samples_per_prompt())
    said = generator.options
    columns = TableColumns.named(said.columns)
    how = ImportHow(said.layout, said.table, columns, said.source_model)
    found = images_of_set(said.path, card.name, prompt_set, how)
    if said.grid is not None:
        found = cut_from_grids(found, parse_shape(said.grid))
    return ElsewhereImages(found.images, found.placement.samples)


def _imported(store: "Store", model: str, prompt_set: PromptSet) -> Mapping[str, Any]:
    """From which folder the model's recorded images of a set were imported, and what was said of it."""
    if not store.catalog.has_prompt_set(prompt_set.name):
        return {}
    if model not in {card.name for card in store.catalog.models()}:
        return {}
    records = store.images.find(models=[model], prompt_set=prompt_set.name, state=ImageState.DONE)
    known = next((record.provenance for record in records if "folder" in record.provenance), None)
    if known is None:
        return {}
    nothing = dict.fromkeys(("layout", "table", "source_model", "grid")) | {"columns": {}}
    return {**nothing, "path": known["folder"], **known.get("import", {})}

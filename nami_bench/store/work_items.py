"""Items by what they show instead of by number: the same in every database that holds the study."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.errors import InputError
from nami_bench.store.annotation_tables import STUDY_KIND, ItemRow
from nami_bench.store.item_images import groups_of, other_image, other_model, with_images
from nami_bench.store.items import add_shown
from nami_bench.store.sides import Sides, arranged, sides_to
from nami_bench.store.tables import ImageRow, ModelRow, PromptRow, StudyRow


@dataclass(frozen=True, slots=True)
class ItemName:
    """An item of a study: its kind, its models in alphabetical order, prompt and sample."""

    kind: str
    models: tuple[str, ...]
    prompt_id: str
    sample: int

    def __str__(self) -> str:
        return f"{' : '.join(self.models)}/{self.prompt_id}/{self.sample}"


@dataclass(frozen=True, slots=True)
class ItemHere:
    """An item in this database, with its models in its own order.

    `hashes` are those of the images, in the order of the item's name.
    """

    id: int
    image_id: int
    models: tuple[str, ...]
    hashes: tuple[str | None, ...]

    def shown(self, sides: Sides) -> tuple[str, ...]:
        """The models as they stand on the screen."""
        return arranged(self.models, sides)

    def sides(self, shown: tuple[str, ...]) -> Sides:
        """How the images stand where the models stand so."""
        return sides_to(self.models, shown)


def items_by_name(session: Session, study_id: int) -> dict[ItemName, ItemHere]:
    """The items of a study."""
    query = with_images(
        select(
            ItemRow.id,
            ItemRow.kind,
            ItemRow.image_id,
            ModelRow.name,
            ImageRow.sha256,
            other_model.name,
            other_image.sha256,
            PromptRow.prompt_id,
            ImageRow.sample,
        )
    ).where(ItemRow.study_id == study_id)
    groups = groups_of(session, ItemRow.study_id == study_id)
    found = {}
    for item, kind, image, first, sha256, second, other_sha256, prompt_id, sample in session.execute(query):
        hashes = {first: sha256} if second is None else {first: sha256, second: other_sha256}
        if item in groups:
            hashes = dict(zip(groups[item].models, groups[item].hashes, strict=True))
        name = ItemName(kind, tuple(sorted(hashes)), prompt_id, sample)
        found[name] = ItemHere(item, image, tuple(hashes), tuple(hashes[model] for model in name.models))
    return found


def same_items(
    session: Session, study: StudyRow, there: Mapping[ItemName, tuple[str | None, ...]]
) -> dict[ItemName, ItemHere]:
    """Our items by name, among which are all of those `there`, with the same images (their hashes).

    What stood together there alone is asked about here, too. Raises InputError for anything else.
    """
    items = items_by_name(session, study.id)
    missing = [name for name in there if name not in items]
    several = [name for name in missing if name.kind == STUDY_KIND and len(name.models) > 1]
    if several and len(several) == len(missing):
        add_shown(session, study, [(name.models, name.prompt_id, name.sample) for name in several])
        session.flush()
        items = items_by_name(session, study.id)
        missing = [name for name in missing if name not in items]
    if missing:
        raise InputError(
            f"study {study.name!r} here does not ask about {missing[0]} ({missing[0].kind}), nor about "
            f"{len(missing) - 1} other items that were answered there: give it the same models, images and "
            "known answers first; nothing was merged"
        )
    other = [name for name, hashes in there.items() if items[name].hashes != hashes]
    if other:
        raise InputError(
            f"{len(other)} items show other images there than here, the first is {other[0]}: nothing was "
            "merged"
        )
    return items

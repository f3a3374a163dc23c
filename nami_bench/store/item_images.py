"""What an item shows, joined in one way: its image, or two, with their models and the prompt; or more."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, case, select
from sqlalchemy.orm import Session, aliased

from nami_bench.store.annotation_tables import (
    STUDY_KIND,
    AssignmentRow,
    ItemImageRow,
    ItemRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.tables import AnnotatorRow, ImageRow, ModelRow, PromptRow

Query = TypeVar("Query", bound=Select)  # type: ignore[type-arg]

other_image = aliased(ImageRow)
"""The pair's second image; null where the item shows one."""
other_model = aliased(ModelRow)

listed_item = case((ItemRow.kind == STUDY_KIND, ItemRow.id))
"""The item's number; null for a planted one, which is not among those that one looks at one by one."""


def with_images(query: Query) -> Query:
    """`query`, in which items are, with `ImageRow`, `ModelRow`, `PromptRow`, `other_image`, `other_model`."""
    return (
        query.join(ImageRow, ImageRow.id == ItemRow.image_id)
        .join(ModelRow, ModelRow.id == ImageRow.model_id)
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .outerjoin(other_image, other_image.id == ItemRow.other_image_id)
        .outerjoin(other_model, other_model.id == other_image.model_id)
    )


def with_answered_items(query: Query) -> Query:
    """`query`, in which submissions are, with whose they are, their items, and what these show."""
    return with_images(
        query.join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .join(MemberRow, MemberRow.id == SubmissionRow.member_id)
        .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
        .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
    )


@dataclass(frozen=True, slots=True)
class Group:
    """The images of an item of three or more, in the item's own order: numbers, models, SHA-256."""

    images: tuple[int, ...]
    models: tuple[str, ...]
    hashes: tuple[str | None, ...]


def groups_of(connection: Connection | Session, *where: Any) -> Mapping[int, Group]:
    """The images of items of three or more, of those that conditions on `ItemRow` let pass, by item."""
    query = (
        select(ItemImageRow.item_id, ItemImageRow.image_id, ModelRow.name, ImageRow.sha256)
        .join(ItemRow, ItemRow.id == ItemImageRow.item_id)
        .join(ImageRow, ImageRow.id == ItemImageRow.image_id)
        .join(ModelRow, ModelRow.id == ImageRow.model_id)
        .where(*where)
        .order_by(ItemImageRow.item_id, ItemImageRow.position)
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for item, *shown in connection.execute(query):
        found[item].append(shown)
    return {item: Group(*map(tuple, zip(*shown, strict=True))) for item, shown in found.items()}


def shown_models(groups: Mapping[int, Group], item: int, first: str, second: str | None) -> tuple[str, ...]:
    """The models of an item in its own order; `first` and `second` are `ModelRow` and `other_model`."""
    if item in groups:
        return groups[item].models
    return (first,) if second is None else (first, second)


def shows(images: Any) -> ColumnElement[bool]:
    """Condition on `ItemRow`: it shows one of the images."""
    among_more = select(ItemImageRow.item_id).where(ItemImageRow.image_id.in_(images))
    condition: ColumnElement[bool] = (
        ItemRow.image_id.in_(images) | ItemRow.other_image_id.in_(images) | ItemRow.id.in_(among_more)
    )
    return condition

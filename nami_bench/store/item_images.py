"""What an item shows, joined in one way: its image, or two, with their models and the prompt."""

from typing import TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import aliased

from nami_bench.store.annotation_tables import AssignmentRow, ItemRow, MemberRow, SubmissionRow
from nami_bench.store.tables import AnnotatorRow, ImageRow, ModelRow, PromptRow

Query = TypeVar("Query", bound=Select)  # type: ignore[type-arg]

other_image = aliased(ImageRow)
"""The pair's second image; null where the item shows one."""
other_model = aliased(ModelRow)


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

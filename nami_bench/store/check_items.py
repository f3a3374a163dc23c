"""Items with known answers in the protocols of studies, when what they show is removed or renamed."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from nami_bench.domain.ranking import is_order, renamed_order
from nami_bench.store.annotation_tables import ItemRow
from nami_bench.store.tables import ImageRow, ModelRow, PromptRow, StudyRow

Shown = tuple[int, str, str, int]
"""Prompt set, model, prompt, sample."""


def drop(session: Session, images: Select[Any]) -> int:
    """Take the items that show one of the images out of their studies' protocols; how many."""
    query = (
        select(PromptRow.set_id, ModelRow.name, PromptRow.prompt_id, ImageRow.sample)
        .join(ImageRow, ImageRow.prompt_row_id == PromptRow.id)
        .join(ModelRow, ModelRow.id == ImageRow.model_id)
        .where(ImageRow.id.in_(images))
    )
    gone: set[Shown] = {tuple(row) for row in session.execute(query)}  # type: ignore[misc]
    dropped = 0
    for study in session.scalars(select(StudyRow)):
        items = study.protocol.get("check_items", [])
        kept = [item for item in items if not _shows(study.prompt_set_id, item, gone)]
        if len(kept) < len(items):
            study.protocol = {**study.protocol, "check_items": kept}
            dropped += len(items) - len(kept)
    return dropped


def rename_model(session: Session, old: str, new: str) -> list[str]:
    """Let the items show, and expect, the model by its new name; the studies that have such items."""
    changed = []
    for study in session.scalars(select(StudyRow)):
        items = study.protocol.get("check_items", [])
        renamed = [_renamed(item, old, new) for item in items]
        if renamed != items:
            study.protocol = {**study.protocol, "check_items": renamed}
            changed.append(study.name)
    for row in session.scalars(select(ItemRow).where(ItemRow.expected.is_not(None))):
        if row.expected is not None:
            row.expected = _expecting(row.expected, old, new)
    return changed


def _shows(prompt_set: int, item: dict[str, Any], gone: Collection[Shown]) -> bool:
    return any((prompt_set, model, item["prompt_id"], item["sample"]) in gone for model in item["models"])


def _renamed(item: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    models = [new if model == old else model for model in item["models"]]
    shows = old in item["models"]
    return {
        **item,
        "models": models,
        "expected": _expecting(item["expected"], old, new) if shows else item["expected"],
    }


def _expecting(expected: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {name: _renamed_answer(answer, old, new) for name, answer in expected.items()}


def _renamed_answer(answer: Any, old: str, new: str) -> Any:
    return renamed_order(answer, {old: new}) if is_order(answer) else new if answer == old else answer

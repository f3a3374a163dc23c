"""Between rows and domain values: the one place that knows both."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import Row

from nami_bench.domain import (
    Annotator,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptFile,
    PromptSet,
    Rating,
    Role,
    Score,
    SetScore,
    Study,
)
from nami_bench.serialize import plain, validated
from nami_bench.store.tables import (
    AnnotatorRow,
    CriterionRow,
    ImageRow,
    ModelRow,
    PromptRow,
    PromptSetRow,
    RatingRow,
    ScoreRow,
    SetScoreRow,
    StudyRow,
)

_FILE = "file"

T = TypeVar("T")


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def prompt(row: PromptRow | Row[Any]) -> Prompt:
    """Of a row, or of the columns of one that `PROMPT_COLUMNS` names."""
    return _of_row(Prompt, row, id=row.prompt_id, extra=row.extra or {})


def prompt_columns(value: Prompt, set_id: int) -> dict[str, Any]:
    """What a prompt's row holds."""
    columns = {name: getattr(value, name) for name in _names(Prompt) if name != "id"}
    return {**columns, "set_id": set_id, "prompt_id": value.id, "extra": value.extra or None}


PROMPT_COLUMNS = tuple(getattr(PromptRow, "prompt_id" if name == "id" else name) for name in _names(Prompt))


def prompt_set(row: PromptSetRow, prompts: Iterable[Row[Any]]) -> PromptSet:
    """`prompts`: their `PROMPT_COLUMNS`, in order."""
    manifest = dict(row.manifest)
    file = manifest.pop(_FILE, None)
    return PromptSet(
        name=row.name,
        prompts=tuple(map(prompt, prompts)),
        manifest=manifest,
        file=None if file is None else PromptFile(**file),
    )


def prompt_set_row(value: PromptSet) -> PromptSetRow:
    """Without its prompts: see `prompt_columns`."""
    return PromptSetRow(name=value.name, sha256=value.sha256, manifest=manifest_column(value))


def complete_manifest(row: PromptSetRow, value: PromptSet) -> None:
    """Add the file that the set was read from, where the row does not know it."""
    if _FILE not in row.manifest and value.file is not None:
        row.manifest = row.manifest | {_FILE: asdict(value.file)}


def manifest_column(value: PromptSet) -> dict[str, Any]:
    """The manifest and, under a key of its own, the file that the set was read from."""
    return {**value.manifest, **({} if value.file is None else {_FILE: asdict(value.file)})}


def model(row: ModelRow) -> ModelCard:
    return _of_row(ModelCard, row)


def model_row(value: ModelCard) -> ModelRow:
    return ModelRow(**{name: getattr(value, name) for name in _names(ModelCard)})


def image(row: ImageRow) -> ImageRecord:
    return _of_row(
        ImageRecord,
        row,
        model=row.model.name,
        prompt_set=row.prompt.prompt_set.name,
        prompt_id=row.prompt.prompt_id,
        state=ImageState(row.state),
    )


def update_image_row(row: ImageRow, value: ImageRecord) -> None:
    """Copy everything but the identity (model, prompt, sample)."""
    _update(row, value, "model", "prompt_set", "prompt_id", "sample")


def score(row: ScoreRow) -> Score:
    low, high = row.range_low, row.range_high
    return _of_row(
        Score,
        row,
        model=row.image.model.name,
        prompt_set=row.image.prompt.prompt_set.name,
        prompt_id=row.image.prompt.prompt_id,
        sample=row.image.sample,
        value_range=None if low is None or high is None else (low, high),
    )


def update_score_row(row: ScoreRow, value: Score) -> None:
    """Copy everything but the identity (image, metric, instrument)."""
    _update(row, value, "model", "prompt_set", "prompt_id", "sample", "metric", "instrument", "value_range")
    row.range_low, row.range_high = value.value_range or (None, None)


def set_score(row: SetScoreRow) -> SetScore:
    return _of_row(SetScore, row, model=row.model.name, prompt_set=row.prompt_set.name)


def update_set_score_row(row: SetScoreRow, value: SetScore) -> None:
    """Copy everything but the identity (model, prompt set, metric, instrument)."""
    _update(row, value, "model", "prompt_set", "metric", "instrument")


def _of_row(kind: type[T], row: Any, **others: Any) -> T:
    """A value whose fields are the row's columns of the same names, but for `others`."""
    columns = {name: getattr(row, name) for name in _names(cast(Any, kind)) if name not in others}
    return kind(**columns, **others)


def _update(row: Any, value: Any, *but: str) -> None:
    """Copy a value's fields to the columns of the same names; without a time of its own it is of now."""
    for name in _names(cast(Any, type(value))):
        if name not in but:
            setattr(row, name, getattr(value, name))
    row.created_at = value.created_at or datetime.now(UTC)


def criterion(row: CriterionRow) -> Criterion:
    texts = {"label": row.texts.get("label", ""), "texts": row.texts.get("languages", {})}
    columns = {name: getattr(row, name) for name in _CRITERION_COLUMNS}
    return validated(Criterion, {**columns, **texts}, f"criterion {row.name!r} in the database")


def criterion_row(value: Criterion, position: int) -> CriterionRow:
    found = plain(value)
    texts = {"label": found.pop("label"), "languages": found.pop("texts")}
    return CriterionRow(position=position, texts=texts, **found)


_CRITERION_COLUMNS = ("name", "weight", "minimum", "maximum", "anchors", "step")


def study(row: StudyRow) -> Study:
    languages = row.protocol.get("languages") or ["en"]
    texts = {languages[0]: row.instructions, **row.protocol.get("instructions", {})}
    columns = {
        "name": row.name,
        "prompt_set": row.prompt_set.name,
        "models": [entry.model.name for entry in row.models],
        "criteria": list(map(criterion, row.criteria)),
        "instructions": {language: text for language, text in texts.items() if text},
        **{name: getattr(row, name) for name in _STUDY_COLUMNS},
        "seed": row.seed or 0,
    }
    return validated(Study, {**row.protocol, **columns}, f"study {row.name!r} in the database")


def study_protocol(value: Study) -> dict[str, Any]:
    """What `StudyRow.protocol` keeps: everything that no other column holds."""
    others = ("name", "prompt_set", "models", "criteria", *_STUDY_COLUMNS)
    protocol = {key: part for key, part in plain(value).items() if key not in others}
    protocol["instructions"].pop(value.languages[0], None)  # in a column of its own
    return protocol


_STUDY_COLUMNS = ("mode", "overlap", "samples", "seed")


def annotator(row: AnnotatorRow) -> Annotator:
    return Annotator(row.name, Role(row.role), row.active, excluded=row.excluded_at is not None)


def rating(row: RatingRow) -> Rating:
    return _of_row(
        Rating,
        row,
        study=row.criterion.study.name,
        annotator=row.annotator.name,
        model=row.image.model.name,
        prompt_id=row.image.prompt.prompt_id,
        sample=row.image.sample,
        criterion=row.criterion.name,
    )

"""Images that were made, or that failed."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, exists, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.database import Repository
from nami_bench.store.items import ask_again
from nami_bench.store.tables import ImageRow, ModelRow, PromptRow, PromptSetRow


class Images(Repository):
    """Images that were made, or that failed."""

    def put(self, record: ImageRecord) -> None:
        """Record an image; a failed or refused one may be replaced by a later attempt.

        A finished one that is recorded again is there again: studies that had withdrawn it ask about it.

        Raises UnknownNameError for an unknown model, set or prompt, and InputError where a finished
        image with other bytes is recorded already: scores and ratings rest on those bytes.
        """
        with self._database.writing() as session:
            model = find_model(session, record.model)
            prompt = _find_prompt(session, record)
            row = session.scalar(
                select(ImageRow).where(
                    ImageRow.model_id == model.id,
                    ImageRow.prompt_row_id == prompt.id,
                    ImageRow.sample == record.sample,
                )
            )
            if row is None:
                row = ImageRow(model_id=model.id, prompt_row_id=prompt.id, sample=record.sample)
                session.add(row)
            elif row.state == ImageState.DONE and row.sha256 != record.sha256:
                raise InputError(
                    f"image {'/'.join(map(str, record.key))} is recorded with other bytes: "
                    "use another model name for other images"
                )
            elif row.state == ImageState.DONE:
                ask_again(session, row.id)
            convert.update_image_row(row, record)

    def find(
        self,
        *,
        models: Iterable[str] | None = None,
        prompt_set: str | None = None,
        state: ImageState | None = None,
    ) -> list[ImageRecord]:
        """Recorded images by model, prompt and sample; raises UnknownNameError for an unknown filter."""
        with self._database.reading() as session:
            wanted = _image_filter(session, models, prompt_set)
            if state is not None:
                wanted.append(ImageRow.state == state.value)
            return _image_records(session, wanted)

    def models(self, prompt_set: str) -> list[str]:
        """The models that have finished images of a set's prompts, by name; none of an unknown set."""
        has_image = (
            exists()
            .where(ImageRow.model_id == ModelRow.id, ImageRow.state == ImageState.DONE)
            .where(ImageRow.prompt_row_id == PromptRow.id, PromptRow.set_id == PromptSetRow.id)
            .where(PromptSetRow.name == prompt_set)
        )
        with self._database.reading() as session:
            return list(session.scalars(select(ModelRow.name).where(has_image).order_by(ModelRow.name)))

    def by_number(self, number: int) -> ImageRecord:
        """The image of this number (see `ListedItem`); raises UnknownNameError."""
        with self._database.reading() as session:
            row = session.get(ImageRow, number)
            if row is None:
                raise UnknownNameError("image", str(number))
            return convert.image(row)

    def paths(self) -> set[str]:
        """The files that images have."""
        with self._database.reading() as session:
            return {path for path in session.scalars(select(ImageRow.path)) if path}


def image_query(session: Session, models: Iterable[str] | None, prompt_set: str | None) -> Select[ImageRow]:
    return (
        select(ImageRow)
        .join(ImageRow.prompt)
        .join(PromptRow.prompt_set)
        .options(
            joinedload(ImageRow.model),
            contains_eager(ImageRow.prompt).contains_eager(PromptRow.prompt_set),
        )
        .where(*_image_filter(session, models, prompt_set))
        .order_by(ImageRow.model_id, PromptRow.id, ImageRow.sample)
    )


def _image_filter(
    session: Session, models: Iterable[str] | None, prompt_set: str | None
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if models is not None:
        found.append(ImageRow.model_id.in_([find_model(session, name).id for name in models]))
    if prompt_set is not None:
        found.append(PromptRow.set_id == find_prompt_set(session, prompt_set).id)
    return found


def _image_records(session: Session, wanted: Iterable[ColumnElement[bool]]) -> list[ImageRecord]:
    """By columns, for there may be hundreds of thousands; what an image and the next share is one object."""
    models = dict(session.execute(select(ModelRow.id, ModelRow.name)).all())
    sets = dict(session.execute(select(PromptSetRow.id, PromptSetRow.name)).all())
    states = {state.value: state for state in ImageState}
    text, parsed = "", dict[str, Any]()
    prompt_ids: dict[str, str] = {}
    query = (
        select(
            ImageRow.model_id,
            PromptRow.set_id,
            PromptRow.prompt_id,
            ImageRow.sample,
            ImageRow.state,
            ImageRow.seed,
            ImageRow.reason,
            ImageRow.path,
            ImageRow.sha256,
            ImageRow.width,
            ImageRow.height,
            ImageRow.seconds,
            cast(ImageRow.provenance, Text),
            ImageRow.created_at,
        )
        .join(PromptRow, PromptRow.id == ImageRow.prompt_row_id)
        .where(*wanted)
        .order_by(ImageRow.model_id, PromptRow.id, ImageRow.sample)
    )
    records = []
    connection = session.connection().execution_options(stream_results=True)
    for model, of, prompt, sample, state, *rest, provenance, created_at in connection.execute(query):
        if provenance != text:
            text, parsed = provenance, _sharing(json.loads(provenance), parsed)
        made = (*rest, parsed, created_at)
        prompt_id = prompt_ids.setdefault(prompt, prompt)
        records.append(ImageRecord(models[model], sets[of], prompt_id, sample, states[state], *made))
    return records


def _sharing(provenance: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """`provenance`, with those of its inner objects that are equal to the ones before it."""
    for name, value in provenance.items():
        if isinstance(value, dict) and before.get(name) == value:
            provenance[name] = before[name]
    return provenance


def _find_prompt(session: Session, record: ImageRecord) -> PromptRow:
    prompt_set = find_prompt_set(session, record.prompt_set)
    row = session.scalar(
        select(PromptRow).where(PromptRow.set_id == prompt_set.id, PromptRow.prompt_id == record.prompt_id)
    )
    if row is None:
        raise UnknownNameError(f"prompt of set {record.prompt_set!r}", record.prompt_id)
    return row

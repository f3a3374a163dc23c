"""A study that a file of judgements brings along, recorded in a workspace that does not have it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from nami_bench.domain import ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Study
from nami_bench.errors import ImageError, InputError
from nami_bench.images import GenEvalFolder, write_bytes
from nami_bench.leaderboard.carried_study import carried_models

if TYPE_CHECKING:
    from nami_bench.store import Store
    from nami_bench.store.items import ShownPair

_COMMAND = "`nami-bench ratings export --format huggingface`"


def restore_study(
    store: "Store",
    images_dir: Path,
    file: Path,
    study: Study,
    sha256: str,
    pairs: "Iterable[ShownPair]" = (),
) -> None:
    """Record `study`, which `file` carries, with what it rests on.

    In a dataset folder that are its prompts (whose SHA-256 must be `sha256`), models and images, with the
    images' bytes where it holds them. Beside any other file they must be in the workspace already. `pairs`:
    what was compared, of a study of pairs. Raises InputError where something is missing or is not what it
    was, ImageError for bytes that are not an image's.
    """
    prompts_file = file.parent / "prompts.parquet"
    if prompts_file.is_file():
        prompt_set = _prompt_set(prompts_file, study.prompt_set, sha256)
        store.add_prompt_set(prompt_set)
        _add_images(store, images_dir, file, prompt_set, study)
    else:
        _check_there(store, file, study, sha256)
    store.add_study(study, pairs)


def _check_there(store: "Store", file: Path, study: Study, sha256: str) -> None:
    """Refuse a study whose prompts or models are not here, though the file brings the study itself."""
    models = {card.name for card in store.models()}
    missing = [f"the model {name!r}" for name in study.models if name not in models]
    if store.prompt_set_hashes().get(study.prompt_set) != sha256:
        missing.insert(0, f"the prompt set {study.prompt_set!r} (SHA-256 {sha256[:12]}...)")
    if missing:
        raise InputError(
            f"study {study.name!r} is not in this workspace, nor is {missing[0]}, and {file} brings neither "
            f"prompts nor images along: import the folder that {_COMMAND} writes, or record prompts, models "
            "and images first"
        )


def _prompt_set(path: Path, name: str, sha256: str) -> PromptSet:
    try:
        prompts = [
            Prompt(
                row["prompt_id"],
                row["prompt"],
                row["stratum"],
                row["source"],
                json.loads(row["tags"]),
                None if row["geneval"] is None else json.loads(row["geneval"]),
            )
            for row in pq.read_table(path).to_pylist()
        ]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read the prompts of {path}: {error}") from error
    prompt_set = PromptSet(name, tuple(prompts))
    if prompt_set.sha256 != sha256:
        raise InputError(
            f"{path} does not hold the prompts that study's judgements are about (SHA-256 "
            f"{prompt_set.sha256[:12]}..., not {sha256[:12]}...): it was changed after the export"
        )
    return prompt_set


def _add_images(store: "Store", images_dir: Path, file: Path, prompt_set: PromptSet, study: Study) -> None:
    """Record the folder's images and models, but those that are recorded already."""
    cards = {card.name: card for card in carried_models(file)}
    known = {card.name for card in store.models()}
    there = {record.key: record.sha256 for record in store.images() if record.state is ImageState.DONE}

    def add_model(name: str) -> None:
        if name not in known:
            store.add_model(cards.get(name) or ModelCard(name, "folder"))
            known.add(name)

    for row in _rows(file.parent):
        add_model(row["model"])
        record = _record(row, prompt_set)
        if row.get("image") is not None:
            _write_image(images_dir, record, row["image"]["bytes"], prompt_set)
        if record.key not in there or there[record.key] != record.sha256:
            store.put_image(record)  # refuses one that was recorded with other bytes
    for name in study.models:
        add_model(name)


def _record(row: Mapping[str, Any], prompt_set: PromptSet) -> ImageRecord:
    """An image's record; its file lies, or is to lie, where generated images do."""
    model, prompt_id, sample = row["model"], row["prompt_id"], row["sample"]
    if prompt_id not in prompt_set.by_id:
        raise InputError(f"there is an image of prompt {prompt_id!r}, which the folder does not hold")
    state = ImageState(row["state"])
    path = GenEvalFolder(Path(model) / prompt_set.name).sample_path(int(prompt_id), sample)
    return ImageRecord(
        model,
        prompt_set.name,
        prompt_id,
        sample,
        state,
        seed=row["seed"],
        reason=row["reason"],
        path=path.as_posix() if state is ImageState.DONE else None,
        sha256=row["sha256"],
        width=row["width"],
        height=row["height"],
    )


def _write_image(images_dir: Path, record: ImageRecord, data: bytes, prompt_set: PromptSet) -> None:
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise ImageError(
            f"image {'/'.join(map(str, record.key))} of the folder does not have its recorded hash"
        )
    write_bytes(images_dir / str(record.path), data)
    folder = GenEvalFolder(images_dir / record.model / prompt_set.name)
    folder.write_metadata(int(record.prompt_id), prompt_set.by_id[record.prompt_id].metadata())


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of the folder's images, a few at a time: they may hold the images' bytes."""
    for path in sorted(folder.glob("images-*.parquet")):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=64):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"cannot read {path} as Parquet: {error}") from error

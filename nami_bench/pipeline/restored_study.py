"""A study that a file of judgements brings along, recorded in a workspace that does not have it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from nami_bench.domain import ModelCard, Prompt, PromptSet, Study
from nami_bench.errors import InputError
from nami_bench.export.carried_study import CarriedStudy, carried_models
from nami_bench.foreign_text import parse_json
from nami_bench.pipeline.restored_images import RestoredImages

if TYPE_CHECKING:
    from nami_bench.store import Recorded, Store
    from nami_bench.store.items import Shown

_COMMAND = "`nami-bench ratings export --format dataset`"


@dataclass(frozen=True, slots=True)
class StudyToRestore:
    """A study that is not in the workspace: `file` holds its judgements, `carried` what that says of it.

    `shown`: the models that stood together, where several did.
    """

    file: Path
    study: Study
    carried: CarriedStudy
    shown: "Iterable[Shown]" = ()


def restore_study(
    store: "Store",
    images_dir: Path,
    found: StudyToRestore,
    add_judgements: "Callable[[Store], Recorded]",
    *,
    dry_run: bool = False,
) -> "Recorded":
    """Record a study with what it rests on, and its judgements: all of it, or nothing.

    In a dataset folder that are its prompts, models and images, with the images' bytes where it holds them.
    Beside any other file they must be in the workspace already. Returns what `add_judgements` does. In a
    `dry_run` all is tried, and nothing stays. Raises
    InputError where something is missing or is not what it was, ImageError for bytes that are not an
    image's.
    """
    prompts_file = found.file.parent / "prompts.parquet"
    if not prompts_file.is_file():
        with store.together(dry_run=dry_run):
            _check_there(store, found)
            return _added(store, found, add_judgements)
    prompt_set = _prompt_set(prompts_file, found)
    with RestoredImages(found.file.parent, images_dir, prompt_set, write=not dry_run) as images:
        images.unpack(store)  # before the transaction, in which nobody else can write
        with store.together(dry_run=dry_run):
            store.catalog.add_prompt_set(prompt_set)
            _add_models(store, found, images.models)
            images.record(store)
            return _added(store, found, add_judgements)


def _added(
    store: "Store", found: StudyToRestore, add_judgements: "Callable[[Store], Recorded]"
) -> "Recorded":
    store.studies.add(found.study, found.shown)
    return add_judgements(store)


def _check_there(store: "Store", found: StudyToRestore) -> None:
    """Refuse a study whose prompts or models are not here, though the file brings the study itself."""
    study, sha256 = found.study, found.carried.prompt_set_sha256
    models = {card.name for card in store.catalog.models()}
    missing = [f"the model {name!r}" for name in study.models if name not in models]
    if store.catalog.prompt_set_hashes().get(study.prompt_set) != sha256:
        missing.insert(0, f"the prompt set {study.prompt_set!r} (SHA-256 {sha256[:12]}...)")
    if missing:
        raise InputError(
            f"study {study.name!r} is not in this workspace, nor is {missing[0]}, and {found.file} brings "
            f"neither prompts nor images along: import the folder that {_COMMAND} writes, or record prompts, "
            "models and images first"
        )


def _prompt_set(path: Path, found: StudyToRestore) -> PromptSet:
    """The prompts of a dataset folder, which must be those that were judged."""
    try:
        prompts = tuple(map(_prompt, pq.read_table(path).to_pylist()))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read the prompts of {path}: {error}") from error
    prompt_set = PromptSet(found.study.prompt_set, prompts, file=found.carried.prompt_file)
    sha256 = found.carried.prompt_set_sha256
    if prompt_set.sha256 != sha256:
        raise InputError(
            f"{path} does not hold the prompts that study's judgements are about (SHA-256 "
            f"{prompt_set.sha256[:12]}..., not {sha256[:12]}...): it was changed after the export"
        )
    return prompt_set


def _prompt(row: Mapping[str, Any]) -> Prompt:
    """A row of `prompts.parquet`; older ones have no `rewritten_from` and no `extra`."""
    geneval, extra = row["geneval"], row.get("extra")
    return Prompt(
        row["prompt_id"],
        row["prompt"],
        row["stratum"],
        row["source"],
        parse_json(row["tags"]),
        None if geneval is None else parse_json(geneval),
        row.get("rewritten_from"),
        {} if extra is None else parse_json(extra),
    )


def _add_models(store: "Store", found: StudyToRestore, of_images: Iterable[str]) -> None:
    """Record the models that are not recorded: those of the images first, in their order."""
    known = {card.name for card in store.catalog.models()}
    cards = {card.name: card for card in carried_models(found.file)}
    for name in dict.fromkeys((*of_images, *found.study.models)):
        if name not in known:
            store.catalog.add_model(cards.get(name) or ModelCard(name, "folder"))

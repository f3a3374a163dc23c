"""Prompt sets: found by name, read from files and folders, recorded and written."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench import images
from nami_bench.domain import PromptFile, PromptSet
from nami_bench.errors import InputError
from nami_bench.geneval_folder import GenEvalFolder, read_metadata

if TYPE_CHECKING:
    from nami_bench.config import Workspace
    from nami_bench.store import Store


def resolve_prompt_set(store: "Store", ref: str) -> PromptSet:
    """A prompt set by its stored name, or read from a file, or a folder of .txt files, and recorded under its
    name without ending.

    Raises UnknownNameError where `ref` is neither.
    """
    from nami_bench.prompts.files import holds_prompts, load_prompt_set

    path = Path(ref)
    if store.catalog.has_prompt_set(ref) or not holds_prompts(path):
        return store.catalog.prompt_set(ref)
    prompt_set = load_prompt_set(path)
    store.catalog.add_prompt_set(prompt_set)
    return prompt_set


def known_prompt_set(store: "Store", prompt_set: PromptSet) -> str | None:
    """The name under which these very prompts are recorded; the set's own before others, None: under none."""
    names = [
        name for name, sha256 in store.catalog.prompt_set_hashes().items() if sha256 == prompt_set.sha256
    ]
    return prompt_set.name if prompt_set.name in names else next(iter(names), None)


def save_prompt_set(workspace: "Workspace", store: "Store", prompt_set: PromptSet) -> Path:
    """Record a prompt set and write it, with its manifest, to the workspace's `prompts` folder."""
    path = workspace.prompts_dir / f"{prompt_set.name}.jsonl"
    file = PromptFile(path.name, hashlib.sha256(prompt_set.to_jsonl()).hexdigest())
    store.catalog.add_prompt_set(replace(prompt_set, file=prompt_set.file or file))
    return write_prompt_set(path, prompt_set)


def write_prompt_set(path: Path, prompt_set: PromptSet) -> Path:
    """Write FILE.jsonl and, beside it, FILE.manifest.json where the set has a manifest."""
    images.write_bytes(path, prompt_set.to_jsonl())
    if prompt_set.manifest:
        manifest = json.dumps(prompt_set.manifest, indent=2, ensure_ascii=False) + "\n"
        images.write_bytes(path.with_suffix(".manifest.json"), manifest.encode())
    return path


def folder_prompt_set(source: Path, name: str) -> PromptSet:
    """The prompt set that a GenEval-layout folder's own metadata.jsonl files describe.

    Raises InputError where the numbered folders have gaps or a file is not as it should be.
    """
    from nami_bench.prompts.files import candidate_of, prompt_of

    prompts = []
    for position, (index, folder) in enumerate(GenEvalFolder(source).prompt_folders()):
        if index != position:
            raise InputError(
                f"{source} has no folder {position:05d}: name the prompt set it belongs to with --prompts"
            )
        where = f"{folder / 'metadata.jsonl'} line 1"
        prompts.append(prompt_of(index, candidate_of(read_metadata(folder), where), source.name))
    if not prompts:
        strange = [f"; {path} {what}" for path, what in GenEvalFolder(source).strangers()]
        raise InputError(
            f"{source} holds no numbered folders (00000, 00001, ...): is it in GenEval's layout?"
            f"{strange[0] if strange else ''}"
        )
    return PromptSet(name, tuple(prompts))

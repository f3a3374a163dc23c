"""Where a model's files are, and what identifies them: a hash, or a commit of the Hugging Face hub."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diffusers import DiffusionPipeline
from huggingface_hub import snapshot_download

from nami_bench.errors import InputError
from nami_bench.file_hashes import file_sha256
from nami_bench.generators.pipeline_content import INDEX, pipeline_sha256
from nami_bench.neural.hub import HUB_NAME, fetching, refuse_revision_of_folder


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Files on this machine, and what identifies their content: `commit` or `sha256`."""

    path: Path
    identity: Mapping[str, str]


def check_model_name(name: str, revision: str | None = None) -> None:
    """Raise InputError unless `name` is a folder that holds a diffusers pipeline or may be a hub name."""
    path = Path(name).expanduser()
    if path.is_dir():
        refuse_revision_of_folder(path, revision)
        if not (path / INDEX).is_file():
            raise InputError(
                f"{path} holds no diffusers pipeline: it has no {INDEX}; "
                "give the folder that save_pretrained wrote"
            )
    elif not HUB_NAME.fullmatch(name):
        raise InputError(f"model {name!r} is neither a folder nor a hub name such as 'owner/name'")


def pipeline_files(name: str, revision: str | None = None, variant: str | None = None) -> ModelFiles:
    """The folder of a pipeline: `name` itself where it is a folder, else fetched from the hub or its cache.

    Raises InputError where there is no such model, or none that can be had now.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return ModelFiles(path, {"sha256": pipeline_sha256(path)})
    with fetching("model", name, revision):
        folder = Path(
            DiffusionPipeline.download(name, revision=revision, variant=variant, trust_remote_code=False)
        )
    return ModelFiles(folder, {"commit": folder.name})


def lora_file(name: str, revision: str | None = None) -> ModelFiles:
    """The one safetensors file of a LoRA: `name` is the file, a folder that holds it, or a hub name.

    Raises InputError where there is none, or more than one.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return ModelFiles(path, {"sha256": file_sha256(path)})
    if path.is_dir():
        path = _only_safetensors(path)
        return ModelFiles(path, {"sha256": file_sha256(path)})
    if not HUB_NAME.fullmatch(name):
        raise InputError(
            f"LoRA {name!r} is neither a file, nor a folder, nor a hub name such as 'owner/name'"
        )
    with fetching("LoRA", name, revision):
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=["*.safetensors"]))
    return ModelFiles(_only_safetensors(folder), {"commit": folder.name})


def check_untouched(path: Path, sha256: str | None) -> None:
    """Raise InputError where a pipeline's folder, or a file, is no longer the one of that hash.

    Asked after the weights were loaded: what was overwritten in between is not what images would say they
    were made with. None: files of the hub, which nobody overwrites.
    """
    if sha256 is not None and (pipeline_sha256(path) if path.is_dir() else file_sha256(path)) != sha256:
        raise InputError(f"{path} was overwritten while it was loaded: run it again")


def _only_safetensors(folder: Path) -> Path:
    found = sorted(folder.rglob("*.safetensors"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder} must hold one safetensors file, it holds {names}: name the file itself")
    return found[0]

"""Where a model's files are, and what identifies them: a hash, or a commit of the Hugging Face hub."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diffusers import DiffusionPipeline
from huggingface_hub import snapshot_download

from nami_bench.errors import InputError
from nami_bench.file_hashes import file_sha256, files_sha256
from nami_bench.generators.pipeline_content import INDEX, PEFT_CONFIG, pipeline_sha256
from nami_bench.neural.hub import HUB_NAME, fetching, refuse_revision_of_folder

_HUB_PLACE = re.compile(r"(\w[\w.-]*/\w[\w.-]*)((?:/\w[\w.-]*)*)(?:@([\w./-]+))?")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Files on this machine, and what identifies their content: `commit` or `sha256`."""

    path: Path
    identity: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HubPlace:
    """A repository of the hub, or a file or folder `inside` it, at a revision (None: the newest)."""

    repository: str
    inside: str
    revision: str | None

    @classmethod
    def read(cls, text: str, revision: str | None = None) -> "HubPlace | None":
        """OWNER/NAME[/FOLDER/FILE][@REVISION], else None. `revision` holds where the text names none."""
        found = _HUB_PLACE.fullmatch(text)
        return found and cls(found[1], found[2].strip("/"), found[3] or revision)


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


def lora_files(name: str, revision: str | None = None) -> ModelFiles:
    """The safetensors file of a LoRA: `name` is the file, a folder that holds it alone, or is on the hub.

    On the hub: owner/name, owner/name/file.safetensors, either with @REVISION. What PEFT saved is known by
    its adapter_config.json, too. Raises InputError where there is none, or more than one.
    """
    path = Path(name).expanduser()
    if path.exists():
        file = path if path.is_file() else _only_safetensors(path)
        return ModelFiles(file, {"sha256": content_sha256(file)})
    place = HubPlace.read(name, revision)
    if place is None:
        raise InputError(
            f"LoRA {name!r} is neither a file, nor a folder, nor a hub name such as 'owner/name'"
        )
    wanted = [place.inside, PEFT_CONFIG] if place.inside else ["*.safetensors", PEFT_CONFIG]
    with fetching("LoRA", place.repository, place.revision):
        folder = Path(snapshot_download(place.repository, revision=place.revision, allow_patterns=wanted))
    file = folder / place.inside
    if place.inside and not file.exists():
        raise InputError(f"{place.repository} has no {place.inside} at {folder.name[:12]}")
    return ModelFiles(file if file.is_file() else _only_safetensors(file), {"commit": folder.name})


def peft_folder(file: Path) -> Path | None:
    """The folder that PEFT saved a file in, with how it is to be read; None for any other file."""
    saved = file.name == "adapter_model.safetensors" and file.with_name(PEFT_CONFIG).is_file()
    return file.parent if saved else None


def content_sha256(path: Path) -> str:
    """The hash of what is read of a pipeline's folder or a LoRA's file."""
    if path.is_dir():
        return pipeline_sha256(path)
    if folder := peft_folder(path):
        return files_sha256(folder, [folder / PEFT_CONFIG, path])
    return file_sha256(path)


def check_untouched(path: Path, sha256: str | None) -> None:
    """Raise InputError where what lies at `path` no longer has that `content_sha256`.

    Asked after the weights were loaded: what was overwritten in between is not what images would say they
    were made with. None: files of the hub, which nobody overwrites.
    """
    if sha256 is not None and content_sha256(path) != sha256:
        raise InputError(f"{path} was overwritten while it was loaded: run it again")


def _only_safetensors(folder: Path) -> Path:
    found = sorted(folder.rglob("*.safetensors"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder} must hold one safetensors file, it holds {names}: name the file itself")
    return found[0]

"""Where a model's files are, and what identifies them: a hash, or a commit of the Hugging Face hub."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline
from huggingface_hub import snapshot_download

from nami_bench.errors import InputError
from nami_bench.file_hashes import file_sha256, files_sha256
from nami_bench.generators.pipeline_content import INDEX, PEFT_CONFIG, pipeline_sha256, read_index
from nami_bench.neural.hub import HUB_NAME, TEXTS, fetching, refuse_revision_of_folder

_NOT_READ = frozenset({".md", ".py"})  # descriptions, and code, which nobody runs
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


def check_model_name(name: str, revision: str | None = None, base: str | None = None) -> None:
    """Raise InputError unless `name` is a folder that holds a diffusers pipeline or may be a hub name.

    Or a file, with the name of the pipeline that it belongs to as `base`.
    """
    path = Path(name).expanduser()
    if path.is_file():
        if base is None:
            raise InputError(
                f"{path} is one file: give a pipeline's name or folder as base where it holds a whole "
                "pipeline, and where it holds the denoiser alone the pipeline as model and the file as "
                "transformer or unet"
            )
        check_model_name(base)
    elif base is not None:
        raise InputError(f"base is for a model in one file, and {name} is none: leave base out")
    elif path.is_dir():
        refuse_revision_of_folder(path, revision)
        if not (path / INDEX).is_file():
            raise InputError(
                f"{path} holds no diffusers pipeline: it has no {INDEX}; give the folder that "
                "save_pretrained wrote, or, where this is a trained part, the pipeline as model and this as "
                "transformer or unet"
            )
    elif not HUB_NAME.fullmatch(name):
        raise InputError(f"model {name!r} is neither a folder nor a hub name such as 'owner/name'")


def pipeline_files(
    name: str, revision: str | None = None, variant: str | None = None, without: Sequence[str] = ()
) -> ModelFiles:
    """The folder of a pipeline, or its one file: `name` itself, else fetched from the hub or its cache.

    `without`: components of which no more than the settings are fetched. Raises InputError where there is
    no such model, none that can be had now, or one that brings its own code.
    """
    path = Path(name).expanduser()
    if path.exists():
        if path.is_dir():
            _refuse_own_code(path)
        return ModelFiles(path, {"sha256": content_sha256(path)})
    with fetching("model", name, revision):
        given: dict[str, Any] = dict.fromkeys(without)
        folder = Path(
            DiffusionPipeline.download(
                name, revision=revision, variant=variant, trust_remote_code=False, **given
            )
        )
        if without:
            settings = [f"{component}/*.json" for component in without]
            snapshot_download(name, revision=folder.name, allow_patterns=settings)
    return ModelFiles(folder, {"commit": folder.name})


def base_files(name: str) -> ModelFiles:
    """A pipeline's folder, of which the settings alone are needed; they are fetched where it is on the hub.

    Raises InputError.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return ModelFiles(path, {"sha256": content_sha256(path)})
    with fetching("base", name):
        folder = Path(snapshot_download(name, allow_patterns=list(TEXTS)))
    return ModelFiles(folder, {"commit": folder.name})


def _refuse_own_code(folder: Path) -> None:
    """Raise InputError where the index names classes in Python files of the folder: nobody else's are run."""
    index = read_index(folder)
    for what, entry in {"the pipeline": index.get("_class_name"), **index}.items():
        module = entry[0] if isinstance(entry, list) and entry else None
        files = (folder / f"{module}.py", folder / what / f"{module}.py")
        if module and any(file.is_file() for file in files):
            raise InputError(
                f"{folder} brings its own code for {what} ({module}.py), which is not run here: run it in a "
                "script of yours by the adapter command, or, where the code only repeats a class of "
                f"diffusers, name that class in {INDEX}"
            )


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
    """The hash of what is read of a file, of a pipeline's folder or of a component's, files of text aside."""
    if (path / INDEX).is_file():
        return pipeline_sha256(path)
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.is_file() and one.suffix not in _NOT_READ)
        return files_sha256(path, files)
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

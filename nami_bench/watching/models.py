"""A generator for a checkpoint: those that exist, given a folder that they know."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nami_bench import registry
from nami_bench.errors import InputError
from nami_bench.generators.pipeline_content import INDEX, read_index
from nami_bench.watching.checkpoints import Checkpoint, Kind

if TYPE_CHECKING:
    from nami_bench.generators.protocol import Generator


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`base`: the model that networks and LoRAs were trained from, a folder or a hub name. `options`: of the
    generator, such as steps; see `nami-bench plugins show diffusers`."""

    base: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """What is kept with the results: what the values of all checkpoints depend on."""
        base = None if self.base is None else _base_identity(self.base)
        return {"base": base, "options": dict(self.options)}


@contextmanager
def generator_for(checkpoint: Checkpoint, settings: ModelSettings) -> Iterator["Generator"]:
    """The generator of a checkpoint's images, with what it reads for as long as the context lasts.

    Raises InputError where a base is missing or does not fit.
    """
    check_base(checkpoint, settings)
    with TemporaryDirectory(prefix="nami-watch-") as scratch:
        name, options = _adapter(checkpoint, settings.base or "", Path(scratch))
        yield registry.create("generators", name, {**settings.options, **options})


def check_base(checkpoint: Checkpoint, settings: ModelSettings) -> None:
    """Raise InputError where the checkpoint needs a base and none was named."""
    if checkpoint.kind.needs_base and settings.base is None:
        what = "a LoRA" if checkpoint.kind is Kind.LORA else f"a {checkpoint.part or 'network'}"
        raise InputError(
            f"{checkpoint.name} holds {what} alone: name the model it was trained from with --base"
        )


def _adapter(checkpoint: Checkpoint, base: str, scratch: Path) -> tuple[str, dict[str, Any]]:
    """The generator's name, and the options that lead it to the checkpoint."""
    if checkpoint.kind is Kind.IMAGES:
        return "folder", {"path": checkpoint.path}
    if checkpoint.kind is Kind.PIPELINE:
        return _of_pipeline(checkpoint.path)
    if checkpoint.kind is Kind.NETWORK:
        return _of_pipeline(joined_to_base(checkpoint, base, scratch / "pipeline"))
    if checkpoint.kind is Kind.NAMI:
        from nami_bench.generators.nami.training.checkpoint_pipeline import write_pipeline

        return _of_pipeline(write_pipeline(checkpoint.path, scratch / "pipeline"))
    return "diffusers", {"model": base, "lora": str(_lora_file(checkpoint))}


def _of_pipeline(folder: Path) -> tuple[str, dict[str, Any]]:
    if read_index(folder).get("_class_name") == "NamiPipeline":
        return "nami", {"path": folder}
    return "diffusers", {"model": str(folder)}


def joined_to_base(checkpoint: Checkpoint, base: str, target: Path) -> Path:
    """A pipeline's folder that links to the base's components, but for the network, which is the
    checkpoint's. Raises InputError where the base has no such component."""
    folder = base_folder(base)
    index = read_index(folder)
    part = (checkpoint.part or _network_of(index, base)).removesuffix("_ema")
    if part not in index:
        raise InputError(f"{checkpoint.name} holds a {part}, which the base {base} does not have")
    target.mkdir(parents=True)
    (target / INDEX).write_text(json.dumps(dict(index), indent=2), encoding="utf-8")
    for name in index:
        source = checkpoint.network if name == part else folder / name
        if source.is_dir():
            _link(source.resolve(), target / name)
    return target


def base_folder(base: str) -> Path:
    """The base's folder, fetched from the hub where it is a name there."""
    path = Path(base).expanduser()
    if path.is_dir():
        return path
    from nami_bench.generators.model_files import pipeline_files

    return pipeline_files(base).path


def _network_of(index: Mapping[str, Any], base: str) -> str:
    found = [name for name in ("transformer", "unet") if name in index]
    if not found:
        raise InputError(f"the base {base} has neither a transformer nor a unet")
    return found[0]


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source, target_is_directory=True)
    except OSError:  # Windows lets only some users make links
        shutil.copytree(source, target, copy_function=_linked_or_copied)


def _linked_or_copied(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _lora_file(checkpoint: Checkpoint) -> Path:
    """A LoRA's one file."""
    files = [file for file in checkpoint.files if file.suffix == ".safetensors"]
    if len(files) != 1:
        raise InputError(f"{checkpoint.path} must hold one LoRA file, it holds {len(files)}")
    return files[0]


def _base_identity(base: str) -> dict[str, str]:
    from nami_bench.generators.model_files import pipeline_files

    files = pipeline_files(base)
    return {"name": base, **files.identity}

"""Models as transformers saves them: where their files are, and what identifies them."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from nami_bench.errors import InputError
from nami_bench.file_hashes import file_sha256
from nami_bench.neural.device import choose_device, device_name
from nami_bench.neural.hub import TEXTS, hub_folder, refuse_revision_of_folder

DtypeName = Literal["float32", "bfloat16", "float16"]
_TEXTS = (*TEXTS, "*.py")
_WEIGHTS = (("*.safetensors",), ("*.bin",))


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's folder on this machine, its name without folders, and what identifies its content: `commit`
    of the hub, or `sha256` of a folder's files."""

    folder: Path
    name: str
    identity: Mapping[str, str]


def model_files(model: str, revision: str | None = None) -> ModelFiles:
    """A folder that save_pretrained wrote, or a name on the hub, fetched where needed.

    Raises InputError where there is no such model, or no weights in it.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        refuse_revision_of_folder(folder, revision)
        _check(folder)
        return ModelFiles(folder, folder.resolve().name, {"sha256": _folder_sha256(folder)})
    for weights in _WEIGHTS:
        folder = hub_folder(model, (*_TEXTS, *weights), revision)
        if any(path for pattern in weights for path in folder.glob(pattern)):
            break
    _check(folder)
    return ModelFiles(folder, model, {"commit": folder.name})


def placed(name: str, dtype: DtypeName | None) -> tuple[torch.device, torch.dtype]:
    """The device called `name`, and what is computed in there: `dtype`; else float32 on a CPU, bfloat16
    elsewhere."""
    device = choose_device(name)
    chosen: torch.dtype = getattr(torch, dtype or ("float32" if device.type == "cpu" else "bfloat16"))
    return device, chosen


def surroundings(device: torch.device) -> dict[str, str]:
    """Where an answer was computed, for its details."""
    versions = {library: importlib.metadata.version(library) for library in ("torch", "transformers")}
    return {"device": device_name(device), **versions}


def _check(folder: Path) -> None:
    has_weights = any(path for patterns in _WEIGHTS for pattern in patterns for path in folder.glob(pattern))
    if not has_weights or not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no model: it needs config.json and *.safetensors")


def _folder_sha256(folder: Path) -> str:
    """Of every file that decides what the model says: weights, configuration, tokenizer, code."""
    patterns = (*_TEXTS, *_WEIGHTS[0], *_WEIGHTS[1])
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    lines = [f"{file_sha256(path)}  {path.name}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()

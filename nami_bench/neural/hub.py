"""Models as the Hugging Face hub holds them: where their files are, and what identifies those."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from huggingface_hub import hf_hub_download, snapshot_download

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.model_files import short_sha256

_TEXTS = ("*.json", "*.txt", "*.jinja", "*.model")
_SAFETENSORS = ("model.safetensors", "model-*-of-*.safetensors")
_PICKLED = ("pytorch_model.bin", "pytorch_model-*-of-*.bin")


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model's folder on this machine, its own name, and the first 12 digits of its weights' SHA-256.

    Of weights in several files it is the SHA-256 of their hashes in order of names.
    """

    folder: Path
    name: str
    sha256: str


SETTINGS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
)
"""Files beside the weights that decide what a network sees and says, as transformers calls them."""


def settings_sha256(folder: Path, names: Sequence[str] = SETTINGS) -> str:
    """12 digits of a SHA-256 over those of the files `names` that the folder has, and over their names."""
    lines = [f"{short_sha256(folder / name)}  {name}" for name in names if (folder / name).is_file()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def hub_model(model: str, revision: str | None = None) -> HubModel:
    """A folder that save_pretrained wrote, or a name on the hub, fetched where needed.

    Raises InputError where there is no such model, or no weights in it.
    """
    folder = hub_folder(model, (*_TEXTS, *_SAFETENSORS), revision)
    weights = _found(folder, _SAFETENSORS)
    if not weights and not Path(model).expanduser().is_dir():
        folder = hub_folder(model, (*_TEXTS, *_PICKLED), revision)
    weights = weights or _found(folder, _PICKLED)
    if not weights or not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no model: it needs config.json and model.safetensors")
    return HubModel(folder, Path(model).expanduser().resolve().name, combined_sha256(weights))


def hub_folder(model: str, patterns: Sequence[str] = _TEXTS, revision: str | None = None) -> Path:
    """The folder `model`, else the files of that name on the hub that fit `patterns`; raises InputError."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        _refuse(f"the model {model!r} is no folder here", error)


def hub_file(repository: str, name: str, given: Path | None, option: str = "weights") -> Path:
    """`given`, else the file of a repository on the hub, fetched where needed; raises InputError."""
    if given is not None:
        return given.expanduser()
    try:
        return Path(hf_hub_download(repository, name))
    except (OSError, ValueError) as error:
        _refuse(f"{name} of {repository} is not on this machine (name its file with -o {option}=FILE)", error)


def combined_sha256(files: Sequence[Path]) -> str:
    """`short_sha256` of one file, or of the hashes of several."""
    hashes = [short_sha256(file) for file in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:12]


def _found(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def _refuse(what: str, error: Exception) -> NoReturn:
    raise InputError(
        f"{what}, and the Hugging Face hub does not give it: name a local one or allow the network "
        f"({one_line(str(error), 200)})"
    ) from error

"""Models as transformers saves them: where their files are, what identifies them, how they are loaded."""

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import init_empty_weights
from huggingface_hub import snapshot_download
from transformers.utils import logging as transformers_logging

from nami_bench.devices import choose_device
from nami_bench.errors import InputError, one_line

DtypeName = Literal["float32", "bfloat16", "float16"]
_TEXTS = ("*.json", "*.txt", "*.jinja", "*.model", "*.py")
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
        if revision is not None:
            raise InputError(f"{folder} is a folder and has no revisions: leave revision out")
        _check(folder)
        return ModelFiles(folder, folder.resolve().name, {"sha256": _folder_sha256(folder)})
    for weights in _WEIGHTS:
        folder = _download(model, revision, (*_TEXTS, *weights))
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


def load_network(load: Callable[..., Any], folder: Path, dtype: torch.dtype, **arguments: Any) -> Any:
    """`load`, a from_pretrained, of a folder's weights, in evaluation mode; `arguments` go there too.

    Tensors that the folder lacks would be random numbers: raises InputError for those, for any of another
    shape, and where loading fails.
    """
    with quiet_transformers(), explained(folder):
        network, report = load(folder, dtype=dtype, output_loading_info=True, **arguments)
        lost = {str(key) for key in report["missing_keys"]}
        if arguments.get("trust_remote_code"):
            lost -= _recompute_buffers(network, lost)
    lost |= {str(key) for key in report["mismatched_keys"]}
    if lost:
        raise InputError(f"{folder} does not fit this version of transformers: {sorted(lost)[0]}")
    return network.eval().requires_grad_(False)


def _recompute_buffers(network: Any, lost: Set[str]) -> set[str]:
    """Give the buffers that no file holds the values that the network's own code computes; their names.

    transformers 5 builds networks without memory and fills such buffers only for its own models: in those
    that bring their code they would hold whatever lay in memory.
    """
    with init_empty_weights(include_buffers=False):
        fresh = type(network)(network.config)
    loaded = network.state_dict().keys() - lost
    computed = {name: buffer for name, buffer in fresh.named_buffers() if name not in loaded}
    for name, buffer in computed.items():
        network.get_buffer(name).copy_(buffer)
    return set(computed)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """What loading a model raises, its own code's errors among them, as InputError."""
    try:
        yield
    except Exception as error:
        what = f"{type(error).__name__}: {one_line(str(error))}"
        raise InputError(f"the model in {folder} cannot be loaded: {what}") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Its report on tensors that we account for ourselves would alarm people."""
    logging: Any = transformers_logging  # mostly untyped
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def surroundings(device: torch.device) -> dict[str, str]:
    """Where an answer was computed, for its details."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    versions = {library: importlib.metadata.version(library) for library in ("torch", "transformers")}
    return {"device": name, **versions}


def _download(model: str, revision: str | None, patterns: Sequence[str]) -> Path:
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        raise InputError(
            f"the model {model!r} is no folder here, and the Hugging Face hub does not give it: name a local "
            f"folder or allow the network ({one_line(str(error), 200)})"
        ) from error


def _check(folder: Path) -> None:
    has_weights = any(path for patterns in _WEIGHTS for pattern in patterns for path in folder.glob(pattern))
    if not has_weights or not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no model: it needs config.json and *.safetensors")


def _folder_sha256(folder: Path) -> str:
    """Of every file that decides what the model says: weights, configuration, tokenizer, code."""
    patterns = (*_TEXTS, *_WEIGHTS[0], *_WEIGHTS[1])
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    lines = []
    for path in paths:
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()

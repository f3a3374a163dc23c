"""Detection models as transformers saves them: where their files are, their labels, how they are loaded."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from transformers import AutoConfig
from transformers.utils import logging as transformers_logging

from evaluation.hub_files import settings_sha256
from evaluation.model_files import short_sha256
from nami_bench.domain import GENEVAL_CLASSES
from nami_bench.errors import InputError

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_SETTINGS = ("config.json", "preprocessor_config.json")
_FILES = ["*.json", *_WEIGHTS]

# Networks have these and use none of them to find objects.
_UNUSED = re.compile(r"criterion\.|.*\.swin\.layernorm\.|.*(relative_position_index|num_batches_tracked)$")

# Other words for COCO's classes in models' own labels, where they differ by more than case or an underscore.
_OTHER_WORDS = {
    "mouse": "computer mouse",
    "remote": "tv remote",
    "keyboard": "computer keyboard",
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
    "television": "tv",
    "hair dryer": "hair drier",
    "doughnut": "donut",
}


@dataclass(frozen=True, slots=True)
class DetectorFiles:
    """A model's folder on this machine, its configuration, and what identifies it: NAME-SETTINGS-WEIGHTS, the
    last two by their short SHA-256; settings are its labels and preprocessing."""

    folder: Path
    config: Any
    identity: str


def detector_files(model: str, revision: str | None = None) -> DetectorFiles:
    """The files of a folder that save_pretrained wrote, or of a name on the hub, fetched where needed.

    Raises InputError where there is no such model, or one without weights in a single file.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(model, revision=revision, allow_patterns=_FILES))
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n")[0]
            raise InputError(
                f"the model {model!r} is no folder here, and the Hugging Face hub does not give it: "
                f"name a local folder or allow the network ({reason})"
            ) from error
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is None or not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no detection model: it needs config.json and model.safetensors")
    try:
        # Said, for transformers would ask on the terminal whether to run a model's own code.
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}/config.json is not readable: {error}") from error
    name = Path(model).expanduser().resolve().name
    settings = settings_sha256(folder, _SETTINGS)
    return DetectorFiles(folder, config, f"{name}-{settings}-{short_sha256(weights)}")


def load_network(
    network_class: Any, source: Path, *, dtype: torch.dtype = torch.float32, **arguments: Any
) -> Any:
    """`network_class.from_pretrained` of `source`'s weights: on the CPU, in evaluation mode.

    Tensors that `source` lacks would be random numbers: raises InputError for those, and for any of another
    shape. Those that it has too many, such as tables that are computed now, do no harm. `arguments` go to
    from_pretrained, a state_dict standing in for the folder `source`.
    """
    folder = None if "state_dict" in arguments else source
    try:
        with _quiet_transformers():
            network, report = network_class.from_pretrained(
                folder, dtype=dtype, output_loading_info=True, **arguments
            )
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"the weights in {source} cannot be loaded: {reason}") from error
    lost = {key for key in report["missing_keys"] if not _UNUSED.match(key)}
    lost |= {str(key) for key in report["mismatched_keys"]}
    if lost:
        raise InputError(f"{source} does not fit this version of transformers: {sorted(lost)[0]}")
    return network.eval().requires_grad_(False)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
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


def geneval_labels(id2label: Mapping[int, str]) -> tuple[str, ...]:
    """A model's labels, in the order of its outputs, under GenEval's names; others stay as they are."""
    return tuple(_geneval_name(label) for _, label in sorted(id2label.items()))


def _geneval_name(label: str) -> str:
    plain = label.replace("_", " ").strip().lower()
    name = _OTHER_WORDS.get(plain, plain)
    return name if name in GENEVAL_CLASSES else label

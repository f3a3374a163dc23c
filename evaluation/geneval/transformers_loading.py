"""Detection models as transformers saves them: where their files are, their labels, how they are loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from nami_bench.domain import GENEVAL_CLASSES
from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.weights import DETECTOR_FILES
from nami_bench.neural.hub import hub_folder, settings_sha256, short_sha256
from nami_bench.neural.pretrained import pretrained

_WEIGHTS = DETECTOR_FILES[1:]
_SETTINGS = ("config.json", "preprocessor_config.json")

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
    folder = hub_folder(model, DETECTOR_FILES, revision)
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is None or not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no detection model: it needs config.json and model.safetensors")
    try:
        config = pretrained(AutoConfig, folder)
    except Exception as error:  # whatever a foreign file's values lead to
        raise InputError(f"{folder}/config.json is not readable: {one_line(str(error))}") from error
    name = Path(model).expanduser().resolve().name
    settings = settings_sha256(folder, _SETTINGS)
    return DetectorFiles(folder, config, f"{name}-{settings}-{short_sha256(weights)}")


def geneval_labels(id2label: Mapping[int, str]) -> tuple[str, ...]:
    """A model's labels, in the order of its outputs, under GenEval's names; others stay as they are."""
    return tuple(_geneval_name(label) for _, label in sorted(id2label.items()))


def _geneval_name(label: str) -> str:
    plain = label.replace("_", " ").strip().lower()
    name = _OTHER_WORDS.get(plain, plain)
    return name if name in GENEVAL_CLASSES else label

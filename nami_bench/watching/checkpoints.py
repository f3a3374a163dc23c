"""What a checkpoint is: its kind, told by what it holds, the files that it is known by, and its step.

pipeline   a folder with model_index.json, as diffusers' save_pretrained writes it
network    a folder with transformer/ or unet/ alone, as accelerate's hooks write it: needs a base
lora       pytorch_lora_weights.safetensors, PEFT's adapter, or one such file: needs a base
nami       a checkpoint of `nami-bench nami train`
images     sample images, in GenEval's layout or under names such as 00012_3.png
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nami_bench.file_hashes import file_sha256, files_sha256
from nami_bench.foreign_files import is_hidden
from nami_bench.generators.pipeline_content import INDEX, PEFT_CONFIG, pipeline_content

PATTERNS = ("checkpoint[-_]*", "step[-_]*", "epoch[-_]*", "checkpoints/*")
"""Where training scripts leave checkpoints, within a run's folder."""
IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp"})
WEIGHT_ENDINGS = (".safetensors", ".bin", ".pt", ".pth")
NETWORKS = ("transformer", "unet")
_LORA_FILES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
_NAMI_AVERAGES = "average-*.safetensors"
_UNFINISHED = re.compile(
    r"^(tmp|temp)[-_.]|\.(tmp|temp|part|partial|incomplete|crdownload|lock)([-_.].*)?$|~$", re.IGNORECASE
)
_STEP = re.compile(r"(?:checkpoint|ckpt|global_?step|steps?|iter(?:ation)?)[-_=]?(\d+)", re.IGNORECASE)
_EPOCH = re.compile(r"(?:epoch|ep)[-_=]?(\d+)", re.IGNORECASE)


class Kind(StrEnum):
    """What a checkpoint holds; see above."""

    PIPELINE = "pipeline"
    NETWORK = "network"
    LORA = "lora"
    NAMI = "nami"
    IMAGES = "images"

    @property
    def needs_base(self) -> bool:
        """Whether there is no image without the model that it was trained from."""
        return self in (Kind.NETWORK, Kind.LORA)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint on disk. `part`: of a network, the folder with its weights, such as unet_ema."""

    path: Path
    kind: Kind
    part: str | None = None

    @property
    def name(self) -> str:
        """Its file's or folder's name."""
        return self.path.name

    @property
    def files(self) -> list[Path]:
        """The files that its images follow from, in a fixed order."""
        if self.path.is_file():
            return [self.path]
        if self.kind is Kind.PIPELINE:
            return pipeline_content(self.path)
        if self.kind is Kind.NETWORK:
            return _files_in(self.network)
        if self.kind is Kind.LORA:
            names = (*_LORA_FILES, PEFT_CONFIG)
            return [self.path / name for name in names if (self.path / name).is_file()]
        if self.kind is Kind.NAMI:
            return sorted(self.path.glob(_NAMI_AVERAGES))
        return [path for path in _files_in(self.path) if path.suffix.lower() in IMAGE_ENDINGS]

    @property
    def network(self) -> Path:
        """The folder of a network's weights."""
        return self.path / self.part if self.part else self.path

    def sha256(self) -> str:
        """What it is known by, whatever it is called: one hash of the files and their names within it.

        Raises OSError where one of them is gone.
        """
        # A file's own name is where training scripts write the step.
        return file_sha256(self.path) if self.path.is_file() else files_sha256(self.path, self.files)


def recognised(path: Path, part: str | None = None) -> Checkpoint | None:
    """The checkpoint at `path`, or None where there is none (yet) that is known.

    `part`: of networks, which folder holds the weights; by default transformer or unet.
    """
    if path.is_file():
        return Checkpoint(path, Kind.LORA) if path.suffix == ".safetensors" else None
    if not path.is_dir():
        return None
    if (path / INDEX).is_file():
        return Checkpoint(path, Kind.PIPELINE)
    if any(path.glob(_NAMI_AVERAGES)):
        return Checkpoint(path, Kind.NAMI)
    if any((path / name).is_file() for name in (*_LORA_FILES, PEFT_CONFIG)):
        return Checkpoint(path, Kind.LORA)
    for name in (part,) if part else NETWORKS:
        if (path / name).is_dir():
            return Checkpoint(path, Kind.NETWORK, name)
    if (path / "config.json").is_file():
        return Checkpoint(path, Kind.NETWORK)
    return Checkpoint(path, Kind.IMAGES) if _holds_images(path) else None


def candidates(root: Path, patterns: Iterable[str]) -> list[Path]:
    """What may be a checkpoint: matches a pattern, and has no name of something unfinished or hidden.

    In the order of their steps, those without a step by the time of their last change.
    """
    found = {path for pattern in patterns for path in root.glob(pattern) if not is_unfinished(path.name)}
    return sorted(found, key=_order)


def is_unfinished(name: str) -> bool:
    """Whether programs call files so that they still write: `.x.partial`, `tmp-checkpoint-5`, `x.lock`."""
    return is_hidden(name) or _UNFINISHED.search(name) is not None


def step_of(name: str) -> int | None:
    """The step, else the epoch, in a checkpoint's name; None where it says neither."""
    found = _STEP.search(name) or _EPOCH.search(name)
    return int(found[1]) if found else None


def _order(path: Path) -> tuple[float, float, str]:
    step = step_of(path.name)
    try:
        modified = path.stat().st_mtime
    except OSError:  # deleted in this moment
        modified = 0.0
    return (float("inf") if step is None else step, modified, path.name)


def _holds_images(path: Path) -> bool:
    return any(file.suffix.lower() in IMAGE_ENDINGS for file in path.iterdir()) or any(
        folder.name.isdecimal() and (folder / "samples").is_dir() for folder in path.iterdir()
    )


def _files_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(is_unfinished(part) for part in path.relative_to(folder).parts)
    )

"""Mask2Former: the detector that GenEval is published with, without mmdet; and the Hugging Face hub's."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from PIL.Image import Image
from transformers import Mask2FormerForUniversalSegmentation

from evaluation.geneval.clip_color import ClipColorClassifier, ClipColorOptions
from evaluation.geneval.mask2former_pixels import Size, Sizes, find_instances, network_input
from evaluation.geneval.mask2former_weights import load_checkpoint
from evaluation.geneval.protocol import Detection
from evaluation.geneval.transformers_loading import (
    DetectorFiles,
    detector_files,
    geneval_labels,
    load_network,
)
from evaluation.model_files import short_sha256
from nami_bench.devices import choose_device
from nami_bench.domain import GENEVAL_CLASSES
from nami_bench.errors import InputError

PUBLISHED = (
    "https://download.openmmlab.com/mmdetection/v2.0/mask2former/"
    "mask2former_swin-s-p4-w7-224_lsj_8x2_50e_coco/"
    "mask2former_swin-s-p4-w7-224_lsj_8x2_50e_coco_20220504_001756-743b7d99.pth"
)
"""GenEval's checkpoint. Its SHA-256 begins with the digits at the end of its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mask2FormerOptions(ClipColorOptions):
    """`dtype`: other than float32, the network runs under autocast, which is another instrument.
    `batch_size`: images in one pass of the network; default 1 on a CPU, else 8."""

    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"Mask2Former's batch_size must be at least 1, got {self.batch_size}")


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    index: int
    pixels: torch.Tensor
    sizes: Sizes


class Mask2FormerRunner:
    """Runs a Mask2Former over images as mmdet 2.x does: both detectors here look at the same pixels."""

    def __init__(self, network: Any, class_names: Sequence[str], options: Mask2FormerOptions) -> None:
        """`network` is transformers' Mask2FormerForUniversalSegmentation with a label for each class name."""
        self.device = choose_device(options.device)
        self.network = network.to(self.device)
        self.class_names = class_names
        self.dtype: torch.dtype = getattr(torch, options.dtype)
        self.batch_size = options.batch_size or (1 if self.device.type == "cpu" else 8)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The detections of each image. Images of one padded size share a pass of the network."""
        found: list[list[Detection]] = [[] for _ in images]
        by_size: dict[Size, list[_Waiting]] = {}
        for index, image in enumerate(images):
            pixels, sizes = network_input(image)
            waiting = by_size.setdefault(sizes.padded, [])
            waiting.append(_Waiting(index, pixels, sizes))
            if len(waiting) == self.batch_size:
                self._run(by_size.pop(sizes.padded), found)
        for waiting in by_size.values():
            self._run(waiting, found)
        return found

    def _run(self, batch: Sequence[_Waiting], found: list[list[Detection]]) -> None:
        pixels = torch.stack([one.pixels for one in batch]).to(self.device)
        with torch.inference_mode(), self._precision():
            output = self.network(pixel_values=pixels)
        classes, masks = output.class_queries_logits.float(), output.masks_queries_logits.float()
        for row, one in enumerate(batch):
            found[one.index] = find_instances(classes[row], masks[row], one.sizes, self.class_names)

    def _precision(self) -> AbstractContextManager[Any]:
        # Casting the weights would give NaN in the deformable attention; autocast keeps it in float32.
        plain = self.dtype == torch.float32
        return nullcontext() if plain else torch.autocast(self.device.type, dtype=self.dtype)


class _Mask2Former:
    """What both detectors share: who they are, and their runner, made on first use."""

    options: Mask2FormerOptions
    class_names: tuple[str, ...]

    @cached_property
    def identity(self) -> str:
        """Detector, weights' hash, and the dtype where it is not float32."""
        dtype = self.options.dtype
        return self._named_weights() + (f"-{dtype}" if dtype != "float32" else "")

    @cached_property
    def color_classifier(self) -> ClipColorClassifier:
        """CLIP, as the options say."""
        return ClipColorClassifier(self.options)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Up to 100 detections of each 8-bit RGB image, with masks; no threshold, no NMS."""
        return self._runner.detect(images)

    @cached_property
    def _runner(self) -> Mask2FormerRunner:
        return Mask2FormerRunner(self._load(), self.class_names, self.options)

    def _named_weights(self) -> str:
        raise NotImplementedError

    def _load(self) -> Any:
        raise NotImplementedError


class Mask2FormerDetector(_Mask2Former):
    """An original mmdet checkpoint (2.x or 3.x) with a Swin backbone and the 80 COCO classes."""

    class_names = GENEVAL_CLASSES

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options(Mask2FormerOptions):
        """`weights`: the .pth file, as mmdet wrote it. Published: the file at PUBLISHED."""

        weights: Path | None = None

    def __init__(self, options: Options) -> None:
        if options.weights is None:
            raise InputError(
                "the detector 'mask2former' needs mmdet's checkpoint: download "
                f"{PUBLISHED} and name the file with the option weights=FILE"
            )
        self.options = options
        self.weights = options.weights.expanduser()
        if not self.weights.is_file():
            raise InputError(f"there is no file {self.weights}: mmdet's checkpoint is at {PUBLISHED}")

    def _named_weights(self) -> str:
        return f"mask2former-{short_sha256(self.weights)}"

    def _load(self) -> Any:
        network = load_checkpoint(self.weights)
        if network.config.num_labels != len(GENEVAL_CLASSES):
            raise InputError(
                f"{self.weights} knows {network.config.num_labels} classes: GenEval needs the "
                f"{len(GENEVAL_CLASSES)} of COCO"
            )
        return network


class HubMask2FormerDetector(_Mask2Former):
    """A Mask2Former as transformers saves it: the same architecture, not the published weights."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options(Mask2FormerOptions):
        """`model`: a name on the Hugging Face hub or a folder; `revision`: a branch, tag or commit there."""

        model: str = "facebook/mask2former-swin-small-coco-instance"
        revision: str | None = None

    def __init__(self, options: Options) -> None:
        self.options = options
        self._files: DetectorFiles = detector_files(options.model, options.revision)
        if self._files.config.model_type != "mask2former":
            raise InputError(
                f"{options.model} is no Mask2Former but {self._files.config.model_type}: "
                "try the detector 'transformers'"
            )
        self.class_names = geneval_labels(self._files.config.id2label)

    def _named_weights(self) -> str:
        return f"mask2former-hf-{self._files.name}-{self._files.sha256}"

    def _load(self) -> Any:
        return load_network(Mask2FormerForUniversalSegmentation, self._files.folder)

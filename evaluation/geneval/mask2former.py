"""Mask2Former: the detector that GenEval is published with, without mmdet; and the Hugging Face hub's."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from transformers import Mask2FormerForUniversalSegmentation

from nami_bench.domain import GENEVAL_CLASSES
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.clip_color import ClipColorClassifier
from nami_bench.evaluation.geneval.mask2former_pixels import Scaled, find_instances, normalize, scale
from nami_bench.evaluation.geneval.mask2former_weights import load_checkpoint
from nami_bench.evaluation.geneval.precision import GPU_BATCH_SIZE, Dtype, NetworkOptions, Precision
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.transformers_loading import (
    DetectorFiles,
    detector_files,
    geneval_labels,
)
from nami_bench.evaluation.weights import HUB_MASK2FORMER, MASK2FORMER
from nami_bench.neural.batches import run_alike
from nami_bench.neural.hub import short_sha256
from nami_bench.neural.pretrained import load_network


class Mask2FormerRunner:
    """Runs a Mask2Former over images as mmdet 2.x does: both detectors here look at the same pixels."""

    def __init__(self, network: Any, class_names: Sequence[str], precision: Precision) -> None:
        """`network` is transformers' Mask2FormerForUniversalSegmentation with a label for each class name."""
        self.precision = precision
        self.network = network.to(precision.device)
        self.class_names = class_names

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The detections of each image. Images of one padded size share a pass of the network."""
        with ThreadPoolExecutor() as pool:  # OpenCV leaves the interpreter lock
            scaled = list(pool.map(scale, images))
        return run_alike(scaled, lambda one: one.sizes.padded, self._run)

    def _run(self, batch: Sequence[Scaled]) -> Iterator[list[Detection]]:
        device = self.precision.device
        pixels = torch.from_numpy(np.stack([one.pixels for one in batch])).to(device)
        with torch.inference_mode(), self.precision.autocast():
            output = self.network(pixel_values=normalize(pixels))
        classes, masks = output.class_queries_logits.float(), output.masks_queries_logits.float()
        for row, one in enumerate(batch):
            yield find_instances(classes[row], masks[row], one.sizes, self.class_names)


class _Mask2Former:
    """What both detectors share: who they are, and their runner, made on first use."""

    options: NetworkOptions
    class_names: tuple[str, ...]
    libraries = ("torch", "torchvision", "transformers", "opencv-python-headless", "open_clip_torch")

    @cached_property
    def identity(self) -> str:
        """Detector, weights' hash, and the dtype where it is not float32."""
        return self._named_weights() + self._precision.suffix

    @property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Detector`."""
        return self._precision.runs_on

    @property
    def batch_size(self) -> int:
        """Images in one pass: one keeps a CPU busy."""
        return 1 if self._precision.device.type == "cpu" else GPU_BATCH_SIZE

    @cached_property
    def color_classifier(self) -> ClipColorClassifier:
        """CLIP, as the options say."""
        return ClipColorClassifier(self.options)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Up to 100 detections of each 8-bit RGB image, with masks; no threshold, no NMS."""
        return self._runner.detect(images)

    @cached_property
    def _precision(self) -> Precision:
        return Precision(self.options)

    @cached_property
    def _runner(self) -> Mask2FormerRunner:
        return Mask2FormerRunner(self._load(), self.class_names, self._precision)

    def _named_weights(self) -> str:
        raise NotImplementedError

    def _load(self) -> Any:
        raise NotImplementedError


class Mask2FormerDetector(_Mask2Former):
    """An original mmdet checkpoint (2.x or 3.x) with a Swin backbone and the 80 COCO classes."""

    class_names = GENEVAL_CLASSES

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options(NetworkOptions):
        """`weights`: the .pth file, as mmdet wrote it; by default GenEval's own is fetched. Published: that
        file, in float32."""

        weights: Path | None = None
        dtype: Dtype = "float32"

    def __init__(self, options: Options) -> None:
        self.options = options
        given = options.weights and options.weights.expanduser()
        if given is not None and not given.is_file():
            raise InputError(
                f"there is no file {given}: leave weights out to have {MASK2FORMER.name} fetched, or get "
                f"it from {MASK2FORMER.address}"
            )
        self._given = given

    @cached_property
    def weights(self) -> Path:
        """The file; fetched where none was given. Raises WorkError where it cannot be had."""
        return self._given or MASK2FORMER.fetch()

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
    class Options(NetworkOptions):
        """`model`: a name on the Hugging Face hub or a folder; `revision`: a branch, tag or commit there."""

        model: str = HUB_MASK2FORMER
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
        return f"mask2former-hf-{self._files.identity}"

    def _load(self) -> Any:
        return load_network(Mask2FormerForUniversalSegmentation, self._files.folder)

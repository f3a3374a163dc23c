"""CLIPScore: how well an image fits its prompt, by the cosine of their CLIP embeddings.

Hessel et al. 2021, "CLIPScore: A Reference-free Evaluation Metric for Image Captioning".
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from nami_bench.evaluation.open_clip_model import ClipFiles, ClipModel, clip_files
from nami_bench.evaluation.weights import CLIP, CLIP_TAG
from nami_bench.evaluation.windowed import DualEncoderMetric
from nami_bench.neural.device import choose_device

SCALE = 100.0
"""The scale of text-to-image papers and of torchmetrics. Hessel et al. report 2.5 max(cos, 0) instead."""


class ClipScore(DualEncoderMetric):
    """100 max(cos(image, prompt), 0), in 0..100.

    A prompt of more tokens than the model reads at once (75, for most) is cut into windows: see
    `WindowedMetric`.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`, `pretrained` and `weights`: see `nami_bench.evaluation.open_clip_model.clip_files`. The
        default is OpenAI's ViT-L/14, as in torchmetrics. `batch_size` is in images. `device`: auto, cpu, cuda
        ..."""

        model: str = CLIP
        pretrained: str = CLIP_TAG
        weights: Path | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "clip-score"
    libraries = ("torch", "torchvision", "open_clip_torch")
    value_range = (0.0, SCALE)

    def __init__(self, options: Options) -> None:
        super().__init__(options.batch_size)
        self.options = options

    @property
    def instrument(self) -> str:
        """Model and weights, and that long prompts are cut into windows."""
        return f"{self._files.identity}+windows"

    @cached_property
    def _files(self) -> ClipFiles:
        return clip_files(self.options.model, self.options.pretrained, self.options.weights)

    @cached_property
    def _model(self) -> ClipModel:
        return ClipModel(self._files, choose_device(self.options.device))

    def _value(self, cosines: torch.Tensor) -> torch.Tensor:
        return SCALE * cosines.clamp(min=0)

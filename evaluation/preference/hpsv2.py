"""HPSv2: human preference for an image given its prompt, by a CLIP model trained on ranked images.

Wu et al. 2023, "Human Preference Score v2: A Solid Benchmark for Evaluating Human Preferences of
Text-to-Image Synthesis".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from PIL.Image import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from nami_bench.errors import UnknownNameError
from nami_bench.evaluation.open_clip_model import ClipFiles, ClipModel
from nami_bench.evaluation.weights import HPS_FILES, HPS_REPOSITORY
from nami_bench.evaluation.windowed import DualEncoderMetric
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import hub_file, short_sha256

SCALE = 100.0
"""As in the paper's tables; its package returns the cosine itself."""


class HPSv2(DualEncoderMetric):
    """100 cos(image, prompt) of a ViT-H/14 fine-tuned on HPD v2.

    The model is open_clip's, in float32 (the original computes in mixed precision on a GPU). An image becomes
    a tensor, is resized until its longer side is the network's, and padded with black to a square: so does
    the original, except where the longer side has that size already. Prompts of more than 75 tokens are cut
    into windows (the original drops the rest): see `WindowedMetric`.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`version`: 2.0 or 2.1, of the weights on the hub. `weights`: a file in their place. `model`: the
        architecture, one of open_clip's. `batch_size` is in images. `device`: auto, cpu, cuda ..."""

        version: Literal["2.0", "2.1"] = "2.1"
        weights: Path | None = None
        model: str = "ViT-H-14"
        batch_size: int = 32
        device: str = "auto"

    name = "hpsv2"
    libraries = ("torch", "torchvision", "open_clip_torch")
    value_range = (-SCALE, SCALE)

    def __init__(self, options: Options) -> None:
        super().__init__(options.batch_size)
        if options.model not in open_clip.list_models():
            raise UnknownNameError("open_clip model", options.model, open_clip.list_models())
        self.options = options

    @property
    def instrument(self) -> str:
        """Version, model, weights, and that long prompts are cut into windows."""
        return f"{self._files.identity}+windows"

    @cached_property
    def _files(self) -> ClipFiles:
        asked = self.options
        file = hub_file(HPS_REPOSITORY, HPS_FILES[asked.version], asked.weights)
        arguments = {"model_name": asked.model, "pretrained": str(file), "force_quick_gelu": False}
        return ClipFiles(arguments, file, f"hps-{asked.version}-{asked.model}-{short_sha256(file)}")

    @cached_property
    def _model(self) -> ClipModel:
        return _PaddedClip(self._files, choose_device(self.options.device))

    def _value(self, cosines: torch.Tensor) -> torch.Tensor:
        return SCALE * cosines


class _PaddedClip(ClipModel):
    """Its images keep their proportions and are padded to a square."""

    @torch.inference_mode()
    def _embed_images(self, images: Sequence[Image]) -> torch.Tensor:
        size = int(self.network.visual.image_size[0])
        pixels = torch.stack([_padded(image, size) for image in images]).to(self.device)
        embedded: torch.Tensor = self.network.encode_image(pixels, normalize=True)
        return embedded.float().cpu()


def _padded(image: Image, size: int) -> torch.Tensor:
    """(3, size, size), normalized as CLIP's pixels are."""
    pixels = transforms.to_tensor(image)
    scale = size / max(image.size)
    height, width = (max(1, round(side * scale)) for side in (image.height, image.width))
    pixels = transforms.resize(pixels, [height, width], InterpolationMode.BICUBIC, antialias=True)
    left, top = (size - width) // 2, (size - height) // 2
    padded = transforms.pad(pixels, [left, top, size - width - left, size - height - top], fill=0)
    found: torch.Tensor = transforms.normalize(padded, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    return found

"""DINOv2's features, prepared as Stein et al. do.

Oquab et al. 2023, "DINOv2: Learning Robust Visual Features without Supervision" (the network); Stein et al.
2023, "Exposing flaws of generative model evaluation metrics ..." (its use, and the preparation, after their
code dgm-eval).
"""

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import Dinov2Model

from nami_bench.evaluation.features import Features
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import HubModel, combined_sha256, hub_model
from nami_bench.neural.pretrained import load_network

SIZE = 224
"""Side of the network's input, in pixels, whatever its own settings say: ImageNet's crop is not for this."""

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


class DinoFeatures:
    """The class token after the last layer norm of a DINOv2 model of transformers, in float32."""

    def __init__(self, model: str, device: str) -> None:
        """`model`: a folder that save_pretrained wrote, or a name on the hub."""
        self._model = model
        self._device = device

    @cached_property
    def identity(self) -> str:
        """Name, the first 12 digits of the SHA-256 of settings and weights, and the resizing."""
        config = combined_sha256([self._files.folder / "config.json"])
        return f"{self._files.name}-{config}-{self._files.sha256}-cls{SIZE}"

    @cached_property
    def dimension(self) -> int:
        """1024 for the large model, which is Stein et al.'s."""
        return int(self._network[0].config.hidden_size)

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """An 8-bit RGB image as (3, 224, 224), squeezed by Pillow's bicubic filter and normalized."""
        resized = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        pixels = np.asarray(resized, dtype=np.float32) / 255
        return np.ascontiguousarray(((pixels - _MEAN) / _STD).transpose(2, 0, 1))

    def extract(self, batch: list[NDArray[np.float32]]) -> Features:
        """Features (n, dimension) of n prepared images."""
        network, device = self._network
        with torch.inference_mode():
            out = network(pixel_values=torch.from_numpy(np.stack(batch)).to(device))
            features: Features = out.last_hidden_state[:, 0].float().cpu().numpy()
            return features

    @cached_property
    def _files(self) -> HubModel:
        return hub_model(self._model)

    @cached_property
    def _network(self) -> tuple[Any, torch.device]:
        device = choose_device(self._device)
        return load_network(Dinov2Model, self._files.folder).to(device), device

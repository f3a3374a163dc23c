"""Inception-V3 features as FID and KID are defined on, with clean-fid's resizing.

Szegedy et al. 2016 (the network, as released by Google on 2015-12-05), Heusel et al. 2017 (its use for FID),
Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation" (the resizing).
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from nami_bench.errors import InputError
from nami_bench.evaluation.weights import INCEPTION
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import short_sha256
from nami_bench.neural.loading import loading
from nami_bench.neural.pretrained import read_pickled

SIZE = 299
"""Side of the network's input, in pixels."""


def clean_resize(image: Image.Image) -> NDArray[np.float32]:
    """An 8-bit RGB image of any size as (3, 299, 299) in 0..255, not rounded.

    Pillow's bicubic filter, antialiased, on each channel in floating point, as in clean-fid.
    """
    pixels = np.asarray(image, dtype=np.float32)
    channels = [
        np.asarray(Image.fromarray(pixels[:, :, c]).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    return np.stack(channels).clip(0, 255)


class InceptionFeatures:
    """2048 features of an image: the last average pooling of Inception-V3, in float32."""

    dimension = 2048

    def __init__(self, weights: Path | None = None, device: str = "auto") -> None:
        """`weights`: the network converted to PyTorch, as torch-fidelity and pytorch-fid publish it; None:
        their file, fetched where it is in neither our cache nor torch's."""
        self._weights = weights
        self._device = device

    @property
    def identity(self) -> str:
        """Network, the first 12 digits of its weights' SHA-256, and the resizing."""
        return f"inception-v3-{self._sha256}-clean"

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """One image as the network takes it."""
        return clean_resize(image)

    def extract(self, batch: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Features (n, 2048) of n prepared images."""
        network, device = self._network
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack(batch)).to(device)
            features: NDArray[np.float32] = network((pixels - 128) / 128).flatten(1).cpu().numpy()
            return features

    @cached_property
    def _file(self) -> Path:
        return INCEPTION.fetch() if self._weights is None else self._weights.expanduser()

    @cached_property
    def _sha256(self) -> str:
        return short_sha256(self._file)

    @cached_property
    def _network(self) -> tuple[torch.nn.Module, torch.device]:
        device = choose_device(self._device)
        try:
            # The library reads the file without this protection, so it goes first.
            with loading(self._file):
                read_pickled(self._file)
                whole = FeatureExtractorInceptionV3("inception-v3", ["2048"], str(self._file))
        except Exception as error:  # a foreign file makes the unpickler raise anything
            reason = str(error).strip().split("\n")[0]
            raise InputError(f"{self._file} does not hold Inception-V3's weights: {reason}") from error
        # The library's own forward takes 8-bit pixels only and would round; its layers are in order.
        *layers, _classifier = whole.children()
        return torch.nn.Sequential(*layers).to(device), device

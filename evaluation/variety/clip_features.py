"""CLIP's embeddings as features."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from nami_bench.evaluation.features import Features
from nami_bench.evaluation.open_clip_model import ClipFiles, ClipModel, clip_files
from nami_bench.neural.device import choose_device


class ClipFeatures:
    """The unit embedding of an image by a model of the open_clip library."""

    def __init__(self, model: str, pretrained: str, weights: Path | None, device: str) -> None:
        """See `nami_bench.evaluation.open_clip_model.clip_files`."""
        self._chosen = model, pretrained, weights
        self._device = device

    @cached_property
    def identity(self) -> str:
        """Model and weights."""
        return self._files.identity

    @cached_property
    def dimension(self) -> int:
        """Of the space that images and texts share."""
        size = self._model.network.visual.image_size
        height, width = (size, size) if isinstance(size, int) else size
        return int(self._model.embed_pixels(torch.zeros(1, 3, height, width)).shape[1])

    def prepare(self, image: Image) -> NDArray[np.float32]:
        """One image as the network takes it."""
        prepared: NDArray[np.float32] = self._model.prepare(image).numpy()
        return prepared

    def extract(self, batch: list[NDArray[np.float32]]) -> Features:
        """Unit vectors (n, dimension) of n prepared images."""
        found: Features = self._model.embed_pixels(torch.from_numpy(np.stack(batch))).numpy()
        return found

    @cached_property
    def _files(self) -> ClipFiles:
        return clip_files(*self._chosen)

    @cached_property
    def _model(self) -> ClipModel:
        return ClipModel(self._files, choose_device(self._device))

"""What an image looks like from afar: features without a network, for finding copies."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nami_bench.evaluation.features import Features

SIDE = 16
_FLAT = 4.0 / 255
"""A thumbnail whose pixels deviate less from their mean than this, of 0-1, is noise: nothing is like it."""


class Thumbnails:
    """An image squeezed to 16 x 16 pixels, less its mean colour, as a unit vector: the cosine of two is the
    correlation of their pixels.

    It does not see what re-encoding, resizing and small shifts change, nor overall brightness. The less an
    image deviates from one colour, the shorter its vector below that of `_FLAT`: plain images are like none.
    """

    identity = f"pixels-{SIDE}"
    dimension = 3 * SIDE * SIDE

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """One image as (768,) in 0..1, by averages over areas."""
        small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        return (np.asarray(small, dtype=np.float32) / 255).transpose(2, 0, 1).reshape(-1)

    def extract(self, batch: list[NDArray[np.float32]]) -> Features:
        """Vectors (n, 768), of length 1 or less, of n prepared images."""
        pixels = np.stack(batch).reshape(len(batch), 3, -1)
        centred = (pixels - pixels.mean(axis=2, keepdims=True)).reshape(len(batch), -1)
        least = _FLAT * np.sqrt(self.dimension)
        lengths = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), least)
        found: Features = centred / lengths
        return found

"""What an image looks like from afar: features without a network, for finding copies."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nami_bench.evaluation.features import Features

SIDE = 16
_FLAT = 4.0 / 255
"""A thumbnail whose pixels deviate less from their mean than this, of 0-1, is plain: the rest is noise."""

_PLACES = 3 * SIDE * SIDE


class Thumbnails:
    """An image squeezed to 16 x 16 pixels, less its mean colour, as a unit vector: the cosine of two is the
    correlation of their pixels.

    It does not see what re-encoding, resizing and small shifts change, nor overall brightness. The nearer an
    image is to plain (`_FLAT`), the more of its vector is its mean colour instead: black images are alike,
    black and gray ones are not.
    """

    identity = f"pixels-{SIDE}"
    dimension = _PLACES + 6

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """One image as (3, 256) in 0..1, by averages over areas."""
        small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        pixels = np.asarray(small, dtype=np.float32) / np.float32(255)
        return pixels.transpose(2, 0, 1).reshape(3, -1)

    def extract(self, batch: list[NDArray[np.float32]]) -> Features:
        """Unit vectors (n, 774) of n prepared images."""
        pixels = np.stack(batch)
        colours = pixels.mean(axis=2)
        centred = (pixels - colours[:, :, None]).reshape(len(batch), -1)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        least = np.maximum(lengths, _FLAT * np.sqrt(_PLACES))
        shape, left = centred / least, np.sqrt(1 - (lengths / least) ** 2)
        # Half a turn for each channel: the cosine falls below 0.98 where colours differ by 6 % of it.
        turns = np.pi * colours
        colour = np.concatenate([np.cos(turns), np.sin(turns)], axis=1) / np.sqrt(3)
        return np.concatenate([shape, left * colour], axis=1).astype(np.float32)

    def mirrored(self, features: Features) -> Features:
        """What `extract` gives for the same images, mirrored."""
        shape = features[:, :_PLACES].reshape(-1, 3, SIDE, SIDE)[..., ::-1].reshape(len(features), -1)
        return np.concatenate([shape, features[:, _PLACES:]], axis=1)

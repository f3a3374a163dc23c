"""Colors of flat shapes, read off the palette they were painted from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from scipy import ndimage

from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.shapes import COLORS

_NAMES = tuple(COLORS)
_PALETTE = np.array(list(COLORS.values()), dtype=np.float64)
_ENOUGH = 4


class PaletteColorClassifier:
    """Names the palette color nearest (Euclidean RGB) to the median of a mask's interior."""

    @property
    def identity(self) -> str:
        """Name and version."""
        return "palette-1"

    def classify(self, image: Image, detections: Sequence[Detection]) -> list[str]:
        """One of GenEval's ten color names for each detection. Raises InputError for one without a mask."""
        pixels = np.asarray(image.convert("RGB"))
        names = []
        for detection in detections:
            if detection.mask is None:
                raise InputError(
                    "the palette color classifier needs masks; choose a detector that gives them"
                )
            color = interior_color(pixels, detection.mask)
            names.append(_NAMES[int(np.linalg.norm(_PALETTE - color, axis=1).argmin())])
        return names


def interior_color(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Median color, shape (3,), of `pixels` (height, width, 3) under a mask that is not empty.

    The mask's outermost pixels, which blend into the background, are left out where enough others remain.
    """
    interior = ndimage.binary_erosion(mask)
    chosen = interior if interior.sum() >= _ENOUGH else mask
    return np.asarray(np.median(pixels[chosen], axis=0), dtype=np.float64)

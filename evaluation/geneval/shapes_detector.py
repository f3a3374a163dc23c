"""The analytic detector of the shapes world: from pixels alone, without weights."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from nami_bench.evaluation.geneval.palette import PaletteColorClassifier, interior_color
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.shapes import SHAPES, outline

# Euclidean RGB distance from the background: below half of the palette's least, above JPEG's ringing.
_CONTRAST = 45
# Components below this share of the image are specks.
_SPECK = 0.002
# Regions are compared at about this many pixels: larger ones shrunk, smaller ones with finer outlines.
_FINE = 64
# Score = how likely the class is among the eight x how likely it is a shape at all.
_CLASS_TEMPERATURE = 0.02
_SHAPE_IOU, _SHAPE_TEMPERATURE = 0.75, 0.02

Coverage = NDArray[np.float32]
"""How much of each pixel a shape covers, 0..1, (height, width)."""


class ShapesDetector:
    """Finds flat shapes on a background of one color, whatever color that is.

    Every connected region that stands out from the image's border is compared with each class's
    outline, placed on the region's centroid and scaled to its area. A region yields one detection
    for each class; their scores sum to at most 1. Regions that touch are taken for one.
    """

    class_names = SHAPES

    @property
    def identity(self) -> str:
        """Name and version."""
        return "shapes-analytic-1"

    @property
    def color_classifier(self) -> PaletteColorClassifier:
        """Nearest palette color."""
        return PaletteColorClassifier()

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Detections of each image; boxes are (left, top, right + 1, bottom + 1) of the mask."""
        return [_detect(np.asarray(image.convert("RGB"))) for image in images]


def _detect(pixels: NDArray[np.uint8]) -> list[Detection]:
    found = []
    for mask, coverage in _regions(pixels):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
        for shape, score in zip(SHAPES, _scores(_overlaps(coverage)), strict=True):
            found.append(Detection(shape, box, float(score), mask))
    return found


def _regions(pixels: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.bool_], Coverage]]:
    """Each region's mask in the whole image, and its coverage cut out of the image."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background = np.median(border, axis=0).astype(np.float32)
    offset = pixels - background
    labels, count = ndimage.label(np.einsum("hwc,hwc->hw", offset, offset) > _CONTRAST**2)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    for label, window in enumerate(ndimage.find_objects(labels), start=1):
        if areas[label] < _SPECK * labels.size:
            continue
        # Two more pixels on each side, for the faint ones at the edge.
        window = tuple(slice(max(0, s.start - 2), s.stop + 2) for s in window)
        region = labels[window] == label
        color = interior_color(pixels[window], region) - background
        if color @ color < _CONTRAST**2:
            continue  # Of many colors that cancel out: nothing flat.
        coverage = np.clip(offset[window] @ color / (color @ color), 0, 1)
        coverage[~ndimage.binary_dilation(region)] = 0
        mask = np.zeros(labels.shape, dtype=np.bool_)
        mask[window] = coverage >= 0.5
        if mask.any():
            yield mask, coverage.astype(np.float32)


def _overlaps(coverage: Coverage) -> NDArray[np.float64]:
    """IoU, (classes,), of a region with each outline at its centroid, with its area and its blur."""
    shrink = max(1, max(coverage.shape) // _FINE)
    coverage = np.asarray(Image.fromarray(coverage).reduce(shrink), dtype=np.float32)
    height, width = coverage.shape
    area = float(coverage.sum())
    center = np.array(
        [
            coverage.sum(axis=0) @ (np.arange(width) + 0.5) / area,
            coverage.sum(axis=1) @ (np.arange(height) + 0.5) / area,
        ]
    )
    templates = np.stack([_covered(_normal_outline(s) * area**0.5 + center, width, height) for s in SHAPES])
    blur = _blur(coverage)
    templates = ndimage.gaussian_filter(templates, (0, blur, blur), mode="constant")
    common = np.minimum(coverage, templates).sum(axis=(1, 2))
    return np.asarray(common / (2 * area - common), dtype=np.float64)


def _blur(coverage: Coverage) -> float:
    """Standard deviation, in pixels, of the Gaussian blur that a region has beyond its pixels' own width.

    Across an edge blurred by sigma, c(1 - c) integrates to sigma / sqrt(pi); along the outline,
    the gradient of c integrates to the outline's length.
    """
    down, right = np.gradient(np.pad(coverage, 1))
    length = float(np.hypot(down, right).sum())
    sigma = np.pi**0.5 * float((coverage * (1 - coverage)).sum()) / length
    pixel_variance = 1 / 12
    return float(max(0.0, sigma**2 - pixel_variance) ** 0.5)


def _scores(overlaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn IoU with each class, (classes,), into scores 0..1."""
    relative = np.exp((overlaps - overlaps.max()) / _CLASS_TEMPERATURE)
    is_shape = 1 / (1 + np.exp(-(overlaps.max() - _SHAPE_IOU) / _SHAPE_TEMPERATURE))
    return np.asarray(relative / relative.sum() * is_shape)


def _covered(points: NDArray[np.float64], width: int, height: int) -> Coverage:
    """Coverage of a polygon with the corners `points` (n, 2), in pixels."""
    factor = max(1, 2 * _FINE // max(width, height))
    canvas = Image.new("L", (width * factor, height * factor))
    # Pillow's coordinates are those of pixels' centres.
    ImageDraw.Draw(canvas).polygon((points * factor - 0.5).ravel().tolist(), fill=255)
    return np.asarray(canvas.reduce(factor), dtype=np.float32) / np.float32(255)


@cache
def _normal_outline(shape: str) -> NDArray[np.float64]:
    """The outline (n, 2) with its centroid at the origin and the area 1 (shoelace formula)."""
    points = outline(shape)
    x, y = points.T
    next_x, next_y = np.roll(points, -1, axis=0).T
    cross = x * next_y - next_x * y
    area = float(cross.sum()) / 2
    center = np.array([(x + next_x) @ cross, (y + next_y) @ cross]) / (6 * area)
    return np.asarray((points - center) / abs(area) ** 0.5)

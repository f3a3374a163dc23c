"""The shapes world: eight flat shapes in GenEval's ten colors on grey.

What the procedural renderer draws and its analytic detector looks for, and nothing else: both
rest on the same outlines and the same palette.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from nami_bench.errors import UnknownNameError

SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross", "crescent", "heart")
"""Class names, in the place of GenEval's 80 COCO classes."""

RGB = tuple[int, int, int]

COLORS: dict[str, RGB] = {
    "red": (222, 28, 36),
    "orange": (252, 130, 4),
    "yellow": (255, 225, 40),
    "green": (30, 152, 62),
    "blue": (28, 84, 214),
    "purple": (134, 34, 170),
    "pink": (255, 158, 200),
    "brown": (122, 70, 28),
    "black": (12, 12, 12),
    "white": (255, 255, 255),
}
"""GenEval's ten color names, in its order, as 8-bit RGB at least 100 apart (Euclidean)."""

BACKGROUND: RGB = (150, 150, 150)
"""A grey at least 100 away (Euclidean RGB) from each of `COLORS`."""


@cache
def outline(shape: str) -> NDArray[np.float64]:
    """The shape's outline as a simple polygon: read-only, shape (n, 2), columns x (right) and y (down).

    Its bounding box is centred in the unit square and its longer side is 1. Raises UnknownNameError.
    """
    if shape not in _DRAWN:
        raise UnknownNameError("shape", shape, SHAPES)
    points = np.array(_DRAWN[shape](), dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    points -= (low + high) / 2
    points /= (high - low).max()
    points += 0.5
    points.setflags(write=False)
    return points


def extent(shape: str) -> tuple[float, float]:
    """(width, height) of the outline's bounding box; the larger of the two is 1."""
    points = outline(shape)
    width, height = points.max(axis=0) - points.min(axis=0)
    return float(width), float(height)


def _arc(radius: float, start: float, stop: float, points: int = 90) -> NDArray[np.float64]:
    angles = np.radians(np.linspace(start, stop, points))
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _circle() -> NDArray[np.float64]:
    return _arc(1, 0, 360)[:-1]


def _square() -> list[tuple[float, float]]:
    return [(0, 0), (1, 0), (1, 1), (0, 1)]


def _triangle() -> list[tuple[float, float]]:
    return [(0, 0), (0.5, 3**0.5 / 2), (-0.5, 3**0.5 / 2)]


def _star() -> NDArray[np.float64]:
    # Fatter than a pentagram (inner radius 0.38), so that its arms survive at a few pixels.
    points = _arc(1, -90, 270, 11)[:-1]
    points[1::2] *= 0.45
    return points


def _diamond() -> list[tuple[float, float]]:
    return [(0, -1), (0.74, 0), (0, 1), (-0.74, 0)]


def _cross() -> list[tuple[float, float]]:
    # fmt: off
    return [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2), (2, 2), (2, 3), (1, 3), (1, 2), (0, 2), (0, 1), (1, 1)]
    # fmt: on


def _crescent() -> NDArray[np.float64]:
    # A unit disc less a disc of radius 0.82 whose centre lies 0.5 to the right; they meet at x, y.
    radius, offset = 0.82, 0.5
    x = (1 - radius**2 + offset**2) / (2 * offset)
    y = (1 - x**2) ** 0.5
    outer = np.degrees(np.arctan2(y, x))
    inner = np.degrees(np.arctan2(y, x - offset))
    bite = _arc(radius, -inner, inner - 360) + np.array([offset, 0.0])
    return np.concatenate([_arc(1, outer, 360 - outer), bite])


def _heart() -> NDArray[np.float64]:
    # A square on its corner with a half disc on each of its upper sides.
    right = _arc(0.5**0.5, 45, -135) + np.array([0.5, -0.5])
    left = _arc(0.5**0.5, -45, -225) + np.array([-0.5, -0.5])
    return np.concatenate([[(0.0, 1.0)], right, left])


_DRAWN = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "diamond": _diamond,
    "cross": _cross,
    "crescent": _crescent,
    "heart": _heart,
}

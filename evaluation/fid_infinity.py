"""FID without the bias of the number of generated images.

Chong and Forsyth 2020, "Effectively Unbiased FID and Inception Score and Where to Find Them".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nami_bench.errors import InputError
from nami_bench.evaluation.features import Features, moments
from nami_bench.evaluation.fid import InceptionDistance
from nami_bench.evaluation.frechet import frechet_distance

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean (d,) and covariance (d, d)."""

POINTS = 15
"""Numbers of images at which FID is computed, as in the paper's code."""

CURVED = 2.5
"""With fewer images than so many times the features FID is no line over 1/n: see docs/statistics.md."""


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """A straight line through FIDs over 1/n: `intercept` is the FID of endless images, `slope` times 1/n its
    bias. `sizes`: the numbers of images, `distances`: the FID of each. `r_squared`: the share of their
    variance that the line explains, None where they do not vary."""

    intercept: float
    slope: float
    r_squared: float | None
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def smallest_size(dimension: int, images: int) -> int:
    """From how many images on FIDs enter the line: a tenth of all, and `CURVED` times the features.

    In the paper the two are the same: 5000 of 50,000 images, of 2048 features.
    """
    return max(int(CURVED * dimension), images // 10)


def sizes_between(least: int, most: int) -> tuple[int, ...]:
    """`POINTS` whole numbers of images at equal steps, fewer where there are not so many."""
    return tuple(sorted({int(size) for size in np.linspace(least, most, POINTS)}))


def extrapolated(features: Features, reference: Moments, least: int, seed: int = 0) -> Extrapolation:
    """FID of n features (n, d) at numbers from `least` (over 1) to n, each of a random draw without
    replacement, and the line of least squares through them over 1 / number."""
    rng = np.random.default_rng(seed)
    sizes = sizes_between(least, len(features))
    distances = [
        frechet_distance(*reference, *moments(features[rng.permutation(len(features))[:size]]))
        for size in sizes
    ]
    return fitted(sizes, distances)


def fitted(sizes: tuple[int, ...], distances: list[float]) -> Extrapolation:
    """The line through FIDs at two or more different numbers of images."""
    inverse, values = 1 / np.array(sizes, float), np.array(distances)
    slope, intercept = np.polynomial.polynomial.polyfit(inverse, values, 1)[::-1]
    total = float(((values - values.mean()) ** 2).sum())
    left = float(((values - intercept - slope * inverse) ** 2).sum())
    r_squared = 1 - left / total if total > 0 else None
    return Extrapolation(float(intercept), float(slope), r_squared, sizes, tuple(distances))


class FidInfinity(InceptionDistance):
    """FID extrapolated to endless images of the model. That of the reference is not: its own number of images
    still raises the value, of every model compared with it alike. It can be below 0.

    `details`: "fit" with "slope", "r_squared", "sizes" and "distances"; the last of these is the FID itself.
    """

    name = "fid-infinity"

    def _needed(self) -> int:
        return int(2 * CURVED * self.extractor.dimension)

    def _why(self) -> str:
        return "a line needs numbers of images that lie apart, and with few images FID does not follow one"

    def _measure(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        if len(features) < 3:
            raise InputError(f"{self.name} needs at least 3 images: a line needs two numbers of them")
        least = smallest_size(self.extractor.dimension, len(features))
        if self.options.allow_few:
            least = min(least, len(features) // 2)
        line = extrapolated(features, self.reference.moments, max(least, 2))
        fit = {
            "slope": line.slope,
            "r_squared": line.r_squared,
            "sizes": line.sizes,
            "distances": line.distances,
        }
        return line.intercept, {"fit": fit}

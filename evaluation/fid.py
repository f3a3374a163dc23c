"""FID and KID: how far the features of a model's images lie from those of real ones. Lower is better.

Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule ..." (FID); Binkowski et al. 2018,
"Demystifying MMD GANs" (KID). Features and resizing: `nami_bench.evaluation.inception`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nami_bench.errors import InputError
from nami_bench.evaluation.features import FeatureExtractor, Features, moments
from nami_bench.evaluation.frechet import frechet_distance
from nami_bench.evaluation.inception import InceptionFeatures
from nami_bench.evaluation.reference_metric import ReferenceMetric

Float64 = NDArray[np.float64]
KID_SUBSETS = 100
KID_SUBSET_SIZE = 1000


def squared_mmd(a: Float64, b: Float64) -> float:
    """Unbiased squared maximum mean discrepancy of two samples (m, d) and (n, d), of at least 2 rows each.

    The kernel is KID's, (x·y / d + 1)^3. Being unbiased, it can be negative.
    """
    across = float(_kernel(a, b).mean())
    return _off_diagonal_mean(_kernel(a, a)) + _off_diagonal_mean(_kernel(b, b)) - 2 * across


def kernel_distances(
    a: Features, b: Features, subsets: int = KID_SUBSETS, subset_size: int = KID_SUBSET_SIZE, seed: int = 0
) -> Float64:
    """`squared_mmd` of pairs of random subsets of `subset_size` rows, or of all there are: (subsets,)."""
    rng = np.random.default_rng(seed)
    size = min(subset_size, len(a), len(b))

    def subset(features: Features) -> Float64:
        return features[rng.choice(len(features), size, replace=False)].astype(np.float64)

    return np.array([squared_mmd(subset(a), subset(b)) for _ in range(subsets)])


@dataclass(frozen=True, slots=True)
class DistanceOptions:
    """`reference`, `batch_size`, `allow_few`, `device`: see `ReferenceOptions`. `weights`: of Inception-V3,
    in a file; by default fetched."""

    reference: Path | None = None
    weights: Path | None = None
    batch_size: int = 32
    allow_few: bool = False
    device: str = "auto"


class InceptionDistance(ReferenceMetric):
    """A distance of Inception-V3's features."""

    Options = DistanceOptions
    lower_is_better = True
    libraries = ("torch", "torch-fidelity", "scipy")

    def __init__(self, options: DistanceOptions, extractor: FeatureExtractor | None = None) -> None:
        """`extractor` takes the place of Inception-V3."""
        super().__init__(options, extractor or InceptionFeatures(options.weights, options.device))


class FrechetInceptionDistance(InceptionDistance):
    """FID. Biased upward by an amount that falls with the number of images and depends on the model: compare
    only values of equally many images."""

    name = "fid"

    def _needed(self) -> int:
        return self.extractor.dimension

    def _why(self) -> str:
        return (
            "with fewer images than features the covariance is singular, and FID is far too high, "
            "by an amount that differs between models"
        )

    def _measure(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        return frechet_distance(*moments(features), *self.reference.moments), {}


class KernelInceptionDistance(InceptionDistance):
    """KID: the mean over 100 pairs of random subsets of 1000 images. Unbiased, whatever their number.

    `details`: "subset_size", and "subset_std", the standard deviation over the subsets.
    """

    name = "kid"

    def _needed(self) -> int:
        return KID_SUBSET_SIZE

    def _why(self) -> str:
        return "it is defined on subsets of as many, and varies widely with fewer"

    def _measure(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        real = self.reference.features
        if real is None:
            raise InputError(f"{self.reference.source} holds mu and sigma only: kid needs feats, or a folder")
        distances = kernel_distances(features, real)
        size = min(KID_SUBSET_SIZE, len(features), len(real))
        return float(distances.mean()), {"subset_size": size, "subset_std": float(distances.std(ddof=1))}


def _kernel(a: Float64, b: Float64) -> Float64:
    kernel: Float64 = (a @ b.T / a.shape[1] + 1) ** 3
    return kernel


def _off_diagonal_mean(kernel: Float64) -> float:
    n = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))

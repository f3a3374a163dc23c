"""FID and KID: how far the features of a model's images lie from those of real ones. Lower is better.

Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule ..." (FID); Binkowski et al. 2018,
"Demystifying MMD GANs" (KID). Features and resizing: `nami_bench.evaluation.inception`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.features import (
    Extracted,
    FeatureExtractor,
    Features,
    Reference,
    extract_features,
    moments,
)
from nami_bench.evaluation.inception import InceptionFeatures
from nami_bench.evaluation.protocol import ScoringItem, SetResult
from nami_bench.neural.device import choose_device, device_name

Float64 = NDArray[np.float64]
KID_SUBSETS = 100
KID_SUBSET_SIZE = 1000


def frechet_distance(mean_a: Float64, cov_a: Float64, mean_b: Float64, cov_b: Float64) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians: means (d,), covariances (d, d).

    |a - b|^2 + Tr(A + B - 2 (A B)^(1/2)). The last trace is that of the square root of A^(1/2) B A^(1/2),
    which is symmetric, so that nothing complex arises where a covariance is singular.
    """
    values, vectors = eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(eigvalsh(root @ cov_b @ root).clip(0)).sum()
    difference = mean_a - mean_b
    squared = float(difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)
    return max(squared, 0.0)  # rounding alone takes it below, where the two are equal


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
    """`reference`: a folder of images or a .npz file (see `nami_bench.evaluation.features.Reference`).
    `weights`: of Inception-V3, in a file; by default fetched. `batch_size` is in images. `allow_few` computes
    the value of fewer images than it needs, and says so in the instrument. `device`: auto, cpu, cuda ..."""

    reference: Path | None = None
    weights: Path | None = None
    batch_size: int = 32
    allow_few: bool = False
    device: str = "auto"


class _FeatureDistance(ABC):
    """What FID and KID share."""

    Options = DistanceOptions
    name: ClassVar[str]
    lower_is_better = True
    libraries = ("torch", "torch-fidelity", "scipy")

    def __init__(self, options: DistanceOptions, extractor: FeatureExtractor | None = None) -> None:
        """`extractor` takes the place of Inception-V3."""
        if options.reference is None:
            raise InputError(
                f"{self.name} compares with real images: name them with -O reference=FOLDER or FILE.npz"
            )
        if options.batch_size < 1:
            raise InputError(f"{self.name}: batch_size must be at least 1, got {options.batch_size}")
        self.options = options
        self.extractor = extractor or InceptionFeatures(options.weights, options.device)
        self.reference = Reference(options.reference.expanduser(), self.extractor, options.batch_size)

    @cached_property
    def instrument(self) -> str:
        """Network, weights, resizing, reference, and whether too few images were let pass."""
        few = ["few-allowed"] if self.options.allow_few else []
        return "+".join([self.extractor.identity, self.reference.identity, *few])

    @cached_property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Metric`."""
        return {"device": device_name(choose_device(self.options.device)), "dtype": "float32"}

    def applies_to(self, prompt: Prompt) -> bool:
        """Images of any prompt belong in the set."""
        return True

    @property
    def window(self) -> int:
        """Images in one pass of the network; see `nami_bench.engines.protocol.Windowed`."""
        return self.options.batch_size

    @property
    def extracts_with(self) -> str:
        """Network, weights and resizing: what features depend on beside the image."""
        return self.extractor.identity

    def check_size(self, images: int) -> None:
        """Raises InputError where so many images, or those of the reference, are too few."""
        self._check_count(images, "the model's images")
        if self.reference.features is not None:
            self._check_count(len(self.reference.features), "the reference")

    def extract(
        self, items: Sequence[ScoringItem], advance: Callable[[int], object] = lambda count: None
    ) -> Extracted:
        """The features of the images of `items`; see `extract_features`."""
        images = [item.image for item in items]
        return extract_features(images, self.extractor, self.options.batch_size, advance)

    def score_set(
        self, items: Sequence[ScoringItem], advance: Callable[[int], object] = lambda count: None
    ) -> SetResult:
        """The distance of the images of `items` from the reference.

        Raises InputError where there are too few images on either side, or the reference is unusable.
        """
        self.check_size(len(items))
        return self.score_features(*self.extract(items, advance))

    def score_features(self, features: Features, problems: Sequence[str]) -> SetResult:
        """The distance of a set's features from the reference; `problems`: of images that have none.

        Raises InputError where they are too few.
        """
        self._check_count(len(features), "the model's readable images")
        if not np.isfinite(features).all():
            reason = "the network gave numbers that are not finite"
            return SetResult(None, len(features), tuple(problems), reason)
        value, details = self._distance(features)
        real = self.reference.features
        counts = {"images": len(features), "reference_images": None if real is None else len(real)}
        return SetResult(value, len(features), tuple(problems), details={**counts, **details})

    @abstractmethod
    def _needed(self) -> int:
        """Fewest images, on either side, that give a value worth having."""

    @abstractmethod
    def _why(self) -> str:
        """What is wrong with fewer."""

    @abstractmethod
    def _distance(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        """The value, and details."""

    def _check_count(self, count: int, what: str) -> None:
        if count < 2:
            raise InputError(f"{self.name} needs at least 2 images, {what} are {count}")
        if count < self._needed() and not self.options.allow_few:
            raise InputError(
                f"{self.name} needs {self._needed()} images on either side, {what} are {count}: "
                f"{self._why()}; -O allow_few=true computes it all the same"
            )


class FrechetInceptionDistance(_FeatureDistance):
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

    def _distance(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        return frechet_distance(*moments(features), *self.reference.moments), {}


class KernelInceptionDistance(_FeatureDistance):
    """KID: the mean over 100 pairs of random subsets of 1000 images. Unbiased, whatever their number.

    `details`: "subset_size", and "subset_std", the standard deviation over the subsets.
    """

    name = "kid"

    def _needed(self) -> int:
        return KID_SUBSET_SIZE

    def _why(self) -> str:
        return "it is defined on subsets of as many, and varies widely with fewer"

    def _distance(self, features: Features) -> tuple[float, Mapping[str, Any]]:
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

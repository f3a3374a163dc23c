"""FD-DINOv2: the Fréchet distance of DINOv2's features.

Stein et al. 2023, "Exposing flaws of generative model evaluation metrics and their unfair treatment of
diffusion models". Features and resizing: `nami_bench.evaluation.variety.dinov2`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.evaluation.features import FeatureExtractor, Features, moments
from nami_bench.evaluation.frechet import frechet_distance
from nami_bench.evaluation.reference_metric import ReferenceMetric
from nami_bench.evaluation.variety.dinov2 import DinoFeatures
from nami_bench.evaluation.weights import DINOV2


class FrechetDinoDistance(ReferenceMetric):
    """FD-DINOv2: FID with the features of DINOv2 in the place of Inception-V3's. Biased as FID is."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`reference`, `batch_size`, `allow_few`, `device`: see `ReferenceOptions`. `model`: a DINOv2 model
        of transformers, in a folder or on the hub; Stein et al. use the large one."""

        reference: Path | None = None
        model: str = DINOV2
        batch_size: int = 32
        allow_few: bool = False
        device: str = "auto"

    name = "fd-dinov2"
    lower_is_better = True
    libraries = ("torch", "transformers", "scipy")

    def __init__(self, options: Options, extractor: FeatureExtractor | None = None) -> None:
        """`extractor` takes the place of DINOv2."""
        super().__init__(options, extractor or DinoFeatures(options.model, options.device))

    def _needed(self) -> int:
        return self.extractor.dimension

    def _why(self) -> str:
        return "with fewer images than features the covariance is singular, and the distance far too high"

    def _measure(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        return frechet_distance(*moments(features), *self.reference.moments), {}

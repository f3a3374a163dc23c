"""How varied the images are that a model makes of one prompt.

Friedman and Dieng 2023, "The Vendi Score: A Diversity Evaluation Metric for Machine Learning"; mean pairwise
distances, as by LPIPS since Zhu et al. 2017, "Toward Multimodal Image-to-Image Translation".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nami_bench.evaluation.features import FeatureExtractor, Features
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.variety.groups import GroupMetric, GroupValue

Float64 = NDArray[np.float64]


def cosines(features: Features) -> Float64:
    """Cosine similarities (n, n) of n vectors; those of a vector of zeros are 0, with itself 1."""
    exact = features.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit = exact / np.where(lengths > 0, lengths, 1)
    similarity: Float64 = (unit @ unit.T).clip(-1, 1)
    np.fill_diagonal(similarity, 1.0)
    return similarity


def vendi_score(similarity: Float64) -> float:
    """The number of different things among n, 1 to n, by their similarities (n, n), 1 on the diagonal.

    exp of the entropy of the eigenvalues of the matrix over n.
    """
    values = np.linalg.eigvalsh(similarity / len(similarity)).clip(min=0)
    positive = values[values > 0]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def squared_distances(features: Features) -> Float64:
    """Squared Euclidean distances (n, n) of n vectors, each by its difference: of hundreds of thousands of
    numbers nearly equal ones must stay exact."""
    count = len(features)
    found = np.zeros((count, count))
    for first in range(count):
        for second in range(first + 1, count):
            difference = features[first].astype(np.float64) - features[second]
            found[first, second] = found[second, first] = float(difference @ difference)
    return found


def mean_distances(distances: Float64) -> Float64:
    """(n,): how far each of at least 2 things is from the others on average; their mean is the mean over
    pairs."""
    found: Float64 = (distances.sum(axis=1) - np.diag(distances)) / (len(distances) - 1)
    return found


class Vendi(GroupMetric):
    """The Vendi score of a prompt's samples, by the cosines of their features: the same on each of them.

    1 where all are alike, as many as there are samples where nothing is shared: compare only models with
    equally many of each prompt. `details`: "samples".
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`features`: clip, inception or dinov2, with `model`, `pretrained` and `weights` as
        `nami_bench.evaluation.variety.networks.chosen_extractor` says. `batch_size` is in images. `device`:
        auto, cpu, cuda ..."""

        features: Literal["clip", "inception", "dinov2"] = "clip"
        model: str | None = None
        pretrained: str | None = None
        weights: Path | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "vendi"

    def __init__(self, options: Options, extractor: FeatureExtractor | None = None) -> None:
        super().__init__(options, extractor)

    def _settings(self) -> Sequence[str]:
        return ("cosine",)

    def _measure(self, items: Sequence[ScoringItem], features: Features) -> Sequence[GroupValue]:
        value = GroupValue(vendi_score(cosines(features)), {"samples": len(items)})
        return [value] * len(items)


class SampleDistance(GroupMetric):
    """An image's mean distance to the other samples of its prompt: the mean over images is that over pairs.

    By LPIPS, or 1 - cosine of features. `details`: "samples", "nearest" (the least of its distances).
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`features`: lpips, clip, inception or dinov2, with `model`, `pretrained` and `weights` as
        `nami_bench.evaluation.variety.networks.chosen_extractor` says. `batch_size` is in images. `device`:
        auto, cpu, cuda ..."""

        features: Literal["lpips", "clip", "inception", "dinov2"] = "lpips"
        model: str | None = None
        pretrained: str | None = None
        weights: Path | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "sample-distance"

    def __init__(self, options: Options, extractor: FeatureExtractor | None = None) -> None:
        super().__init__(options, extractor)
        self._squared = options.features == "lpips"
        self.value_range = None if self._squared else (0.0, 2.0)

    def _settings(self) -> Sequence[str]:
        return () if self._squared else ("cosine",)

    def _measure(self, items: Sequence[ScoringItem], features: Features) -> Sequence[GroupValue]:
        distances = squared_distances(features) if self._squared else 1 - cosines(features)
        others = distances + np.diag(np.full(len(items), np.inf))
        return [
            GroupValue(float(mean), {"samples": len(items), "nearest": float(nearest)})
            for mean, nearest in zip(mean_distances(distances), others.min(axis=1), strict=True)
        ]

"""Precision and recall, density and coverage: how a model's images and real ones cover each other.

Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models" (precision,
recall); Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models" (density,
coverage).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nami_bench.errors import InputError
from nami_bench.evaluation.features import FeatureExtractor, Features
from nami_bench.evaluation.reference_metric import ReferenceMetric
from nami_bench.evaluation.sharing import extracted_once
from nami_bench.evaluation.variety.networks import chosen_extractor, libraries_of

Float64 = NDArray[np.float64]

LEAST = 1000
"""Images on either side: with fewer the values are far from those of many; see docs/statistics.md."""

_BLOCK = 1024
"""Rows of distances at once: so many times the images of the other side are in memory."""


@dataclass(frozen=True, slots=True)
class Covering:
    """Shares 0-1, but for `density`, which is 0 up and 1 for images that are as the real ones.

    `precision`: of the model's images, those within a real image's ball; `recall`: of the real ones, those
    within a ball of one of the model's. `density`: in how many real balls an image of the model lies, by k;
    `coverage`: of the real ones, those whose ball holds an image of the model.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def nearest_radii(points: Features, k: int) -> Float64:
    """(n,): how far the k-th nearest other of more than k points is from each."""
    # A point is its own nearest.
    return np.concatenate([np.partition(rows, k, axis=1)[:, k] for rows in _distances(points, points)])


def covering(real: Features, made: Features, precision_k: int, coverage_k: int) -> Covering:
    """What features (m, d) of real images and (n, d) of a model's say, m and n over both k.

    A ball reaches to the k-th nearest of its own side: the first k for precision and recall, which count its
    surface in, the second for density and coverage, which do not, as in the authors' code.
    """
    ball, made_ball = nearest_radii(real, precision_k), nearest_radii(made, precision_k)
    narrow = ball if coverage_k == precision_k else nearest_radii(real, coverage_k)
    in_a_ball = np.zeros(len(made), dtype=bool)
    recalled = covered = balls = start = 0
    for rows in _distances(real, made):
        part = slice(start, start + len(rows))
        in_a_ball |= (rows <= ball[part, None]).any(axis=0)
        recalled += int((rows <= made_ball).any(axis=1).sum())
        inside = rows < narrow[part, None]
        balls += int(inside.sum())
        covered += int(inside.any(axis=1).sum())
        start += len(rows)
    return Covering(
        precision=float(in_a_ball.mean()),
        recall=recalled / len(real),
        density=balls / (coverage_k * len(made)),
        coverage=covered / len(real),
    )


def _distances(rows: Features, columns: Features) -> Iterator[Float64]:
    """Blocks of rows of the Euclidean distances (m, n), in float64."""
    others = columns.astype(np.float64)
    squares = np.einsum("nd,nd->n", others, others)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK].astype(np.float64)
        own = np.einsum("nd,nd->n", block, block)[:, None]
        yield np.sqrt((own + squares - 2 * block @ others.T).clip(min=0))


class _CoveringMetric(ReferenceMetric):
    """One of `Covering`'s values, of equally many images of either side.

    `details`: "compared", how many of either side were, drawn at random where there are more, and all four
    values.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`reference`, `batch_size`, `allow_few`, `device`: see `ReferenceOptions`. `features`: inception,
        dinov2 or clip, with `model`, `pretrained` and `weights` as
        `nami_bench.evaluation.variety.networks.chosen_extractor` says. `neighbours`: the k of the balls, by
        default 3 for precision and recall, 5 for density and coverage, as their authors have it."""

        reference: Path | None = None
        features: Literal["inception", "dinov2", "clip"] = "inception"
        model: str | None = None
        pretrained: str | None = None
        weights: Path | None = None
        neighbours: int | None = None
        batch_size: int = 32
        allow_few: bool = False
        device: str = "auto"

    lower_is_better = False
    usual: ClassVar[int]
    """The authors' k."""

    def __init__(self, options: Options, extractor: FeatureExtractor | None = None) -> None:
        """`extractor` takes the place of the chosen one."""
        if options.neighbours is not None and options.neighbours < 1:
            raise InputError(f"{self.name}: neighbours must be at least 1, got {options.neighbours}")
        super().__init__(options, extractor or chosen_extractor(options))
        self.libraries = (*libraries_of(options.features), "numpy")
        self._k = (options.neighbours or 3, options.neighbours or 5)

    def _settings(self) -> Sequence[str]:
        return (f"k{self._k[self.usual == 5]}",)

    def _needed(self) -> int:
        return LEAST

    def _why(self) -> str:
        return "with fewer neither side is covered well, and the value depends on their number"

    def _measure(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        real = self.reference.features
        if real is None:
            raise InputError(
                f"{self.reference.source} holds mu and sigma only: {self.name} needs feats, or a folder"
            )
        count = min(len(features), len(real))
        if count <= max(self._k):
            raise InputError(
                f"{self.name} needs more than {max(self._k)} images on either side, there are {count}"
            )
        seen = hashlib.sha256(features.tobytes()).hexdigest()
        found: Covering = extracted_once(
            (self.extractor.identity, self.reference.identity, self._k, seen),
            lambda: covering(_drawn(real, count), _drawn(features, count), *self._k),
        )
        values = asdict(found)
        return values[self.name], {"compared": count, **values}


class Precision(_CoveringMetric):
    """Improved precision: the share of the model's images that look real."""

    name = "precision"
    usual = 3


class Recall(_CoveringMetric):
    """Improved recall: the share of real images that the model could have made."""

    name = "recall"
    usual = 3


class Density(_CoveringMetric):
    """Density: how densely real images lie around the model's; over 1 where those keep to the densest."""

    name = "density"
    usual = 5


class Coverage(_CoveringMetric):
    """Coverage: the share of real images that have one of the model's beside them."""

    name = "coverage"
    usual = 5


def _drawn(features: Features, count: int) -> Features:
    """So many of them, always the same."""
    if count == len(features):
        return features
    drawn: Features = features[np.random.default_rng(0).choice(len(features), count, replace=False)]
    return drawn

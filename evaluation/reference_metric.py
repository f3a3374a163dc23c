"""Metrics that look at the features of all images of a model beside those of a reference set."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.features import (
    Extracted,
    FeatureExtractor,
    Features,
    Reference,
    extract_features,
)
from nami_bench.evaluation.protocol import ScoringItem, SetResult
from nami_bench.neural.device import choose_device, device_name


class ReferenceOptions(Protocol):
    """What the options of such a metric have in common: read-only, since they are frozen.

    `reference`: a folder of images or a .npz file (see `nami_bench.evaluation.features.Reference`).
    `batch_size` is in images. `allow_few` computes the value of fewer images than it needs, and says so in
    the instrument. `device`: auto, cpu, cuda ...
    """

    @property
    def reference(self) -> Path | None: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def allow_few(self) -> bool: ...

    @property
    def device(self) -> str: ...


class ReferenceMetric(ABC):
    """What FID, KID, FD-DINOv2, precision, recall, density and coverage share."""

    name: ClassVar[str]
    lower_is_better: ClassVar[bool]
    libraries: tuple[str, ...] = ("torch", "scipy")

    def __init__(self, options: ReferenceOptions, extractor: FeatureExtractor) -> None:
        """Raises InputError for options without a reference."""
        if options.reference is None:
            raise InputError(
                f"{self.name} compares with real images: name them with -O reference=FOLDER or FILE.npz"
            )
        if options.batch_size < 1:
            raise InputError(f"{self.name}: batch_size must be at least 1, got {options.batch_size}")
        self.options = options
        self.extractor = extractor
        self.reference = Reference(options.reference.expanduser(), self.extractor, options.batch_size)

    @cached_property
    def instrument(self) -> str:
        """Network, weights, resizing, reference, and whether too few images were let pass."""
        few = ["few-allowed"] if self.options.allow_few else []
        return "+".join([self.extractor.identity, self.reference.identity, *self._settings(), *few])

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
        """The value of the images of `items` beside the reference.

        Raises InputError where there are too few images on either side, or the reference is unusable.
        """
        self.check_size(len(items))
        return self.score_features(*self.extract(items, advance))

    def score_features(self, features: Features, problems: Sequence[str]) -> SetResult:
        """The value of a set's features beside the reference; `problems`: of images that have none.

        Raises InputError where they are too few.
        """
        self._check_count(len(features), "the model's readable images")
        if not np.isfinite(features).all():
            reason = "the network gave numbers that are not finite"
            return SetResult(None, len(features), tuple(problems), reason)
        value, details = self._measure(features)
        real = self.reference.features
        counts = {"images": len(features), "reference_images": None if real is None else len(real)}
        return SetResult(value, len(features), tuple(problems), details={**counts, **details})

    def _settings(self) -> Sequence[str]:
        """What else decides the value, for the instrument."""
        return ()

    @abstractmethod
    def _needed(self) -> int:
        """Fewest images, on either side, that give a value worth having."""

    @abstractmethod
    def _why(self) -> str:
        """What is wrong with fewer."""

    @abstractmethod
    def _measure(self, features: Features) -> tuple[float, Mapping[str, Any]]:
        """The value, and details."""

    def _check_count(self, count: int, what: str) -> None:
        if count < 2:
            raise InputError(f"{self.name} needs at least 2 images, {what} are {count}")
        if count < self._needed() and not self.options.allow_few:
            raise InputError(
                f"{self.name} needs {self._needed()} images on either side, {what} are {count}: "
                f"{self._why()}; -O allow_few=true computes it all the same"
            )

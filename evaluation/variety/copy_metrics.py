"""Metrics of near-copies: among a model's images, and of the images of a folder."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.features import FeatureExtractor, Features, Reference, extract_each
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.variety.groups import NOT_FINITE, FeatureMetric, GroupMetric, GroupValue
from nami_bench.evaluation.variety.near_copies import (
    EXACT,
    Nearest,
    blocks_across,
    blocks_within,
    chosen_threshold,
    unit,
    vectors_of,
)
from nami_bench.images import ImageSource, read_image

_LOOKED_AT = 256
"""Images of a model that are held beside the reference at once."""


def same_pixels(first: ImageSource, second: ImageSource, similarity: float) -> bool:
    """Whether two images that are so similar have the same size and the same pixels; one that is gone has
    none."""
    try:
        return similarity > EXACT and _pixels(first) == _pixels(second)
    except ImageError:
        return False


def _pixels(image: ImageSource) -> bytes:
    pixels = read_image(image)
    return hashlib.blake2b(f"{pixels.size}".encode() + pixels.tobytes()).digest()


class NearCopies(GroupMetric):
    """1 for an image that has a near-copy among the model's other images, else 0: the mean is the share of
    such images.

    `details`: "copies", how many; "similarity" to the nearest; of one that has copies also "nearest_prompt",
    the nearest's, "flipped", whether one must be mirrored, and "exact", whether all pixels are the same.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`between`: pairs of images of different `prompts`, `samples` of one prompt, or `all`. `threshold`:
        the similarity from which on images are near-copies. `flipped`: mirrored ones are, too. `features`:
        pixels, clip, inception or dinov2, with `model`, `pretrained` and `weights` as
        `nami_bench.evaluation.variety.networks.chosen_extractor` says. `batch_size` is in images. `device`:
        auto, cpu, cuda ..."""

        between: Literal["prompts", "samples", "all"] = "prompts"
        features: Literal["pixels", "clip", "inception", "dinov2"] = "pixels"
        threshold: float | None = None
        flipped: bool = True
        model: str | None = None
        pretrained: str | None = None
        weights: Path | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "near-copies"
    grouped_by: Literal["prompt", "model"] = "model"
    compares: ClassVar[str] = "compares a model's images with each other"
    value_range = (0.0, 1.0)
    lower_is_better = True

    def __init__(self, options: Options, extractor: FeatureExtractor | None = None) -> None:
        """`extractor` takes the place of the chosen one."""
        super().__init__(options, extractor)
        self.options = options
        self.threshold = chosen_threshold(options.features, options.threshold)

    def _settings(self) -> Sequence[str]:
        flipped = ["flipped"] if self.options.flipped else []
        return (f"from-{self.threshold:g}", *flipped, f"between-{self.options.between}")

    def _measure(self, items: Sequence[ScoringItem], features: Features) -> Sequence[GroupValue]:
        images = [item.image for item in items]
        prompts = [item.prompt.text for item in items]
        found = Nearest(len(items), self.threshold)
        vectors = vectors_of(images, features, self.extractor, self.options.flipped, self.options.batch_size)
        for block in blocks_within(vectors, prompts, self.options.between):
            found.take_both(block)
        return [self._value(items, found, at) for at in range(len(items))]

    def _value(self, items: Sequence[ScoringItem], found: Nearest, at: int) -> GroupValue:
        copies, similarity = int(found.copies[at]), float(found.similarity[at])
        if not np.isfinite(similarity):
            which = "another prompt" if self.options.between == "prompts" else "the same prompt"
            return GroupValue(None, reason=f"there is no other image of {which} to compare this one with")
        details: dict[str, Any] = {"copies": copies, "similarity": round(similarity, 6)}
        if copies:
            other = items[int(found.other[at])]
            details |= {
                "nearest_prompt": other.prompt.id,
                "flipped": bool(found.flipped[at]),
                "exact": same_pixels(items[at].image, other.image, similarity),
            }
        return GroupValue(float(copies > 0), details)


class ReferenceCopies(FeatureMetric):
    """1 for an image that has a near-copy in a folder, such as the images that a model was trained on, else
    0: the mean is the share of images that are repeated from there.

    `details`: "similarity" to the nearest of the folder; of a near-copy also "nearest", that one's file,
    "flipped" and "exact" as `NearCopies` has them.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`reference`: the folder. The others as `NearCopies.Options` has them."""

        reference: Path | None = None
        features: Literal["pixels", "clip", "inception", "dinov2"] = "pixels"
        threshold: float | None = None
        flipped: bool = True
        model: str | None = None
        pretrained: str | None = None
        weights: Path | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "reference-copies"
    value_range = (0.0, 1.0)
    lower_is_better = True

    def __init__(self, options: Options, extractor: FeatureExtractor | None = None) -> None:
        """`extractor` takes the place of the chosen one. Raises InputError for options without a folder."""
        super().__init__(options, extractor)
        if options.reference is None or not options.reference.expanduser().is_dir():
            raise InputError(f"{self.name} looks in a folder of images: name it with -O reference=FOLDER")
        self.options = options
        self.folder = options.reference.expanduser()
        self.threshold = chosen_threshold(options.features, options.threshold)

    @cached_property
    def reference(self) -> Reference:
        """The folder's images and their features."""
        return Reference(self.folder, self.extractor, self.options.batch_size)

    @property
    def instrument(self) -> str:
        """Network, weights and preparation, the folder's content, the threshold, and whether flipped."""
        flipped = ["flipped"] if self.options.flipped else []
        parts = [self.extractor.identity, self.reference.identity, f"from-{self.threshold:g}", *flipped]
        return "+".join(parts)

    def applies_to(self, prompt: Prompt) -> bool:
        """Images of any prompt can be compared."""
        return True

    @cached_property
    def others(self) -> Features:
        """Unit vectors of the folder's images."""
        found = self.reference.features
        assert found is not None  # of a folder there always are
        return unit(found)

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """One result for each image, in order; of a few hundred at once features are held."""
        size = -(-_LOOKED_AT // self.window) * self.window
        remaining = iter(items)
        while block := list(islice(remaining, size)):
            yield from self._score_block(block)

    def _score_block(self, items: Sequence[ScoringItem]) -> Iterator[ScoringResult]:
        each = extract_each([item.image for item in items], self.extractor, self.window)
        told = [one if isinstance(one, str) or np.isfinite(one).all() else NOT_FINITE for one in each]
        sound = [place for place, one in enumerate(told) if not isinstance(one, str)]
        found = self.nearest(
            [items[place].image for place in sound], np.stack([told[place] for place in sound])
        ) if sound else None  # fmt: skip
        row = 0
        for item, one in zip(items, told, strict=True):
            if isinstance(one, str):
                yield ScoringResult(item, None, one)
            elif found is not None:
                yield self._result(item, found, row)
                row += 1

    def nearest(self, images: Sequence[ImageSource], features: Features) -> Nearest:
        """The nearest of the folder for each image."""
        found = Nearest(len(images), self.threshold)
        vectors = vectors_of(images, features, self.extractor, self.options.flipped, self.window)
        for block in blocks_across(vectors, self.others):
            found.take_rows(block)
        return found

    def _result(self, item: ScoringItem, found: Nearest, row: int) -> ScoringResult:
        similarity = float(found.similarity[row])
        details: dict[str, Any] = {"similarity": round(similarity, 6)}
        if found.copies[row]:
            name = (self.reference.names or [])[int(found.other[row])]
            details |= {
                "nearest": name,
                "flipped": bool(found.flipped[row]),
                "exact": same_pixels(item.image, self.folder / name, similarity),
            }
        return ScoringResult(item, float(found.copies[row] > 0), details=details)

"""What metrics share that compare the images of a group by their features."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, cast

import numpy as np

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.features import FeatureExtractor, Features, Vector, extract_each
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.variety.networks import Chosen, chosen_extractor, libraries_of

NOT_FINITE = "the network gave numbers that are not finite"


@dataclass(frozen=True, slots=True)
class GroupValue:
    """What was found out about one image of a group; `reason`: why there is no value."""

    value: float | None
    details: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


class GroupOptions(Chosen, Protocol):
    """Those of `Chosen`, and `batch_size`, in images."""

    @property
    def batch_size(self) -> int: ...


class FeatureMetric:
    """What metrics have in common that compare images by the features of a chosen network."""

    name: ClassVar[str]

    def __init__(self, options: GroupOptions, extractor: FeatureExtractor | None = None) -> None:
        """`extractor` takes the place of the chosen one."""
        if options.batch_size < 1:
            raise InputError(f"{self.name}: batch_size must be at least 1, got {options.batch_size}")
        self._chosen = options
        self._given = extractor

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """What turns images into vectors."""
        return self._given or chosen_extractor(self._chosen)

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages that values depend on."""
        return libraries_of(self._chosen.features)

    @cached_property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype of the network; see `RunsOnDevice`."""
        if self._chosen.features == "pixels":
            return {"device": "cpu", "dtype": "float32"}
        from nami_bench.neural.device import choose_device, device_name

        return {"device": device_name(choose_device(self._chosen.device)), "dtype": "float32"}

    @property
    def window(self) -> int:
        """Images in one pass of the network; see `nami_bench.engines.protocol.Windowed`."""
        return self._chosen.batch_size


class GroupMetric(FeatureMetric, ABC):
    """A metric of the images of each group by their features: see `ScoresGroups`.

    An image that cannot be read has no value and its reason, the others of its group are compared without it;
    so has one that is alone in its group.
    """

    grouped_by: Literal["prompt", "model"] = "prompt"
    compares: ClassVar[str] = "compares the images of a prompt"

    @property
    def instrument(self) -> str:
        """Network, weights and preparation, and what else decides the value."""
        return "+".join([self.extractor.identity, *self._settings()])

    def applies_to(self, prompt: Prompt) -> bool:
        """Images of any prompt can be compared."""
        return True

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """One result for each image, in order; all that are given are one model's, and those of the same
        words are samples of one prompt."""
        given = list(items)
        places: dict[object, list[int]] = {}
        for place, item in enumerate(given):
            key = item.prompt.text if self.grouped_by == "prompt" else None
            places.setdefault(key, []).append(place)
        results: list[ScoringResult | None] = [None] * len(given)
        groups = ([given[place] for place in group] for group in places.values())
        for group, found in zip(places.values(), self.score_groups(groups), strict=True):
            for place, result in zip(group, found, strict=True):
                results[place] = result
        yield from cast("list[ScoringResult]", results)

    def score_groups(self, groups: Iterable[Sequence[ScoringItem]]) -> Iterator[Sequence[ScoringResult]]:
        """See `ScoresGroups`. Groups are taken together until they fill a pass of the network."""
        block: list[Sequence[ScoringItem]] = []
        for group in groups:
            block.append(group)
            if sum(map(len, block)) >= self._chosen.batch_size:
                yield from self._score_block(block)
                block = []
        yield from self._score_block(block)

    def _score_block(self, block: Sequence[Sequence[ScoringItem]]) -> Iterator[Sequence[ScoringResult]]:
        images = [item.image for group in block for item in group]
        each = iter(extract_each(images, self.extractor, self._chosen.batch_size) if images else ())
        for group in block:
            yield list(self._score_group(group, [next(each) for _ in group]))

    def _score_group(
        self, group: Sequence[ScoringItem], each: Sequence[Vector | str]
    ) -> Iterator[ScoringResult]:
        told = [_sound_or_reason(one) for one in each]
        sound = [place for place, one in enumerate(told) if not isinstance(one, str)]
        values: dict[int, GroupValue] = {}
        alone = f"{self.name} {self.compares}, and there is only this one" if len(sound) == 1 else None
        if len(sound) > 1:
            features = np.stack([cast(Vector, told[place]) for place in sound])
            found = self._measure([group[place] for place in sound], features)
            values = dict(zip(sound, found, strict=True))
        for place, item in enumerate(group):
            value, reason = values.get(place), told[place]
            if value is not None:
                yield ScoringResult(item, value.value, value.reason, value.details)
            else:
                yield ScoringResult(item, None, reason if isinstance(reason, str) else alone)

    def _settings(self) -> Sequence[str]:
        """What decides the value beside the features, for the instrument."""
        return ()

    @abstractmethod
    def _measure(self, items: Sequence[ScoringItem], features: Features) -> Sequence[GroupValue]:
        """The values of a group's images by their features (images, dimension), all finite."""


def _sound_or_reason(one: Vector | str) -> Vector | str:
    return one if isinstance(one, str) or np.isfinite(one).all() else NOT_FINITE

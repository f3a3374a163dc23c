"""What metrics share that look at one image and the text of its prompt."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from PIL.Image import Image

from evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.images import read_image

Pair = tuple[Image, str]
"""An 8-bit RGB image and a prompt's text."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One pair's value, or the reason why it has none; `details` as in `ScoringResult`."""

    value: float | None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class ImageTextMetric(ABC):
    """Reads images ahead in threads, hands them on in batches, and turns what cannot be read into reasons."""

    name: str

    def __init__(self, batch_size: int) -> None:
        if batch_size < 1:
            raise InputError(f"{self.name}: batch_size must be at least 1, got {batch_size}")
        self._batch_size = batch_size

    def applies_to(self, prompt: Prompt) -> bool:
        """Any prompt will do."""
        return True

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; raises InputError where the model cannot be loaded."""
        remaining = iter(items)
        with ThreadPoolExecutor() as pool:
            while batch := list(islice(remaining, self._batch_size)):
                read = list(pool.map(_read, (item.path for item in batch)))
                pairs = [
                    (image, item.prompt.text)
                    for item, image in zip(batch, read, strict=True)
                    if not isinstance(image, str)
                ]
                measured = iter(self._measure(pairs) if pairs else ())
                for item, image in zip(batch, read, strict=True):
                    if isinstance(image, str):
                        yield ScoringResult(item, None, image)
                    else:
                        yield _result(item, next(measured))

    @abstractmethod
    def _measure(self, pairs: Sequence[Pair]) -> Iterable[Measurement]:
        """One measurement for each of at least one pair, in order."""


def _read(path: Path) -> Image | str:
    """The image, or why there is none."""
    try:
        return read_image(path)
    except ImageError as error:
        return str(error)


def _result(item: ScoringItem, found: Measurement) -> ScoringResult:
    if found.value is not None and not math.isfinite(found.value):
        return ScoringResult(item, None, "the model gave numbers that are not finite")
    return ScoringResult(item, found.value, found.reason, found.details)

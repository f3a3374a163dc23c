"""What metrics share that look at one image and the text of its prompt."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from typing import Any

from PIL.Image import Image

from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.images import ImageSource, read_image
from nami_bench.neural.device import choose_device, device_name

Pair = tuple[Image, str]
"""An 8-bit RGB image and a prompt's text."""


class ImageTextMetric(ABC):
    """Reads images ahead in threads, hands them on in batches, and turns what cannot be read into reasons."""

    name: str
    options: Any
    """Each metric's own; `device` is among them."""

    def __init__(self, batch_size: int) -> None:
        if batch_size < 1:
            raise InputError(f"{self.name}: batch_size must be at least 1, got {batch_size}")
        self._batch_size = batch_size

    @cached_property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype; see `Metric`."""
        return {"device": device_name(choose_device(self.options.device)), "dtype": "float32"}

    @property
    def window(self) -> int:
        """Images that are batched together; see `Metric`."""
        return self._batch_size

    def applies_to(self, prompt: Prompt) -> bool:
        """Any prompt will do."""
        return True

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; raises InputError where the model cannot be loaded."""
        for batch in _read_ahead(items, self._batch_size):
            pairs = [(image, item.prompt.text) for item, image in batch if not isinstance(image, str)]
            measured = iter(self._measure(pairs) if pairs else ())
            for item, image in batch:
                if isinstance(image, str):
                    yield ScoringResult(item, None, image)
                else:
                    yield _result(item, next(measured))

    @abstractmethod
    def _measure(self, pairs: Sequence[Pair]) -> Iterable[Measurement]:
        """One measurement for each of at least one pair, in order."""


def _read_ahead(items: Iterable[ScoringItem], size: int) -> Iterator[list[tuple[ScoringItem, Image | str]]]:
    """Batches with their images; threads read one batch while the last one is in use."""
    remaining = iter(items)
    with ThreadPoolExecutor() as pool:

        def begin() -> list[tuple[ScoringItem, Future[Image | str]]]:
            return [(item, pool.submit(_read, item.image)) for item in islice(remaining, size)]

        reading = begin()
        while reading:
            following = begin()
            yield [(item, future.result()) for item, future in reading]
            reading = following


def _read(source: ImageSource) -> Image | str:
    """The image, or why there is none."""
    try:
        return read_image(source)
    except ImageError as error:
        return str(error)


def _result(item: ScoringItem, found: Measurement) -> ScoringResult:
    if found.value is not None and not math.isfinite(found.value):
        return ScoringResult(item, None, "the model gave numbers that are not finite")
    return ScoringResult(item, found.value, found.reason, found.details)

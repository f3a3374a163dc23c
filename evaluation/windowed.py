"""Metrics whose text encoder reads a few tokens at once: longer prompts are scored window by window."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

import torch
from PIL.Image import Image

from nami_bench.evaluation.image_text import ImageTextMetric, Pair
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.token_windows import token_windows

Window = Sequence[int]
"""Token ids, without special ones."""


class WindowedMetric(ImageTextMetric):
    """A pair's value is the mean over its prompt's windows, weighted by their tokens.

    Windows are cut as `nami_bench.evaluation.token_windows` says. `details` of a result: "tokens", "windows",
    and "over_long" (whether there is more than one window). A prompt without a token has no value and a
    reason.
    """

    @property
    @abstractmethod
    def _text_limit(self) -> int:
        """Most tokens of a window, without special ones."""

    @abstractmethod
    def _encode(self, text: str) -> list[int]:
        """Token ids of a text, without special ones."""

    @abstractmethod
    def _values(self, images: Sequence[Image], windows: Sequence[Sequence[Window]]) -> list[torch.Tensor]:
        """For each image, the values (windows,) of its windows, float32 on the CPU."""

    def _measure(self, pairs: Sequence[Pair]) -> list[Measurement]:
        cut = {text: token_windows(text, self._encode, self._text_limit) for text in {t for _, t in pairs}}
        scored = [(image, cut[text]) for image, text in pairs if cut[text]]
        values = iter(self._values([i for i, _ in scored], [w for _, w in scored]) if scored else ())
        return [
            _measurement(cut[text], next(values))
            if cut[text]
            else Measurement(None, "the prompt has no tokens")
            for _, text in pairs
        ]


class DualEncoder(Protocol):
    """A model that puts images and texts into one space (CLIP)."""

    @property
    def text_limit(self) -> int:
        """Most tokens of one text, without special ones."""
        ...

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special ones."""
        ...

    def embed_images(self, images: Sequence[Image]) -> torch.Tensor:
        """Unit vectors (n, embed_dim), float32 on the CPU, of 8-bit RGB images of any size."""
        ...

    def embed_tokens(self, texts: Sequence[Window]) -> torch.Tensor:
        """Unit vectors (n, embed_dim), float32 on the CPU, of texts of at most `text_limit` token ids."""
        ...


class DualEncoderMetric(WindowedMetric):
    """A value for each window that depends on its cosine with the image alone."""

    @property
    @abstractmethod
    def _model(self) -> DualEncoder:
        """The loaded model."""

    @abstractmethod
    def _value(self, cosines: torch.Tensor) -> torch.Tensor:
        """The values (n,) of cosines (n,)."""

    @property
    def _text_limit(self) -> int:
        return self._model.text_limit

    def _encode(self, text: str) -> list[int]:
        return self._model.encode(text)

    def _values(self, images: Sequence[Image], windows: Sequence[Sequence[Window]]) -> list[torch.Tensor]:
        distinct = list({tuple(window): None for several in windows for window in several})
        at = {window: row for row, window in enumerate(distinct)}
        size = self._batch_size
        parts = [self._model.embed_tokens(distinct[i : i + size]) for i in range(0, len(distinct), size)]
        texts = torch.cat(parts)
        return [
            self._value(texts[[at[tuple(window)] for window in several]] @ image)
            for image, several in zip(self._model.embed_images(images), windows, strict=True)
        ]


def _measurement(windows: Sequence[Window], values: torch.Tensor) -> Measurement:
    tokens = [len(window) for window in windows]
    weights = torch.tensor(tokens, dtype=torch.float32) / sum(tokens)
    details = {"tokens": sum(tokens), "windows": len(windows), "over_long": len(windows) > 1}
    return Measurement(float(weights @ values), details=details)

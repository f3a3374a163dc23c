"""CLIPScore: how well an image fits its prompt, by the cosine of their CLIP embeddings.

Hessel et al. 2021, "CLIPScore: A Reference-free Evaluation Metric for Image Captioning".
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import torch
from PIL.Image import Image

from evaluation.open_clip_model import ClipFiles, ClipModel, clip_files
from evaluation.protocol import ScoringItem, ScoringResult
from evaluation.token_windows import token_windows
from nami_bench.devices import choose_device
from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.images import read_image

SCALE = 100.0
"""The scale of text-to-image papers and of torchmetrics. Hessel et al. report 2.5 max(cos, 0) instead."""


class ClipScore:
    """100 max(cos(image, prompt), 0), in 0..100.

    A prompt of more tokens than the model reads at once (75, for most) is cut into windows, at sentence ends
    where possible; its score is the mean over the windows, weighted by their tokens. `details` of a result:
    "tokens", "windows", and "over_long" (whether there is more than one window). An image that cannot be
    read, or a prompt without a token, has no value and a reason.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`, `pretrained` and `weights`: see `evaluation.open_clip_model.clip_files`. The default is
        OpenAI's ViT-L/14, as in torchmetrics. `batch_size` is in images. `device`: auto, cpu, cuda ..."""

        model: str = "ViT-L-14"
        pretrained: str = "openai"
        weights: Path | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "clip-score"

    def __init__(self, options: Options) -> None:
        if options.batch_size < 1:
            raise InputError(f"clip-score: batch_size must be at least 1, got {options.batch_size}")
        self.options = options

    @property
    def instrument(self) -> str:
        """Model and weights, and that long prompts are cut into windows."""
        return f"{self._files.identity}+windows"

    def applies_to(self, prompt: Prompt) -> bool:
        """Any prompt will do."""
        return True

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; raises InputError where the model cannot be loaded."""
        remaining = iter(items)
        while batch := list(islice(remaining, self.options.batch_size)):
            yield from self._score_batch(batch)

    @cached_property
    def _files(self) -> ClipFiles:
        return clip_files(self.options.model, self.options.pretrained, self.options.weights)

    @cached_property
    def _model(self) -> ClipModel:
        return ClipModel(self._files, choose_device(self.options.device))

    def _windows(self, text: str) -> list[list[int]]:
        return token_windows(text, self._model.tokenizer.encode, self._model.text_limit)

    def _score_batch(self, batch: Sequence[ScoringItem]) -> list[ScoringResult]:
        windows = {text: self._windows(text) for text in {item.prompt.text for item in batch}}
        texts = self._embedded_texts(windows)
        results: list[ScoringResult | None] = []
        images: list[Image] = []
        for item in batch:
            if not windows[item.prompt.text]:
                results.append(ScoringResult(item, None, "the prompt has no tokens"))
                continue
            try:
                images.append(read_image(item.path))
                results.append(None)
            except ImageError as error:
                results.append(ScoringResult(item, None, str(error)))
        embedded = iter(self._model.embed_images(images) if images else ())
        return [
            result or _result(item, next(embedded), windows[item.prompt.text], texts[item.prompt.text])
            for item, result in zip(batch, results, strict=True)
        ]

    def _embedded_texts(self, windows: dict[str, list[list[int]]]) -> dict[str, torch.Tensor]:
        """For each text, the unit vectors (windows, embed_dim) of its windows."""
        flat = [window for several in windows.values() for window in several]
        size = self.options.batch_size
        parts = [self._model.embed_tokens(flat[at : at + size]) for at in range(0, len(flat), size)]
        if not parts:
            return {}
        split = torch.split(torch.cat(parts), [len(several) for several in windows.values()])
        return dict(zip(windows, split, strict=True))


def _result(
    item: ScoringItem, image: torch.Tensor, windows: Sequence[Sequence[int]], texts: torch.Tensor
) -> ScoringResult:
    tokens = [len(window) for window in windows]
    weights = torch.tensor(tokens, dtype=torch.float32) / sum(tokens)
    value = float(weights @ (SCALE * (texts @ image).clamp(min=0)))
    if not math.isfinite(value):
        return ScoringResult(item, None, "the model gave numbers that are not finite")
    details = {"tokens": sum(tokens), "windows": len(windows), "over_long": len(windows) > 1}
    return ScoringResult(item, value, details=details)

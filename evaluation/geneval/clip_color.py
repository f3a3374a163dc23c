"""Colors of detected objects by CLIP's zero-shot classification, as GenEval has it."""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from nami_bench.config import cache_dir
from nami_bench.domain import GENEVAL_COLORS
from nami_bench.errors import StorageError, WorkError
from nami_bench.evaluation.geneval.protocol import ColorQuestion, Detection
from nami_bench.evaluation.open_clip_model import ClipFiles, ClipModel, clip_files
from nami_bench.evaluation.processor_cores import Cores
from nami_bench.evaluation.weights import CLIP, CLIP_TAG
from nami_bench.images import write_bytes
from nami_bench.neural.device import choose_device

TEMPLATES = (
    "a photo of a {color} {name}",
    "a photo of a {color}-colored {name}",
    "a photo of a {color} object",
)
BACKGROUND = "#999"
"""What replaces everything outside an object's mask."""
_CROPS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipColorOptions:
    """What every neural detector takes besides its own options.

    `device`: "auto", "cpu", "cuda", "cuda:1" ... The color classifier's CLIP: `clip_model` is a name of
    open_clip's, or a folder it wrote; `clip_pretrained` a tag of that model's, fetched where needed;
    `clip_weights` a file with the tag's weights, used in place of fetching. Published: the defaults.
    """

    device: str = "auto"
    clip_model: str = CLIP
    clip_pretrained: str = CLIP_TAG
    clip_weights: Path | None = None


class ClipColorClassifier:
    """The color whose texts lie nearest to an object's crop, in float32.

    Texts: TEMPLATES for each of GenEval's ten colors and the object's class; their embeddings are averaged.
    They are kept in $NAMI_CACHE, or ~/.cache/nami-bench where that is not set.
    """

    def __init__(self, options: ClipColorOptions) -> None:
        self.options = options
        self._classes: dict[str, NDArray[np.float32]] = {}

    @cached_property
    def identity(self) -> str:
        """Model, tag and weights' hash."""
        return f"clip-{self._files.identity}"

    def classify(self, image: Image.Image, detections: Sequence[Detection]) -> list[str]:
        """The color of each detection, which are all of one class.

        Raises InputError where the model cannot be had, WorkError where it gives NaN.
        """
        return self.classify_many([(image, detections)])[0]

    def classify_many(self, questions: Sequence[ColorQuestion]) -> list[list[str]]:
        """`classify` for many images: all their crops go through CLIP together."""
        crops = [crop(image, detection) for image, detections in questions for detection in detections]
        rows = iter(self._embed(crops))
        answers: list[list[str]] = []
        for _, detections in questions:
            if not detections:
                answers.append([])
                continue
            embedded = np.stack([next(rows) for _ in detections])
            likeness = embedded @ self.embedded_colors(detections[0].class_name).T
            if not np.isfinite(likeness).all():
                raise WorkError(f"the color classifier {self.identity} gave numbers that are not finite")
            answers.append([GENEVAL_COLORS[best] for best in likeness.argmax(axis=1)])
        return answers

    def _embed(self, crops: Sequence[Image.Image]) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(crops), _CROPS_AT_ONCE):
            some = crops[start : start + _CROPS_AT_ONCE]
            yield from self._cores.share(self._pass, some) if self._on_cpu else self._pass(some)

    def _pass(self, crops: Sequence[Image.Image]) -> NDArray[np.float32]:
        return np.asarray(self._model.embed_images(crops).numpy(), dtype=np.float32)

    @cached_property
    def _cores(self) -> Cores:
        return Cores()

    @property
    def _on_cpu(self) -> bool:
        return self._model.device.type == "cpu"

    def embedded_colors(self, class_name: str) -> NDArray[np.float32]:
        """Unit vectors (10, embed_dim) of GenEval's colors on objects of a class."""
        if class_name not in self._classes:
            path = self._cache_path(class_name)
            found = _read_cached(path)
            if found is None:
                found = self._embed_colors(class_name)
                # Without a writable cache they are computed again in the next run.
                with suppress(StorageError):
                    write_bytes(path, _npy(found))
            self._classes[class_name] = found
        return self._classes[class_name]

    @cached_property
    def _files(self) -> ClipFiles:
        options = self.options
        return clip_files(options.clip_model, options.clip_pretrained, options.clip_weights)

    @cached_property
    def _model(self) -> ClipModel:
        return ClipModel(self._files, choose_device(self.options.device))

    def _embed_colors(self, class_name: str) -> NDArray[np.float32]:
        texts = list(color_texts(class_name))
        tokens = [self._model.tokenizer.encode(text) for text in texts]
        by_color = self._model.embed_tokens(tokens).reshape(len(GENEVAL_COLORS), len(TEMPLATES), -1)
        mean = torch.nn.functional.normalize(by_color.mean(dim=1), dim=-1)
        return np.asarray(mean.numpy(), dtype=np.float32)

    def _cache_path(self, class_name: str) -> Path:
        key = json.dumps([self._files.identity, list(color_texts(class_name))])
        return cache_dir() / "clip-colors" / f"{hashlib.sha256(key.encode()).hexdigest()}.npy"


def color_texts(class_name: str) -> Iterator[str]:
    """Every template for the first color, then for the second, ..."""
    for color in GENEVAL_COLORS:
        for template in TEMPLATES:
            yield template.format(color=color, name=class_name)


def crop(image: Image.Image, detection: Detection) -> Image.Image:
    """The part of an RGB image in the detection's box; what is outside its mask, if it has one, is grey.

    Edges are rounded as Pillow does, to the nearest pixel, halves to even; at least one pixel is left.
    """
    left, top, right, bottom = map(round, detection.box)
    edges = (left, top, max(right, left + 1), max(bottom, top + 1))
    part = image.crop(edges).convert("RGB")
    if detection.mask is None:
        return part
    return Image.composite(part, _grey(image.size).crop(edges), Image.fromarray(detection.mask).crop(edges))


@lru_cache(maxsize=4)
def _grey(size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, BACKGROUND)


def _read_cached(path: Path) -> NDArray[np.float32] | None:
    """The cached array, or None where there is none or it is damaged."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    usable = isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == len(GENEVAL_COLORS)
    return np.asarray(found, dtype=np.float32) if usable and np.isfinite(found).all() else None


def _npy(array: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()

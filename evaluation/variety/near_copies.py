"""Finding images that are nearly the same: of one model, or of a model and a folder of others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps
from PIL.Image import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.features import FeatureExtractor, Features, extract_features
from nami_bench.evaluation.variety.networks import Kind
from nami_bench.images import ImageSource

Between = Literal["prompts", "samples", "all"]

EXACT = 0.9999
"""Images of the same pixels have the same vectors: only pairs above are looked at again."""

PIXELS_THRESHOLD = 0.98
"""Of `Thumbnails`: every planted copy of real photographs lies above, every pair of different ones far below;
see docs/results/near-copies."""

_BLOCK = 1024
"""Images on either side of a block of similarities: four million numbers at once."""


@dataclass(frozen=True, slots=True)
class Block:
    """Similarities (rows, columns) of the images from `row` and from `column` on, -inf for pairs that are not
    looked at; `flipped`: where one of them must be mirrored for it."""

    row: int
    column: int
    similarity: NDArray[np.float32]
    flipped: NDArray[np.bool_]

    def alike(self, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The images of the pairs that are at least so similar."""
        rows, columns = np.nonzero(self.similarity >= threshold)
        return rows + self.row, columns + self.column


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors (images, dimension), and those of the mirrored images, if these are looked at too."""

    upright: Features
    mirrored: Features | None


@runtime_checkable
class _KnowsMirrored(Protocol):
    def mirrored(self, features: Features) -> Features: ...


class _Mirrored:
    """An extractor of mirrored images."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self._extractor = extractor
        self.identity = f"{extractor.identity}-mirrored"
        self.dimension = extractor.dimension
        self.extract = extractor.extract

    def prepare(self, image: Image) -> NDArray[np.float32]:
        return self._extractor.prepare(ImageOps.mirror(image))


def chosen_threshold(kind: Kind, given: float | None) -> float:
    """From which similarity on images are near-copies. Raises InputError where nothing says so."""
    if given is None and kind != "pixels":
        raise InputError(
            f"features={kind} needs a threshold, 0-1, from which on images are near-copies: no number holds "
            "for every network; look at what `nami-bench images copies` lists at a low one"
        )
    threshold = PIXELS_THRESHOLD if given is None else given
    if not 0 < threshold <= 1:
        raise InputError(f"threshold must be over 0 and at most 1, got {threshold}")
    return threshold


def vectors_of(
    images: Sequence[ImageSource], features: Features, extractor: FeatureExtractor, flipped: bool, batch: int
) -> Vectors:
    """What the images, all of which can be read, are compared by; `features`: those of `extractor`."""
    if not flipped:
        return Vectors(unit(features), None)
    if isinstance(extractor, _KnowsMirrored):
        return Vectors(unit(features), unit(extractor.mirrored(features)))
    mirrored, problems = extract_features(images, _Mirrored(extractor), batch)
    if problems:  # it could be read a moment ago
        raise InputError(problems[0])
    return Vectors(unit(features), unit(mirrored))


def unit(features: Features) -> Features:
    """The vectors at length 1; zeros, which are like nothing, as they are."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def blocks_within(
    vectors: Vectors,
    prompts: Sequence[str],
    between: Between,
    advance: Callable[[int], object] = lambda count: None,
) -> Iterator[Block]:
    """Each pair of images once, the first before the second, by blocks.

    `prompts`: of each image; `between`: whether pairs of different prompts, of one, or all are looked at.
    `advance` is told how many more images have been compared with all after them.
    """
    codes = np.unique(np.asarray(prompts, dtype=object), return_inverse=True)[1]
    count = len(codes)
    for row in range(0, count, _BLOCK):
        for column in range(row, count, _BLOCK):
            block = _block(vectors, vectors.upright, row, column)
            rows, columns = codes[row : row + _BLOCK, None], codes[None, column : column + _BLOCK]
            if between != "all":
                asked = rows != columns if between == "prompts" else rows == columns
                block.similarity[~asked] = -np.inf
            if column == row:
                block.similarity[np.tril_indices(len(rows))] = -np.inf
            yield block
        advance(min(_BLOCK, count - row))


def blocks_across(
    vectors: Vectors, others: Features, advance: Callable[[int], object] = lambda count: None
) -> Iterator[Block]:
    """Each image beside each of `others`, unit vectors (others, dimension), by blocks; `advance` as above."""
    count = len(vectors.upright)
    for row in range(0, count, _BLOCK):
        for column in range(0, len(others), _BLOCK):
            yield _block(vectors, others, row, column)
        advance(min(_BLOCK, count - row))


def _block(vectors: Vectors, others: Features, row: int, column: int) -> Block:
    columns = others[column : column + _BLOCK].T
    upright = vectors.upright[row : row + _BLOCK] @ columns
    if vectors.mirrored is None:
        return Block(row, column, upright, np.zeros(upright.shape, dtype=bool))
    mirrored = vectors.mirrored[row : row + _BLOCK] @ columns
    return Block(row, column, np.maximum(upright, mirrored), mirrored > upright)


class Nearest:
    """For each of `count` images the most similar other so far, and how many are near-copies of it."""

    def __init__(self, count: int, threshold: float) -> None:
        self._threshold = threshold
        self.similarity = np.full(count, -np.inf, np.float32)
        self.other = np.full(count, -1, np.int64)
        self.flipped = np.zeros(count, dtype=bool)
        self.copies = np.zeros(count, np.int64)

    def take_rows(self, block: Block) -> None:
        """What a block says of the images of its rows."""
        self._take(block.row, block.column, block.similarity, block.flipped)

    def take_both(self, block: Block) -> None:
        """What a block says of the images of its rows and of its columns, which are of the same images."""
        self.take_rows(block)
        self._take(block.column, block.row, block.similarity.T, block.flipped.T)

    def _take(
        self, start: int, first_other: int, similarity: NDArray[np.float32], flipped: NDArray[np.bool_]
    ) -> None:
        part = slice(start, start + len(similarity))
        best = similarity.argmax(axis=1)
        at = np.arange(len(best))
        nearer = similarity[at, best] > self.similarity[part]
        self.similarity[part] = np.where(nearer, similarity[at, best], self.similarity[part])
        self.other[part] = np.where(nearer, best + first_other, self.other[part])
        self.flipped[part] = np.where(nearer, flipped[at, best], self.flipped[part])
        self.copies[part] += (similarity >= self._threshold).sum(axis=1)

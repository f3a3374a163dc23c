"""Batches by number: batch n of a data set is the same whenever and wherever it is asked for.

So a run that was interrupted goes on with the very batch that came next, whatever was prefetched.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nami_bench.errors import InputError, WorkError
from nami_bench.generators.nami.training.buckets import Size, bucket_sizes, covers, crop, nearest_bucket
from nami_bench.generators.nami.training.config import DataSection
from nami_bench.generators.nami.training.image_index import CaptionedImage, index_folder, index_shards
from nami_bench.generators.nami.training.shapes_data import TASK_SHARES, Split, draw_captions, draw_images
from nami_bench.generators.scenes import Layout

_MOST_BROKEN_IN_A_ROW = 100


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """`pixels` (images, 3, height, width) in -1..1, and for each image its caption and its name."""

    pixels: Tensor
    captions: tuple[str, ...]
    names: tuple[str, ...]
    broken: tuple[str, ...] = ()
    """Names of images that could not be decoded, and gave way to others."""


class TrainingData(Protocol):
    """What a run draws its batches from."""

    skipped: Mapping[str, int]
    """How many images were passed over when the data set was read, by reason."""

    def batch(self, number: int, count: int) -> ImageBatch:
        """Batch `number` of `count` images, all of one size."""
        ...


def open_data(section: DataSection, multiple: int, seed: int, split: Split = "train") -> TrainingData:
    """The data of a run; sides will be multiples of `multiple` pixels. Raises InputError in words."""
    if section.kind == "shapes":
        if section.size % multiple:
            raise InputError(f"[data]: size {section.size} is not a multiple of {multiple}")
        return ShapesData(section.size, seed, split, section.layout, section.task_shares)
    assert section.path is not None
    read = index_folder if section.kind == "folder" else index_shards
    index = read(section.path, section.caption_key)
    sizes = bucket_sizes(section.size, section.buckets, multiple)
    images = [image for image in index.images if _is_held_out(image.name) == (split == "held-out")]
    if not images:
        raise InputError(f"[data]: none of the {len(index.images)} images of {section.path} is {split}")
    return BucketedImages(
        images,
        sizes,
        seed,
        upscale=section.upscale,
        # What is cached must be met again.
        random_crop=section.cache is None and split == "train",
        skipped=index.skipped,
    )


def _is_held_out(name: str) -> bool:
    """One image in 32, by its name: for the validation loss, never trained on."""
    return hashlib.sha256(name.encode()).digest()[0] < 8


class ShapesData:
    """The shapes world, drawn as needed: no two batches share a picture."""

    skipped: Mapping[str, int] = {}

    def __init__(
        self,
        size: int,
        seed: int,
        split: Split,
        layout: Layout = "free",
        task_shares: Mapping[str, float] = TASK_SHARES,
    ) -> None:
        self._size, self._seed, self._split = size, seed, split
        self._layout, self._task_shares = layout, task_shares

    def batch(self, number: int, count: int) -> ImageBatch:
        """Batch `number`: captions of the split and their pictures."""
        rng = np.random.default_rng([self._seed, number, self._split == "held-out"])
        chosen = draw_captions(rng, count, self._split, self._task_shares)
        pixels = torch.from_numpy(draw_images(chosen, rng, self._size, self._layout))
        texts = tuple(caption.text for caption in chosen)
        names = tuple(f"{self._split}/{number}/{index}" for index in range(count))
        return ImageBatch(_scaled(pixels), texts, names)


class BucketedImages:
    """Images on disk, each batch from one aspect bucket; every epoch in another order."""

    def __init__(
        self,
        images: Sequence[CaptionedImage],
        sizes: Sequence[Size],
        seed: int,
        *,
        upscale: bool = False,
        random_crop: bool = True,
        skipped: Mapping[str, int] | None = None,
    ) -> None:
        """Raises InputError where no image is large enough for its crop."""
        passed_over = Counter(skipped or {})
        by_size: dict[Size, list[CaptionedImage]] = defaultdict(list)
        for image in images:
            size = nearest_bucket(image.width, image.height, sizes)
            if upscale or covers(image.width, image.height, size):
                by_size[size].append(image)
            else:
                passed_over["smaller than the crop"] += 1
        if not by_size:
            raise InputError(
                f"[data]: none of the {len(images)} images is as large as its crop, "
                f"{sizes[0][1]}x{sizes[0][0]} or so: lower size, or set upscale = true"
            )
        self.skipped: Mapping[str, int] = dict(passed_over)
        self._buckets = sorted(by_size.items())
        self._seed = seed
        self._random_crop = random_crop

    def batch(self, number: int, count: int) -> ImageBatch:
        """Batch `number`: the bucket's images in the epoch's order, wrapped around at its end."""
        batches = [-(-len(images) // count) for _, images in self._buckets]
        epoch, place = divmod(number, sum(batches))
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(sum(batches))
        bucket = int(np.searchsorted(np.cumsum(batches), order[place], side="right"))
        first = int(order[place]) - sum(batches[:bucket])
        size, images = self._buckets[bucket]
        shuffled = np.random.default_rng([self._seed, epoch, bucket]).permutation(len(images))
        spots = np.full((count, 2), 0.5)
        if self._random_crop:
            spots = np.random.default_rng([self._seed, epoch, int(place), 1]).random((count, 2))
        return _read(images, shuffled, first * count, size, spots)


def _read(
    images: Sequence[CaptionedImage],
    order: NDArray[np.int64],
    first: int,
    size: Size,
    spots: NDArray[np.float64],
) -> ImageBatch:
    """Decode as many images as there are `spots`, from `first` on, passing over broken ones."""
    pixels = list[NDArray[np.uint8]]()
    captions, names, broken = list[str](), list[str](), list[str]()
    at = first
    while len(pixels) < len(spots):
        image = images[int(order[at % len(order)])]
        at += 1
        try:
            x, y = spots[len(pixels)]
            pixels.append(np.asarray(crop(image.open(), size, (float(x), float(y)))))
        except OSError:
            broken.append(image.name)
            if len(broken) >= min(len(images), _MOST_BROKEN_IN_A_ROW) and not pixels:
                raise WorkError(
                    f"{len(broken)} images in a row are damaged, the last one {image.name}"
                ) from None
            continue
        captions.append(image.caption)
        names.append(image.name)
    batch = torch.from_numpy(np.stack(pixels))
    return ImageBatch(_scaled(batch), tuple(captions), tuple(names), tuple(broken))


def _scaled(pixels: Tensor) -> Tensor:
    """8-bit (n, h, w, 3) -> float32 (n, 3, h, w) in -1..1."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0

"""Features of sets of images, and the reference sets that metrics compare with."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from nami_bench.config import cache_dir
from nami_bench.errors import ImageError, InputError, StorageError
from nami_bench.evaluation.sharing import extracted_once
from nami_bench.images import ImageSource, hash_file, read_image, write_bytes

Features = NDArray[np.float32]
"""(images, dimension)."""

Vector = NDArray[np.float32]
"""(dimension,): of one image."""

Extracted = tuple[Features, list[str]]
"""The features of those of some images that can be read, in order, and why each other one cannot."""

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}

_WIDEST_KEPT = 8192
"""Wider features (LPIPS' fill megabytes for each image) are not kept for the other metrics of a run."""


class FeatureExtractor(Protocol):
    """A network that turns an image into a vector."""

    @property
    def dimension(self) -> int:
        """How many numbers the vector has."""
        ...

    @property
    def identity(self) -> str:
        """Network, weights' hash and preprocessing."""
        ...

    def prepare(self, image: Image) -> NDArray[np.float32]:
        """An 8-bit RGB image as the network takes it; may be called from several threads."""
        ...

    def extract(self, batch: list[NDArray[np.float32]]) -> Features:
        """(n, dimension) of n prepared images."""
        ...


def extract_features(
    images: Iterable[ImageSource],
    extractor: FeatureExtractor,
    batch_size: int,
    advance: Callable[[int], object] = lambda count: None,
) -> Extracted:
    """Features of the images that can be read, in order, and one reason for each that cannot.

    `advance` is called with the number of images just done.
    """
    each = extract_each(images, extractor, batch_size, advance)
    found = [vector for vector in each if not isinstance(vector, str)]
    problems = [reason for reason in each if isinstance(reason, str)]
    return np.stack(found) if found else np.empty((0, extractor.dimension), np.float32), problems


def extract_each(
    images: Iterable[ImageSource],
    extractor: FeatureExtractor,
    batch_size: int,
    advance: Callable[[int], object] = lambda count: None,
) -> list[Vector | str]:
    """For each image, in order, its features (dimension,), or why it cannot be read."""
    asked = tuple(images)
    told = 0

    def tell(count: int) -> None:
        nonlocal told
        told += count
        advance(count)

    def extract() -> list[Vector | str]:
        return list(_extract(asked, extractor, batch_size, tell))

    wide = extractor.dimension > _WIDEST_KEPT
    found = extract() if wide else extracted_once((extractor.identity, asked), extract)
    advance(len(asked) - told)
    return found


def _extract(
    images: Iterable[ImageSource],
    extractor: FeatureExtractor,
    batch_size: int,
    advance: Callable[[int], object],
) -> Iterator[Vector | str]:
    for prepared in _prepared(images, extractor, batch_size):
        batch = [pixels for pixels in prepared if not isinstance(pixels, str)]
        rows = iter(extractor.extract(batch) if batch else ())
        for pixels in prepared:
            yield pixels if isinstance(pixels, str) else next(rows)
        advance(len(prepared))


@dataclass(frozen=True)
class Reference:
    """The images that a set is compared with.

    `source` is a folder of images, or a .npz file with `mu` and `sigma` (enough for FID) or `feats` (for KID
    too) of the same network and resizing, as clean-fid writes them. Features of a folder are kept in
    $NAMI_CACHE (default ~/.cache/nami-bench) under the hash of its images.
    """

    source: Path
    extractor: FeatureExtractor
    batch_size: int

    @cached_property
    def identity(self) -> str:
        """Its name and the first 12 digits of a hash of its content, whatever its files are called."""
        return f"{self.source.resolve().stem}-{self._sha256[:12]}"

    @cached_property
    def features(self) -> Features | None:
        """(images, dimension), or None for a file that holds only `mu` and `sigma`.

        Raises InputError where the source is missing, empty or damaged.
        """
        if not self.source.is_dir():
            found = self._arrays.get("feats")
            return None if found is None else self._checked(found, (len(found), self.extractor.dimension))
        cached = self._read_cache()
        if cached is not None:
            return cached
        features, problems = extract_features(self._images, self.extractor, self.batch_size)
        if problems:
            raise InputError(f"the reference must be sound, {len(problems)} images are not: {problems[0]}")
        if not np.isfinite(features).all():
            raise InputError(f"{self.extractor.identity} gave numbers that are not finite for the reference")
        buffer = io.BytesIO()
        np.save(buffer, features)
        # Without a writable cache they are computed again in the next run.
        with suppress(StorageError):
            write_bytes(self._cache_file, buffer.getvalue())
        return features

    @cached_property
    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean (dimension,) and covariance (dimension, dimension) of the features."""
        if self.features is not None:
            return moments(self.features)
        if not {"mu", "sigma"} <= self._arrays.keys():
            raise InputError(f"{self.source} holds neither feats nor mu and sigma")
        size = self.extractor.dimension
        mean, covariance = self._arrays["mu"], self._arrays["sigma"]
        return (
            self._checked(mean, (size,)).astype(np.float64),
            self._checked(covariance, (size, size)).astype(np.float64),
        )

    @cached_property
    def names(self) -> list[str] | None:
        """What each row of `features` is of, from the folder on; None for a file, which does not say."""
        if not self.source.is_dir():
            return None
        return [path.relative_to(self.source).as_posix() for path in self._images]

    @cached_property
    def _images(self) -> list[Path]:
        found = sorted(path for path in self.source.rglob("*") if path.suffix.lower() in _SUFFIXES)
        if not found:
            raise InputError(f"the reference folder {self.source} holds no PNG, JPEG or WebP images")
        return found

    @cached_property
    def _sha256(self) -> str:
        if not self.source.is_dir():
            return _hash(self.source)
        return hashlib.sha256("\n".join(sorted(map(_hash, self._images))).encode()).hexdigest()

    @property
    def _cache_file(self) -> Path:
        return cache_dir() / "features" / f"{self.extractor.identity}-{self._sha256}.npy"

    def _read_cache(self) -> Features | None:
        """The features in the cache, or None where there are none or they are damaged."""
        try:
            found = np.load(self._cache_file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        whole = found.shape == (len(self._images), self.extractor.dimension)
        return np.asarray(found, dtype=np.float32) if whole else None

    @cached_property
    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        try:
            with np.load(self.source, allow_pickle=False) as file:
                return {name: file[name] for name in ("mu", "sigma", "feats") if name in file}
        except (OSError, ValueError, AttributeError, EOFError) as error:
            raise InputError(f"the reference {self.source} is no folder and no readable .npz file") from error

    def _checked(self, array: NDArray[np.generic], shape: tuple[int, ...]) -> Features:
        if array.shape != shape or not np.issubdtype(array.dtype, np.floating):
            raise InputError(f"{self.source} holds features of another network: {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise InputError(f"{self.source} holds numbers that are not finite")
        return array  # type: ignore[return-value]


def moments(features: Features) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (d,) and unbiased covariance (d, d), in float64."""
    exact = features.astype(np.float64)
    return exact.mean(axis=0), np.cov(exact, rowvar=False)


def _prepared(
    images: Iterable[ImageSource], extractor: FeatureExtractor, batch_size: int
) -> Iterator[list[NDArray[np.float32] | str]]:
    """Batches of prepared images, or reasons; decoding and resizing run in threads."""

    def prepare(image: ImageSource) -> NDArray[np.float32] | str:
        try:
            return extractor.prepare(read_image(image))
        except ImageError as error:
            return str(error)

    remaining = iter(images)
    with ThreadPoolExecutor() as pool:
        while batch := list(islice(remaining, batch_size)):
            yield list(pool.map(prepare, batch))


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except ImageError as error:
        raise InputError(f"the reference cannot be read: {error}") from error

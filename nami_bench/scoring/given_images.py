"""Images in all the forms in which Python programs have them, as the one form that metrics read."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nami_bench.errors import ImageError, InputError
from nami_bench.images import HeldImage, ImageSource

_FORMS = "PIL images, paths, the bytes of files, numpy arrays (HWC) or torch tensors (CHW)"
_ROUNDING = 1e-3
"""So far beyond 0..1 arithmetic may take a float."""

Given = ImageSource | ImageError
"""An image, or why it is none."""


def given_images(images: Any) -> list[Given]:
    """One image, a sequence of them, or a batch in one array: each as a metric reads it.

    An image is a Pillow image, a path, a file's bytes, a numpy array (height, width, channels) or a torch
    tensor (channels, height, width), of 1, 3 or 4 channels, uint8 or float 0..1; a batch has one more
    dimension in front. An array that holds no image (NaN, values beyond 0..1) is an ImageError in its place.
    Raises InputError for anything else.
    """
    if _is_tensor(images) or isinstance(images, np.ndarray):
        return _batch(images)
    if isinstance(images, Image.Image | str | os.PathLike | bytes | bytearray | memoryview | HeldImage):
        images = [images]
    if not isinstance(images, Iterable):
        raise InputError(f"images must be {_FORMS}, got {type(images).__name__}")
    return [_given(image, f"image {place}") for place, image in enumerate(images)]


def _given(image: Any, name: str) -> Given:
    if isinstance(image, HeldImage | Path):
        return image
    if isinstance(image, Image.Image):
        return HeldImage(image, name)
    if isinstance(image, bytes | bytearray | memoryview):
        return HeldImage(bytes(image), name)
    if isinstance(image, str | os.PathLike):
        return _at(image)
    if isinstance(image, np.ndarray):
        return _or_why_not(_pixels, image, name)
    if _is_tensor(image):
        return _or_why_not(_tensor_pixels, image, name)
    raise InputError(f"{name} must be one of {_FORMS}, got {type(image).__name__}")


def _at(place: Any) -> ImageSource:
    from nami_bench.locations import location

    return location(os.fspath(place)) if isinstance(place, str) else Path(place)


def _batch(images: Any) -> list[Given]:
    if images.ndim in (2, 3):
        return [_given(images, "image 0")]
    if images.ndim != 4:
        raise InputError(f"an array of images has 4 dimensions, one image 3: got {tuple(images.shape)}")
    return [_given(image, f"image {place}") for place, image in enumerate(images)]


def _or_why_not(pixels: Callable[[Any, str], Image.Image], image: Any, name: str) -> Given:
    try:
        return HeldImage(pixels(image, name), name)
    except ImageError as error:
        return error


def _is_tensor(image: Any) -> bool:
    """Whether it is torch's; known without importing torch."""
    return type(image).__module__.partition(".")[0] == "torch" and hasattr(image, "detach")


def _tensor_pixels(image: Any, name: str) -> Image.Image:
    plain = image.detach().cpu()
    if plain.is_floating_point():
        plain = plain.float()  # numpy has no bfloat16
    array = plain.numpy()
    if array.ndim == 3:
        if array.shape[0] not in (1, 3, 4):
            raise InputError(f"{name}: a tensor is (channels, height, width), got {array.shape}")
        array = array.transpose(1, 2, 0)
    return _pixels(array, name)


def _pixels(array: NDArray[Any], name: str) -> Image.Image:
    if (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or array.ndim not in (2, 3):
        raise InputError(f"{name}: an array is (height, width, channels), got {array.shape}")
    if 0 in array.shape:
        raise ImageError(f"{name} has no pixels")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(_eight_bits(array, name)))


def _eight_bits(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{name} must be uint8, 0..255, or float, 0..1, got {array.dtype}")
    if not np.isfinite(array).all():
        raise ImageError(f"{name} has values that are not finite")
    low, high = float(array.min()), float(array.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ImageError(f"{name} has floats from {low:.3g} to {high:.3g}: they must be within 0..1")
    return (array.clip(0, 1) * 255).round().astype(np.uint8)

"""What every neural generator needs of torch: a dtype, seeded noise, versions, pictures."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from PIL.Image import Image, fromarray

from nami_bench.domain import ImageState
from nami_bench.generators.batching import NoImage, Outcome, Picture
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.transparency import SAID, is_see_through, over_white

DtypeName = Literal["float32", "bfloat16", "float16"]
LIBRARIES = ("torch", "diffusers", "transformers", "numpy")


def choose_dtype(
    device: torch.device, wanted: DtypeName | None = None, published: DtypeName | None = None
) -> torch.dtype:
    """`wanted`; else float32 on a CPU; else `published`; else bfloat16 (float16 on GPUs too old for it)."""
    if wanted is None and device.type == "cpu":
        wanted = "float32"
    name = wanted or published
    if name is None:
        old = device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)
        name = "float16" if old else "bfloat16"
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def dtype_name(dtype: torch.dtype) -> str:
    """'bfloat16' for torch.bfloat16."""
    return str(dtype).removeprefix("torch.")


def noise_generators(requests: Sequence[GenerationRequest]) -> list[torch.Generator]:
    """One random generator for each image, seeded with the request's seed.

    They live on the CPU, so that a seed means the same noise on every device. It does depend on the dtype
    that the noise is drawn in.
    """
    return [torch.Generator("cpu").manual_seed(request.seed) for request in requests]


def library_versions() -> dict[str, str]:
    """Installed versions of the libraries that pixels depend on."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def pictures(images: Sequence[Any]) -> list[Outcome]:
    """Pictures from arrays (height, width, 3 or 4) of floats in 0..1, or from PIL images.

    An array with NaN or infinity, which half precision is prone to, is a failure: cast to bytes it would pass
    for a black picture. What is transparent is laid over white, and the picture says so.
    """
    return [_picture(image) for image in images]


def _picture(image: Any) -> Outcome:
    if not isinstance(image, Image):
        pixels = np.asarray(image)
        if not np.isfinite(pixels).all():
            return NoImage(ImageState.FAILED, "the model gave NaN or infinite pixels: try another dtype")
        image = fromarray((pixels * 255).round().astype(np.uint8))
    return Picture(over_white(image), SAID if is_see_through(image) else {})

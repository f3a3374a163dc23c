"""Aspect buckets: crop sizes of about one area, and which of them fits a picture."""

import math
from collections.abc import Sequence

from PIL import Image

from nami_bench.errors import InputError

Size = tuple[int, int]
"""(height, width) in pixels."""
_WIDEST = 2.0


def bucket_sizes(size: int, count: int, multiple: int) -> tuple[Size, ...]:
    """`count` sizes of about size x size pixels, aspect ratios 1:2 to 2:1, sides multiples of `multiple`.

    An odd count has the square in its middle. Raises InputError where `size` is no such multiple.
    """
    if size % multiple:
        raise InputError(f"[data]: size {size} is not a multiple of {multiple}, as the model's stages need")
    if count == 1:
        return ((size, size),)
    sizes = []
    for step in range(count):
        aspect = _WIDEST ** (2 * step / (count - 1) - 1)
        height = max(1, round(size / math.sqrt(aspect) / multiple)) * multiple
        width = max(1, round(size * math.sqrt(aspect) / multiple)) * multiple
        if (height, width) not in sizes:
            sizes.append((height, width))
    return tuple(sizes)


def nearest_bucket(width: int, height: int, sizes: Sequence[Size]) -> Size:
    """The size whose aspect ratio is nearest, on a log scale."""
    aspect = math.log(width / height)
    return min(sizes, key=lambda size: abs(math.log(size[1] / size[0]) - aspect))


def covers(width: int, height: int, size: Size) -> bool:
    """Whether a picture is at least as large as the crop in both directions."""
    return width >= size[1] and height >= size[0]


def crop(image: Image.Image, size: Size, at: tuple[float, float] = (0.5, 0.5)) -> Image.Image:
    """`image` resized to cover `size`, then cut to it; `at` (across, down), 0..1, says where."""
    height, width = size
    scale = max(width / image.width, height / image.height)
    covered = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    resized = image.resize(covered, Image.Resampling.LANCZOS)
    left = round((covered[0] - width) * at[0])
    top = round((covered[1] - height) * at[1])
    return resized.crop((left, top, left + width, top + height))

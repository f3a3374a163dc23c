"""How much pictures changed: mean absolute differences in grey of twins."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL.Image import Image

from nami_bench.domain import ImageRecord
from nami_bench.errors import ImageError
from nami_bench.evaluation.variant.pairing import Twins
from nami_bench.evaluation.variant.results import ChangedPair, Changes
from nami_bench.images import read_image

MOST_LISTED = 12
_THREADS = 4  # decoding leaves the interpreter lock


def picture_changes(
    twins: Twins, images_dir: Path, most: int, advance: Callable[[int], object] = lambda count: None
) -> Changes:
    """Read all pairs and list the `most` that changed most, and as many that have no change; `advance(1)`
    after each.

    Pictures of different sizes and files that cannot be read have no change, for a reason.
    """
    found: list[ChangedPair] = []
    with ThreadPoolExecutor(_THREADS) as threads:
        compared = threads.map(lambda a, b: _changed(a, b, images_dir), twins.base, twins.variant)
        for pair in compared:
            found.append(pair)
            advance(1)
    known = sorted((pair for pair in found if pair.change is not None), key=_by_change)
    values = [pair.change for pair in known if pair.change is not None]
    if not values:
        return Changes(pairs=tuple(_unknown(found)[:most]))
    return Changes(
        compared=len(values),
        same=sum(value == 0 for value in values),
        median=float(np.median(values)),
        largest=values[0],
        pairs=(*(pair for pair in known[:most] if pair.change), *_unknown(found)[:most]),
    )


def grey_difference(first: Image, second: Image) -> float:
    """The mean absolute difference of two pictures of one size in grey (ITU-R 601-2 luma), 0-255."""
    greys = [np.asarray(image.convert("L"), dtype=np.int16) for image in (first, second)]
    return float(np.abs(greys[0] - greys[1]).mean())


def _changed(base: ImageRecord, variant: ImageRecord, images_dir: Path) -> ChangedPair:
    first, second = str(base.path), str(variant.path)
    change, reason = _change(images_dir / first, images_dir / second)
    return ChangedPair(base.prompt_id, base.sample, change, first, second, reason)


def _change(base: Path, variant: Path) -> tuple[float | None, str | None]:
    try:
        first, second = read_image(base), read_image(variant)
    except ImageError as error:
        return None, str(error)
    if first.size != second.size:
        sizes = (f"{image.width}x{image.height}" for image in (first, second))
        return None, f"of different sizes: {' and '.join(sizes)} pixels"
    return grey_difference(first, second), None


def _unknown(pairs: Sequence[ChangedPair]) -> list[ChangedPair]:
    return [pair for pair in pairs if pair.change is None]


def _by_change(pair: ChangedPair) -> tuple[float, str, int]:
    return -(pair.change or 0.0), pair.prompt_id, pair.sample

"""The report's image grids: thumbnails as files, and what the page needs to lay them out.

The page is opened from disk, where browsers let no script read files, so the data come as a script that
sets one variable. Thumbnails are named by the hash of their image: nothing in them names the model.
"""

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from nami_bench.domain import ImageRecord, ImageState, Prompt
from nami_bench.errors import ImageError
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.images import read_image, write_bytes
from nami_bench.prompts.rewrites import original_of

THUMBNAIL_PIXELS = 320
_THREADS = 8  # most of the time is waiting for the disk

ImageKey = tuple[str, str, int]
"""Model, prompt id, sample."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """The images of `models` for `prompts`, each with what people and metrics say about it.

    `scores` holds, by image, (short name, value as shown) pairs. `ratings` holds the mean total, 0-100, by
    which the page can sort.
    """

    models: Sequence[str]
    prompts: Sequence[Prompt]
    records: Sequence[ImageRecord]
    ratings: Mapping[ImageKey, float]
    scores: Mapping[ImageKey, Sequence[tuple[str, str]]]


def write_gallery(
    folder: Path, gallery: Gallery, images_dir: Path, advance: Callable[[int], object] = lambda count: None
) -> list[str]:
    """Write `gallery.js` and `thumbnails/` into `folder`; return one line for each image that is unreadable.

    Thumbnails that are there already are kept, so that a second report of the same images is quick.
    """
    thumbnails: dict[ImageKey, str] = {}
    problems = []
    done = [record for record in gallery.records if record.state is ImageState.DONE]
    with ThreadPoolExecutor(_THREADS) as threads:
        results = threads.map(lambda record: _thumbnail(folder, record, images_dir), done)
        for record, (name, problem) in zip(done, results, strict=True):
            if name is not None:
                thumbnails[record.model, record.prompt_id, record.sample] = name
            if problem is not None:
                problems.append(problem)
            advance(1)
    data = json.dumps(_document(gallery, thumbnails), ensure_ascii=False, separators=(",", ":"))
    write_bytes(folder / "gallery.js", f"window.GALLERY = {data};\n".encode())
    return problems


def _thumbnail(folder: Path, record: ImageRecord, images_dir: Path) -> tuple[str | None, str | None]:
    """The thumbnail's address in the report, or why there is none."""
    assert record.path is not None and record.sha256 is not None  # of a finished image
    name = f"thumbnails/{record.sha256[:2]}/{record.sha256[2:34]}.jpg"
    if (folder / name).is_file():
        return name, None
    try:
        image = read_image(images_dir / record.path)
    except ImageError as error:
        return None, str(error)
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    write_bytes(folder / name, buffer.getvalue())
    return name, None


def _document(gallery: Gallery, thumbnails: Mapping[ImageKey, str]) -> dict[str, Any]:
    """What gallery.js holds: `images` of a prompt are in the order of `models`, then by sample."""
    by_prompt: dict[str, list[ImageRecord]] = {}
    for record in gallery.records:
        by_prompt.setdefault(record.prompt_id, []).append(record)
    order = {model: position for position, model in enumerate(gallery.models)}
    prompts = []
    for prompt in gallery.prompts:
        records = sorted(by_prompt.get(prompt.id, []), key=lambda r: (order[r.model], r.sample))
        prompts.append(
            {
                "id": prompt.id,
                "text": prompt.text,
                "original": original_of(prompt),
                "groups": [prompt.stratum, *([prompt.task] if prompt.task else [])],
                "spread": _spread(gallery.ratings[k] for r in records if (k := _key(r)) in gallery.ratings),
                "images": [_image(r, order, gallery, thumbnails) for r in records],
            }
        )
    return {"models": list(gallery.models), "prompts": prompts}


def _image(
    record: ImageRecord, order: Mapping[str, int], gallery: Gallery, thumbnails: Mapping[ImageKey, str]
) -> dict[str, Any]:
    key = _key(record)
    shown: dict[str, Any] = {"model": order[record.model], "sample": record.sample}
    if key in thumbnails:
        shown |= {"file": thumbnails[key], "sha256": record.sha256}
    else:
        shown["missing"] = without_folders(record.reason) or "not readable"
    return shown | {"scores": list(gallery.scores.get(key, ()))}


def _key(record: ImageRecord) -> ImageKey:
    return record.model, record.prompt_id, record.sample


def _spread(ratings: Iterable[float]) -> float | None:
    """How far the best image is above the worst; None for fewer than two."""
    values = list(ratings)
    return round(max(values) - min(values), 2) if len(values) > 1 else None

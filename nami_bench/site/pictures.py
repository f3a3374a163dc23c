"""The site's pictures: a thumbnail of each image, and a larger one, as WebP, named by what they show.

Names are hashes, so that nothing in them tells the model and a later build makes only what is new. They lie
in 256 folders each, for a site may have 40,000 of them.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from PIL import Image

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import ImageError
from nami_bench.evaluation.image_reading import default_workers, image_processes, submit
from nami_bench.images import decode_image, read_recorded, write_bytes
from nami_bench.site.folder import SiteFolder

THUMBNAIL_PIXELS = 256
"""Longest side of a thumbnail: on a prompt's page ten models stand beside each other."""
_QUALITY = {"thumbnail": 78, "image": 84}
_FEW = 256
"""So many images are done with here: starting processes for them would take longer."""
_AT_ONCE = 16
"""Images that a process is given at a time."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Where an image's pictures lie, from the site's root; `large` is the thumbnail where it is all there
    is. `problem`: why there is none, in words."""

    thumbnail: str | None = None
    large: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """An image's file with its hash, and the pictures to be made of it: paths and longest sides."""

    source: Path
    sha256: str
    pictures: tuple[tuple[Path, int, int], ...]


def put_pictures(
    out: SiteFolder,
    records: Sequence[ImageRecord],
    images_dir: Path,
    pixels: int,
    advance: Callable[[int], object] = lambda count: None,
) -> Mapping[tuple[str, str, int], Picture]:
    """Write the pictures of `records` that are not there yet, in processes; all by model, prompt and sample.

    `pixels`: longest side of large ones, 0 for none. `advance(n)` is called when n more images are done with.
    """
    found: dict[tuple[str, str, int], Picture] = {}
    jobs: list[tuple[tuple[str, str, int], Picture, _Job]] = []
    for record in records:
        key = record.model, record.prompt_id, record.sample
        if record.state is not ImageState.DONE or record.path is None or record.sha256 is None:
            found[key] = Picture(problem=record.reason or "not made")
            continue
        picture, sizes = _names(record, pixels)
        missing = [(name, *size) for name, size in sizes.items() if not out.has(name)]
        found[key] = picture
        for name in sizes.keys() - {name for name, *_ in missing}:
            out.keep(name)
        if missing:
            paths = tuple((out.root / name, side, quality) for name, side, quality in missing)
            jobs.append((key, picture, _Job(images_dir / record.path, record.sha256, paths)))
    advance(len(records) - len(jobs))
    for (key, _, job), problem in zip(jobs, _made([job for *_, job in jobs], advance), strict=True):
        if problem is not None:
            found[key] = Picture(problem=problem)
            continue
        for path, *_ in job.pictures:
            out.made(path.relative_to(out.root).as_posix())
    return found


def _names(record: ImageRecord, pixels: int) -> tuple[Picture, dict[str, tuple[int, int]]]:
    """An image's pictures, and the longest side and quality of each by its name."""
    assert record.sha256 is not None  # of a finished image
    place = f"{record.sha256[:2]}/{record.sha256[2:34]}"
    thumbnail = f"thumbnail/{place}.webp"
    sizes = {thumbnail: (THUMBNAIL_PIXELS, _QUALITY["thumbnail"])}
    side = max(record.width or pixels, record.height or pixels)
    if min(side, pixels) <= THUMBNAIL_PIXELS:
        return Picture(thumbnail, thumbnail), sizes
    large = f"image/{place}-{pixels}.webp"
    return Picture(thumbnail, large), sizes | {large: (pixels, _QUALITY["image"])}


def _made(jobs: Sequence[_Job], advance: Callable[[int], object]) -> Iterator[str | None]:
    """The problem of each job, None where it is done; many are shared among processes."""
    if len(jobs) < _FEW:
        for job in jobs:
            yield _make(job)
            advance(1)
        return
    parts = [jobs[at : at + _AT_ONCE] for at in range(0, len(jobs), _AT_ONCE)]
    done: dict[int, list[str | None]] = {}
    with image_processes(default_workers() + 1) as pool:  # this process only waits
        waiting: dict[Future[list[str | None]], int] = {
            submit(pool, _make_all, part): at for at, part in enumerate(parts)
        }
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                at = waiting.pop(future)
                done[at] = future.result()
                advance(len(parts[at]))
    yield from chain.from_iterable(done[at] for at in range(len(parts)))


def _make_all(jobs: Sequence[_Job]) -> list[str | None]:
    return [_make(job) for job in jobs]


def _make(job: _Job) -> str | None:
    """Write a job's pictures; what is wrong with the image, in words, or None."""
    try:
        image = decode_image(read_recorded(job.source, job.sha256), job.source.name)
    except ImageError as error:
        return str(error).replace(str(job.source), job.source.name)
    for path, side, quality in job.pictures:
        small = image.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        stream = io.BytesIO()
        small.save(stream, "WEBP", quality=quality, method=3)
        write_bytes(path, stream.getvalue())
    return None

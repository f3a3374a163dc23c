"""Recorded images against the files on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench import images
from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import ImageError, WorkError
from nami_bench.locations import is_remote
from nami_bench.pipeline.progress import Advance

if TYPE_CHECKING:
    from nami_bench.store import Store


@dataclass(frozen=True, slots=True)
class ImageProblem:
    """A recorded image whose file is not what was recorded."""

    record: ImageRecord
    problem: str


def verify_images(
    store: "Store",
    images_dir: Path,
    models: Sequence[str] | None = None,
    advance: Advance = lambda count: None,
) -> Iterator[ImageProblem]:
    """Compare every recorded file with its hash; yields what is missing or changed."""
    for record in store.images.find(models=models, state=ImageState.DONE):
        problem = file_problem(images_dir, record)
        if problem is not None:
            yield ImageProblem(record, problem)
        advance(1)


def file_problem(images_dir: Path, record: ImageRecord) -> str | None:
    """What is wrong with the file of a finished image, or None."""
    try:
        found = images.hash_file(images_dir / str(record.path))
    except ImageError as error:
        return str(error)
    return None if found == record.sha256 else changed(record)


def changed(record: ImageRecord) -> str:
    """What is said of a file with another hash."""
    return f"{record.path} has changed since it was recorded"


def refuse_unseen(image: Path) -> None:
    """Raise WorkError, on a worker's machine, where not even the folder of the image's set is there."""
    if is_remote(image):
        return
    folder = image.parents[2].absolute()
    if not folder.is_dir():
        raise WorkError(
            f"a worker does not see {folder}: let all machines see the images under this name, or keep them "
            "in an object store"
        )


def untouched(images_dir: Path, record: ImageRecord) -> bool:
    """Whether the file of a finished image is as recorded; in an object store it is taken to be."""
    return is_remote(images_dir) or file_problem(images_dir, record) is None

"""The images of a folder that prompts are written about."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nami_bench.balance import balanced_order
from nami_bench.errors import ImageError, InputError
from nami_bench.images import hash_file

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A file: its place in the folder with / between the parts, and the hex SHA-256 of its bytes; where it
    cannot be read, None and the `problem` in one sentence."""

    path: Path
    name: str
    sha256: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """`images` in the order of their names; `passed_over` counts other files."""

    images: tuple[SourceImage, ...]
    passed_over: int


def read_folder(
    root: Path,
    limit: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
    *,
    first: int | None = None,
    seed: int = 0,
) -> ImageFolder:
    """Hash every PNG, JPEG and WebP file below `root`; hidden ones are left alone.

    Or only `limit` of them, equally many of each folder, drawn by `seed`, those of a smaller limit among
    those of a larger one; or only the `first`, by name. Raises InputError where there is none, and for both.
    """
    if limit is not None and first is not None:
        raise InputError("give --limit for a balanced part of the images or --first for the first, not both")
    if not root.is_dir():
        raise InputError(f"{root} is not a folder")
    found = {
        path.relative_to(root).as_posix(): path
        for path in root.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(root).parts) and not path.is_dir()
    }
    names = sorted(name for name, path in found.items() if path.suffix.lower() in _SUFFIXES)
    if not names:
        raise InputError(f"{root} holds no images (PNG, JPEG or WebP, also in folders below it)")
    passed_over = len(found) - len(names)
    images = []
    if limit is not None:
        names = sorted(balanced_order(names, _folder_of, str, seed)[:limit])
    for name in names[:first]:
        images.append(_hashed(found[name], name))
        advance(1)
    return ImageFolder(tuple(images), passed_over)


def _folder_of(name: str) -> tuple[str]:
    return (name.rpartition("/")[0],)


def _hashed(path: Path, name: str) -> SourceImage:
    try:
        return SourceImage(path, name, hash_file(path))
    except ImageError as error:
        return SourceImage(path, name, None, str(error))

"""Where images lie: a folder, or a place in an object store that fsspec knows (s3://bucket/folder, gs://...).

Such a place is used like a Path; only `nami_bench.images` and this file know the difference.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from nami_bench.errors import InputError, StorageError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}


def location(text: str) -> Path:
    """The place that `text` names. Raises InputError for a kind that is unknown or not installed."""
    if "://" not in text:
        return Path(text)
    if text.startswith("file://"):
        return Path(unquote(urlsplit(text).path))
    kind = text.partition("://")[0]
    try:
        from upath import UPath

        place = UPath(text)
        _ = place.fs  # imports what speaks to that store
    except ImportError as error:
        extra = _EXTRAS.get(kind)
        advice = f"pip install 'nami-bench[{extra}]'" if extra else f"install fsspec's package for {kind}://"
        raise InputError(f"{text} needs a package that is not installed: {advice}") from error
    except ValueError as error:
        raise InputError(f"{text}: nothing here knows {kind}://; s3:// and gs:// are known") from error
    return cast(Path, place)


def is_remote(path: Path) -> bool:
    """Whether the path is no file of this machine's file systems."""
    return not isinstance(path, Path)


def put(path: Path, data: bytes) -> None:
    """Write a remote file in one go: it is there whole or not at all. Raises OSError."""
    place = cast(Any, path)
    with _as_os_errors():
        place.fs.pipe_file(place.path, data)


def get(path: Path) -> bytes:
    """A remote file's bytes. Raises OSError, of which FileNotFoundError is one."""
    place = cast(Any, path)
    with _as_os_errors():
        return bytes(place.fs.cat_file(place.path))


def find(root: Path) -> list[tuple[str, ...]]:
    """All remote files under `root`, as the parts of their paths from there, in order. Raises OSError."""
    place = cast(Any, root)
    prefix = place.path.strip("/") + "/"
    with _as_os_errors():
        place.fs.invalidate_cache()  # other machines write there too
        names = [name.lstrip("/") for name in place.fs.find(place.path)]
    return sorted(tuple(name.removeprefix(prefix).split("/")) for name in names)


def files(root: Path) -> list[tuple[str, ...]]:
    """All files under `root`, here or elsewhere, as the parts of their paths from there; none: empty."""
    if is_remote(root):
        try:
            return find(root)
        except FileNotFoundError:
            return []
    return sorted(path.relative_to(root).parts for path in root.rglob("*") if path.is_file())


def give_name(old: Path, new: Path) -> None:
    """Let the file `old` be found as `new` too: a second name where the file system has that, else a copy.

    Raises StorageError.
    """
    try:
        if is_remote(old):
            put(new, get(old))
            return
        new.parent.mkdir(parents=True, exist_ok=True)
        if new.exists() and new.samefile(old):
            return
        new.unlink(missing_ok=True)
        try:
            new.hardlink_to(old)
        except OSError:
            shutil.copy2(old, new)
    except OSError as error:
        raise StorageError(f"cannot write {new}: {error.strerror or error}") from error


def remove_tree(root: Path) -> None:
    """Delete everything remote under `root`. Raises StorageError."""
    place = cast(Any, root)
    try:
        with _as_os_errors():
            if place.fs.exists(place.path):
                place.fs.rm(place.path, recursive=True)
    except OSError as error:
        raise StorageError(f"cannot delete {root}: {error.strerror or error}") from error


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Let whatever a store's client raises be an OSError: their kinds are many."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error

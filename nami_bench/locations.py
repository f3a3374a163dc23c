"""Where images lie: a folder, or a place in an object store that fsspec knows (s3://bucket/folder, gs://...).

Such a place is used like a Path; only `nami_bench.images` and this file know the difference.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from nami_bench.errors import InputError, StorageError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
_REASONS = {
    "NoSuchBucket": "the bucket does not exist",
    "InvalidAccessKeyId": "the store does not know this access key: look at the credentials",
    "SignatureDoesNotMatch": "the secret key is not that of the access key: look at the credentials",
    "ExpiredToken": "the credentials have expired",
    "AccessDenied": "the store refuses access: these credentials may not do that there",
    "403": "the store refuses access: the credentials are wrong, or may not do that there",
    "NoCredentialsError": "no credentials were found, in the environment or in files",
    "PartialCredentialsError": "only a part of the credentials was found",
    "EndpointConnectionError": "the store cannot be reached",
    "ConnectTimeoutError": "the store does not answer",
}
"""What a store's client says, by the code or the name of its errors, in words that help."""


def location(text: str) -> Path:
    """The place that `text` names. Raises InputError for a kind that is unknown or not installed."""
    if "://" not in text:
        return Path(text)
    if text.startswith("file://"):
        return Path(unquote(urlsplit(text).path))
    kind = text.partition("://")[0]
    try:
        from upath import UPath

        # Listings are not kept: other machines write there too.
        options: dict[str, Any] = {"use_listings_cache": False} if kind in _EXTRAS else {}
        place: Any = UPath(text, **options)
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
    with as_os_errors():
        place.fs.pipe_file(place.path, data)


def get(path: Path) -> bytes:
    """A remote file's bytes.

    Raises FileNotFoundError where there is no such file, and another OSError where it is not known: no
    credentials, no bucket, no answer.
    """
    place = cast(Any, path)
    with as_os_errors():
        return bytes(place.fs.cat_file(place.path))


def has_file(path: Path) -> bool:
    """Whether there is such a remote file. Raises OSError where that cannot be found out."""
    place = cast(Any, path)
    try:
        with as_os_errors():
            return bool(place.fs.info(place.path)["type"] == "file")
    except FileNotFoundError:
        return False


def delete(path: Path) -> None:
    """Delete a file, here or elsewhere, if it is there. Raises OSError."""
    if not is_remote(path):
        path.unlink(missing_ok=True)
        return
    place = cast(Any, path)
    with suppress(FileNotFoundError), as_os_errors():
        place.fs.rm_file(place.path)


def find(root: Path) -> list[tuple[str, ...]]:
    """All remote files under `root`, as the parts of their paths from there, in order. Raises OSError."""
    place = cast(Any, root)
    prefix = place.path.strip("/") + "/"
    with as_os_errors():
        names = [name.lstrip("/") for name in place.fs.find(place.path)]
    return sorted(tuple(name.removeprefix(prefix).split("/")) for name in names)


def files(root: Path) -> list[tuple[str, ...]]:
    """All files under `root`, here or elsewhere, as the parts of their paths from there; none: empty.

    Raises StorageError where an object store does not list them.
    """
    if is_remote(root):
        try:
            return find(root)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"cannot list {root}: {error.strerror or error}") from error
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


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Let whatever a store's client raises be an OSError: their kinds are many."""
    try:
        yield
    except Exception as error:
        if reason := _reason(error):
            raise OSError(reason) from error
        if isinstance(error, OSError):
            raise
        raise OSError(f"{type(error).__name__}: {error}") from error


def refusal(error: BaseException | None) -> str | None:
    """The code by which an S3 store said why it refused, where that is the cause of the error."""
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code"))
        error = error.__cause__
    return None


def _reason(error: Exception) -> str | None:
    """Why the store, or its client, refuses, where that is known."""
    return _REASONS.get(refusal(error) or type(error).__name__)

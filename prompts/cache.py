"""Files that are downloaded once, and used only when their hash is the pinned one.

They lie in $NAMI_CACHE, or ~/.cache/nami-bench where that is not set.
"""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from nami_bench.config import cache_dir
from nami_bench.errors import WorkError
from nami_bench.images import write_bytes
from nami_bench.prompts.files import digest

# Prompt files are a few hundred kilobytes to a few megabytes: enough for a slow line.
_TIMEOUT_SECONDS = 300.0


def cached_file(name: str, address: str) -> Path:
    """Where the file of source `name` lies once it is downloaded."""
    return cache_dir() / "prompts" / name / PurePosixPath(urlsplit(address).path).name


def read_cached(name: str, address: str, sha256: str) -> bytes | None:
    """The bytes in the cache, or None where they are missing or do not have the SHA-256 `sha256`."""
    path = cached_file(name, address)
    data = path.read_bytes() if path.is_file() else None
    return data if data is not None and digest(data) == sha256 else None


def read_or_download(name: str, address: str, sha256: str) -> bytes:
    """The bytes of `address`, from the cache or else from the network, and kept in the cache.

    Raises WorkError where the download fails or the bytes do not have the SHA-256 `sha256`; neither leaves
    a file. A cached file with another hash is downloaded again.
    """
    cached = read_cached(name, address, sha256)
    if cached is not None:
        return cached
    path = cached_file(name, address)
    path.unlink(missing_ok=True)
    data = _download(name, address)
    found = digest(data)
    if found != sha256:
        raise WorkError(
            f"{address} has the SHA-256 {found}, expected {sha256}: nothing was kept; "
            f"give a file you trust with --source {name}=FILE"
        )
    write_bytes(path, data)
    return data


def _download(name: str, address: str) -> bytes:
    from nami_bench.services.bounded_client import BoundedClient, NoAnswerError

    try:
        with BoundedClient(_TIMEOUT_SECONDS) as client:
            answer = client.send("GET", address, follow_redirects=True)
    except NoAnswerError as error:
        raise WorkError(_failed(name, address, str(error))) from error
    if answer.status != 200:
        raise WorkError(_failed(name, address, f"the server answered {answer.status}"))
    return answer.body


def _failed(name: str, address: str, reason: str) -> str:
    return f"cannot download {address}: {reason}; try again, or give the file with --source {name}=FILE"

"""Files that are downloaded once, and used only when their hash is the pinned one.

They lie in $NAMI_CACHE, or ~/.cache/nami-bench where that is not set.
"""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from nami_bench.config import cache_dir
from nami_bench.errors import WorkError
from nami_bench.prompts.files import digest


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
    a file that would be used. A cached file with another hash is downloaded again.
    """
    cached = read_cached(name, address, sha256)
    if cached is not None:
        return cached
    from nami_bench.services.download import DownloadError, Pin, download

    path = cached_file(name, address)
    try:
        download(address, path, Pin(sha256, "this program", verified=True))
    except DownloadError as error:
        raise WorkError(
            f"cannot download {address}: {error}; try again, or give the file with --source {name}=FILE"
        ) from error
    return path.read_bytes()

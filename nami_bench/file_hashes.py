"""SHA-256 of files of any size; a large one is read again only if something touched it."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nami_bench.config import cache_dir
from nami_bench.errors import StorageError
from nami_bench.foreign_text import parse_json
from nami_bench.images import write_bytes

SMALL = 1 << 24
"""Bytes, 16 MiB: a smaller file is read in milliseconds and always is."""

_SETTLED_NS = 2 * 10**9
"""A file that was written so lately may be written again within one tick of its file system's clock, FAT's
the coarsest with two seconds: its hash is not remembered yet."""


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of the file's bytes; raises OSError.

    Large files' hashes are kept in $NAMI_CACHE (default ~/.cache/nami-bench) while size, inode and both times
    (of the content and of the inode, which no program can set back) stay what they were: a file overwritten
    in place is read again, whatever its size and date.
    """
    status = path.stat()
    if status.st_size < SMALL:
        return _read(path)
    remembered = _cache_file(path)
    before = _state(status)
    if (known := _remembered(remembered, before)) is not None:
        return known
    started = time.time_ns()
    found = _read(path)
    settled = max(status.st_mtime_ns, status.st_ctime_ns) < started - _SETTLED_NS
    if settled and _state(path.stat()) == before:
        # Without a writable cache it is read again in the next run.
        with suppress(StorageError):
            write_bytes(remembered, json.dumps({"state": before, "sha256": found}).encode())
    return found


def files_sha256(root: Path, files: Iterable[Path]) -> str:
    """One hash for several files and their names within `root`, in the order given; raises OSError."""
    lines = [f"{file_sha256(path)}  {path.relative_to(root).as_posix()}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state(status: os.stat_result) -> list[int]:
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _cache_file(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    return cache_dir() / "hashes" / f"{name}.json"


def _remembered(file: Path, state: list[int]) -> str | None:
    try:
        found = parse_json(file.read_bytes())
        return str(found["sha256"]) if found["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None

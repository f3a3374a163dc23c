"""The folder that a site is written into: what is its own, what has changed, what has gone stale."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nami_bench import __version__
from nami_bench.errors import InputError, StorageError
from nami_bench.images import write_bytes

MARK = "nami-bench-site.json"
"""Tells a site's folder from any other: only such a folder is written into again."""

OWN_FOLDERS = ("assets", "data", "image", "model", "prompt", "thumbnail")
"""All that lies in them is the site's. Beside them there may be files of others, such as CNAME or .git."""


class SiteFolder:
    """A folder that a site is written into, file by file: each is there whole or not at all.

    Files whose content is there already are not written again. `finish` removes what earlier builds wrote and
    this one did not. `written` and `kept` count files.
    """

    def __init__(self, root: Path) -> None:
        """Raises InputError for a folder that holds something else, StorageError where it cannot be made."""
        self.root = root
        self.written = self.kept = 0
        self._before = _hashes(root)
        self._now: dict[str, str] = {}

    def has(self, name: str) -> bool:
        """Whether an earlier build wrote this file, whose name says what is in it, and it is still there."""
        return (self.root / name).is_file()

    def keep(self, name: str) -> None:
        """Count a file, whose name says what is in it, as this build's."""
        self._now[name] = ""
        self.kept += 1

    def put(self, name: str, data: bytes) -> None:
        """Write a file, by its path within the folder, unless it is there with this content."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._now[name] = sha256
        path = self.root / name
        if not (self.root / MARK).is_file():
            # Before the first file: what a build that was stopped leaves behind is known as the site's.
            self._write_mark(self._before)
        if self._before.get(name) == sha256 and path.is_file() and path.stat().st_size == len(data):
            self.kept += 1
            return
        write_bytes(path, data)
        self.written += 1

    def made(self, name: str) -> None:
        """Count a file, whose name says what is in it, that another process has written."""
        self._now[name] = ""
        self.written += 1

    def finish(self) -> int:
        """Remove what is stale, and note what is there; how many files were removed. Raises StorageError."""
        stale = [path for path in self._own_files() if path not in self._now]
        try:
            for name in stale:
                (self.root / name).unlink(missing_ok=True)
            self._remove_empty_folders()
        except OSError as error:
            raise StorageError(f"cannot clean up {self.root}: {error.strerror or error}") from error
        self._write_mark(self._now)
        return len(stale)

    def _own_files(self) -> Iterator[str]:
        """Files in the site's folders, and those beside them that an earlier build noted."""
        for folder in OWN_FOLDERS:
            for place, _, names in os.walk(self.root / folder):
                for name in names:
                    yield (Path(place) / name).relative_to(self.root).as_posix()
        yield from (name for name in self._before if "/" not in name and (self.root / name).is_file())

    def _remove_empty_folders(self) -> None:
        for folder in OWN_FOLDERS:
            for place, _, _ in os.walk(self.root / folder, topdown=False):
                if not any(Path(place).iterdir()):
                    Path(place).rmdir()

    def _write_mark(self, files: dict[str, str]) -> None:
        # Files that are named by their content need no hash: a site of 40,000 images has 40,000 of them.
        noted = {name: sha256 for name, sha256 in sorted(files.items()) if sha256}
        document: dict[str, Any] = {"nami_bench": __version__, "files": noted}
        write_bytes(self.root / MARK, (json.dumps(document, indent=0) + "\n").encode())


def _hashes(root: Path) -> dict[str, str]:
    """What an earlier build noted, by path; {} for a folder that is new or empty."""
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is no folder: name a new or empty one with -o")
    mark = root / MARK
    if not mark.is_file():
        if root.is_dir() and any(root.iterdir()):
            raise InputError(f"{root} holds something that is no site: name a new or empty folder with -o")
        return {}
    try:
        found = json.loads(mark.read_bytes())["files"]
        return {str(name): str(sha256) for name, sha256 in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{mark} is not what a site's build wrote: delete the folder, or name another one with -o"
        ) from error

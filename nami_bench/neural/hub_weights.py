"""Weights on the Hugging Face hub: what its cache has of them, whether that is whole, how it is carried."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from huggingface_hub import constants
from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

from nami_bench.errors import InputError
from nami_bench.neural.hub import cached_folder, found, hub_folder
from nami_bench.neural.weights import CarriedFile, Hash, read_sha256
from nami_bench.services.download import Report

_PIECE = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFiles:
    """Files of a repository on the Hugging Face hub, in the hub's own cache.

    `patterns`: which; where none of them is one of `signs`, `otherwise`. `signs`: patterns of which at least
    one file must be here for the others to be of use.
    """

    repository: str
    patterns: tuple[str, ...]
    signs: tuple[str, ...]
    licence: str
    otherwise: tuple[str, ...] = ()
    revision: str | None = None
    size: int | None = None

    @property
    def source(self) -> str:
        """Repository, and revision where it is not the newest."""
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"

    def hash(self) -> Hash:
        """That of the largest file, as the hub has it."""
        largest = max(self.files(), key=lambda path: path.stat().st_size, default=None)
        if largest is None:
            return Hash(None, "the hub says it when they are fetched")
        digits = _blob_name(largest)
        if digits is None:
            return Hash(None, "this cache keeps none: nothing to compare with")
        if len(digits) != 64:
            return Hash(None, "git's, of each small file")
        return Hash(digits, f"the hub, for {largest.name}, when it was fetched")

    def files(self) -> list[Path]:
        """The snapshot's files."""
        for patterns in filter(None, (self.patterns, self.otherwise)):
            folder = cached_folder(self.repository, patterns, self.revision)
            files = [] if folder is None else _fitting(folder, patterns)
            signs = () if folder is None else found(folder, self.signs)
            if any(path.is_file() and path in files for path in signs):
                return files
        return []

    def fetch(self, report: Report | None = None) -> Path:
        """The snapshot's folder; damaged files are removed first, the hub would not miss them."""
        for path in self.files():
            if _blob_problem(path):
                path.resolve().unlink(missing_ok=True)
                path.unlink(missing_ok=True)
        folder = hub_folder(self.repository, self.patterns, self.revision, report)
        if self.otherwise and not found(folder, self.signs):
            folder = hub_folder(self.repository, self.otherwise, self.revision, report)
        if not found(folder, self.signs):
            raise InputError(f"{self.source} on the hub has none of the files {', '.join(self.signs)}")
        return folder

    def damage(self) -> list[str]:
        """Files whose content is not what the hub said it is."""
        problems = ((path, _blob_problem(path)) for path in self.files())
        return [f"{path}: {problem}" for path, problem in problems if problem]

    def carried(self) -> Iterator[CarriedFile]:
        """The snapshot with its links, and what the hub's library knows of it."""
        cache = hub_cache()
        files = self.files()
        for path in files:
            inside = PurePosixPath(path.relative_to(cache).as_posix())
            if path.is_symlink():
                link = path.readlink().as_posix()
                blob = PurePosixPath(os.path.normpath(inside.parent / link))
                yield CarriedFile("hub", blob, path.resolve())
                yield CarriedFile("hub", inside, path, link)
            else:
                yield CarriedFile("hub", inside, path)
        yield from self._notes(cache, files)

    def _notes(self, cache: Path, files: Sequence[Path]) -> Iterator[CarriedFile]:
        """Which commit the revision is, and what is in it."""
        if not files:
            return
        commit = files[0].relative_to(cache).parts[2]
        folder = cache / files[0].relative_to(cache).parts[0]
        notes = (Path("refs", self.revision or "main"), Path("trees", f"{commit}.json"))
        for path in (folder / note for note in notes):
            if path.is_file():
                yield CarriedFile("hub", PurePosixPath(path.relative_to(cache).as_posix()), path)


def hub_cache() -> Path:
    """Where the hub's library keeps what it downloads."""
    return Path(constants.HF_HUB_CACHE).expanduser().resolve()


def _fitting(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """The snapshot's files that the hub's library means by `patterns`: their * takes folders in, too."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    return [files[name] for name in sorted(filter_repo_objects(files, allow_patterns=list(patterns)))]


def _blob_name(path: Path) -> str | None:
    """The name of the file in the hub's cache that a snapshot's link leads to: the hash of its content.

    That is SHA-256 for large files and git's SHA-1 for small ones; None where the cache has no links.
    """
    return path.readlink().name if path.is_symlink() else None


def _blob_problem(path: Path) -> str | None:
    """Why the file is not what the hub said; None where it is, or where the hub said nothing of use."""
    name = _blob_name(path)
    if not path.is_file():
        return "it is missing, its link leads nowhere"
    if name is None or len(name) not in (40, 64):
        return None
    content = read_sha256(path) if len(name) == 64 else _git_hash(path)
    return None if content == name else f"its hash is {content}, expected {name}"


def _git_hash(path: Path) -> str:
    """SHA-1 of the file as git stores it."""
    hasher = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            hasher.update(data)
    return hasher.hexdigest()

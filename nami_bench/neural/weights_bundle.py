"""Weights in one tar file, to be carried to a machine without a network.

The first member, weights.json, lists every file with its size and SHA-256; the others lie under files/. They
go to the same places of the other machine's caches, where everything finds them as if it had fetched them.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from nami_bench.config import cache_dir
from nami_bench.errors import InputError, StorageError
from nami_bench.foreign_text import parse_json
from nami_bench.neural.hub_weights import hub_cache
from nami_bench.neural.weights import CarriedFile, Weights, read_sha256
from nami_bench.services.download import Report

SCHEMA = "nami-bench/weights-bundle/1"
_LIST = "weights.json"
_MOST_LISTED = 1 << 26
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the list: a file, or a link."""

    home: str
    name: str
    size: int = 0
    sha256: str = ""
    link: str | None = None

    @property
    def member(self) -> str:
        return f"files/{self.home}/{self.name}"

    @property
    def place(self) -> Path:
        return _homes()[self.home] / self.name


def bundle(weights: Sequence[Weights], output: Path, report: Report = lambda done, total: None) -> int:
    """Write all that is here of `weights` into the tar file `output`; how many bytes they have.

    Raises InputError where some of them are not here, are damaged, or are no files that another machine would
    find; StorageError where the disk refuses.
    """
    for one in weights:
        if damage := one.damage():
            raise InputError(f"{damage[0]}: fetch it again before it is carried away")
        if not one.files():
            raise InputError(f"{one.source} is not on this machine: fetch it first (`weights fetch`)")
    files = {(file.home, str(file.name)): file for one in weights for file in one.carried()}
    entries = [_entry(file) for file in files.values()]
    paths = {(entry.home, entry.name): files[entry.home, entry.name].path for entry in entries}
    partial = output.with_name(f"{output.name}.partial")
    with _refusals(output, partial):
        output.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(partial, "w") as tar:
            _add_list(tar, entries)
            _add_files(tar, entries, paths, report)
        partial.replace(output)
    return sum(entry.size for entry in entries)


def unbundle(path: Path, report: Report = lambda done, total: None) -> list[Path]:
    """Put the files of a bundle into this machine's caches; those that are there already are left alone.

    Gives the places of all of them. A file is there whole, with the listed hash, or not at all. Raises
    InputError for a file that is no bundle or a damaged one, and where the hub's cache has another commit of
    the same revision; StorageError where the disk refuses.
    """
    try:
        with tarfile.open(path, "r|") as tar:  # a stream: no member is looked for, each is read once
            members = iter(tar)
            entries = _read_list(tar, next(members, None), path)
            _refuse_other_commits(entries, path)
            _unpack(tar, members, entries, path, report)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{path} is damaged or no bundle of weights: {error}") from error
    for entry in entries:
        if entry.link is not None:
            _link(entry)
    return [entry.place for entry in entries]


def _entry(file: CarriedFile) -> _Entry:
    if file.link is not None:
        return _Entry(file.home, str(file.name), link=file.link)
    return _Entry(file.home, str(file.name), file.path.stat().st_size, read_sha256(file.path))


def _homes() -> Mapping[str, Path]:
    return {"nami": cache_dir(), "hub": hub_cache()}


def _add_list(tar: tarfile.TarFile, entries: Sequence[_Entry]) -> None:
    rows = [{name: getattr(entry, name) for name in _Entry.__slots__} for entry in entries]
    data = json.dumps({"schema": SCHEMA, "files": rows}, indent=1).encode()
    member = tarfile.TarInfo(_LIST)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def _add_files(
    tar: tarfile.TarFile, entries: Sequence[_Entry], paths: Mapping[tuple[str, str], Path], report: Report
) -> None:
    total, done = sum(entry.size for entry in entries), 0
    for entry in entries:
        if entry.link is not None:
            continue
        member = tarfile.TarInfo(entry.member)
        member.size, member.mode = entry.size, 0o644
        with paths[entry.home, entry.name].open("rb") as file:
            tar.addfile(member, file)
        done += entry.size
        report(done, total)


def _read_list(tar: tarfile.TarFile, member: tarfile.TarInfo | None, path: Path) -> list[_Entry]:
    if member is None or member.name != _LIST or member.size > _MOST_LISTED:
        raise InputError(f"{path} is no bundle of weights: it does not begin with {_LIST}")
    file = tar.extractfile(member)
    try:
        document = parse_json(b"" if file is None else file.read())
        if document["schema"] != SCHEMA:
            raise InputError(
                f"{path} is a bundle of another kind, {document['schema']!r}: upgrade NAMI-Bench"
            )
        return [_checked(_Entry(**row)) for row in document["files"]]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: its list of files cannot be read") from error


def _checked(entry: _Entry) -> _Entry:
    """Raise ValueError for what would lie, or lead, anywhere but in its home."""
    parts = PurePosixPath(entry.name).parts
    if entry.home not in _homes() or not parts or not _is_inside(parts):
        raise ValueError(entry.name)
    if entry.link is not None:
        target = os.path.normpath(PurePosixPath(entry.name).parent / entry.link)
        # Within the folder of the same repository.
        if PurePosixPath(target).parts[0] != parts[0] or not _is_inside(PurePosixPath(target).parts):
            raise ValueError(entry.link)
    return entry


def _is_inside(parts: Sequence[str]) -> bool:
    return all(part not in ("..", "/") and not set(part) & set('\\:*?"<>|\0') for part in parts)


def _refuse_other_commits(entries: Iterable[_Entry], path: Path) -> None:
    for entry in entries:
        is_reference = entry.home == "hub" and PurePosixPath(entry.name).parts[1:2] == ("refs",)
        if is_reference and entry.place.is_file() and read_sha256(entry.place) != entry.sha256:
            repository = entry.place.parents[len(PurePosixPath(entry.name).parts) - 2]
            raise InputError(
                f"{entry.place} names another commit than {path} brings: delete {repository} first, or leave "
                "that repository out of the bundle"
            )


def _unpack(
    tar: tarfile.TarFile,
    members: Iterator[tarfile.TarInfo],
    entries: Sequence[_Entry],
    path: Path,
    report: Report,
) -> None:
    missing = {entry.member: entry for entry in entries if entry.link is None}
    total, done = sum(entry.size for entry in missing.values()), 0
    for member in members:
        entry = missing.pop(member.name, None)
        file = tar.extractfile(member) if entry is not None and member.isreg() else None
        if entry is None or file is None or member.size != entry.size:
            raise InputError(f"{path} is damaged: its list does not have {member.name} as it is")
        if not _is_there(entry):
            _write(entry, file, path)
        done += entry.size
        report(done, total)
    if missing:
        raise InputError(f"{path} is damaged: it ends before {next(iter(missing))}")


def _is_there(entry: _Entry) -> bool:
    place = entry.place
    return place.is_file() and place.stat().st_size == entry.size and read_sha256(place) == entry.sha256


def _write(entry: _Entry, file: IO[bytes], path: Path) -> None:
    partial = entry.place.with_name(f".{entry.place.name}.partial")
    hasher = hashlib.sha256()
    with _refusals(entry.place, partial):
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as output:
            while data := file.read(_PIECE):
                hasher.update(data)
                output.write(data)
            output.flush()
            os.fsync(output.fileno())
        if hasher.hexdigest() != entry.sha256:
            raise InputError(f"{path} is damaged: {entry.name} is not the file that was bundled")
        partial.replace(entry.place)


def _link(entry: _Entry) -> None:
    """The link, or a copy where the file system has none."""
    assert entry.link is not None
    place = entry.place
    with _refusals(place, place):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        try:
            place.symlink_to(entry.link)
        except OSError:
            shutil.copy2(place.parent / entry.link, place)


@contextmanager
def _refusals(path: Path, partial: Path) -> Iterator[None]:
    """What the disk refuses is one sentence; whatever goes wrong, nothing half-written stays."""
    try:
        yield
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        raise

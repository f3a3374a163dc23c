"""Folders of images named as GenEval's scripts do, so that any GenEval tool can read ours and we everyone's:

    ROOT/00000/metadata.jsonl       the prompt's line
    ROOT/00000/samples/0000.png     one file for each sample

ROOT is a folder, or a place in an object store: see `nami_bench.locations`.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench import locations
from nami_bench.errors import ImageError, InputError
from nami_bench.foreign_files import is_hidden, kind_of
from nami_bench.foreign_text import parse_json
from nami_bench.images import delete_file, has_file, read_file, write_bytes

_MARKER = ".run.partial"
_SAMPLE = re.compile(r"(\d+)\.(png|jpg|jpeg|webp)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One image of a GenEval-layout folder; `outside`: what a link leads to that leaves the folder."""

    index: int
    sample: int
    path: Path
    outside: Path | None = None


class GenEvalFolder:
    """A folder in GenEval's layout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def sample_path(self, index: int, sample: int) -> Path:
        """Where sample `sample` of prompt `index` lies or will lie."""
        return self.root / f"{index:05d}" / "samples" / f"{sample:04d}.png"

    def write_metadata(self, index: int, metadata: Mapping[str, Any]) -> None:
        """Write a prompt's metadata.jsonl, unless the same line is there already."""
        path = self.root / f"{index:05d}" / "metadata.jsonl"
        line = (json.dumps(metadata) + "\n").encode()
        if not has_file(path) or read_file(path) != line:
            write_bytes(path, line)

    def read_metadata(self, index: int) -> dict[str, Any]:
        """A prompt's metadata; raises InputError where it is missing or not JSON."""
        return read_metadata(self.root / f"{index:05d}")

    def remove_partial_files(self) -> None:
        """Delete what killed writers left half-written, and the marker."""
        if locations.is_remote(self.root):
            delete_file(self.root / _MARKER)  # there are no others
            return
        for path in self.root.rglob(".*.partial"):
            path.unlink(missing_ok=True)

    def write_marker(self, token: str) -> None:
        """Leave a file by which other processes see that they look at this very folder.

        `remove_partial_files` removes it.
        """
        write_bytes(self.root / _MARKER, token.encode())

    def read_marker(self) -> str | None:
        """What `write_marker` left, if this process can see it."""
        try:
            return read_file(self.root / _MARKER).decode()
        except ImageError:
            return None

    def samples(self) -> Iterator[SampleFile]:
        """Every image file in the layout, by prompt and sample number; other files are passed over."""
        if locations.is_remote(self.root):
            yield from self._remote_samples()
            return
        root = self.root.resolve()
        for index, folder in self.prompt_folders():
            samples = folder / "samples"
            if not samples.is_dir():
                continue
            linked = folder.is_symlink() or samples.is_symlink()
            with os.scandir(samples) as entries:
                found = [(int(m[1]), e.name, e) for e in entries if (m := _SAMPLE.fullmatch(e.name))]
            for sample, name, entry in sorted(found, key=lambda row: row[:2]):
                path = samples / name
                outside = _outside(path, root) if linked or entry.is_symlink() else None
                yield SampleFile(index, sample, path, outside)

    def prompt_folders(self) -> list[tuple[int, Path]]:
        """(index, folder) of every numbered folder, in order; raises InputError if `root` is no folder."""
        if locations.is_remote(self.root):
            names = dict.fromkeys(parts[0] for parts in self._find() if len(parts) > 1)
            return sorted((int(name), self.root / name) for name in names if name.isdecimal())
        if not self.root.is_dir():
            raise InputError(f"{self.root} is not a folder")
        found = [(int(p.name), p) for p in self.root.iterdir() if p.name.isdecimal() and p.is_dir()]
        return sorted(found)

    def strangers(self) -> Iterator[tuple[Path, str]]:
        """What lies where prompts and samples do and is neither: path, and in words what it is.

        Folders that look like a prompt's but have no number for a name, or hold numbered folders, and files
        in samples/ that are no sample. Hidden ones, what systems leave (Thumbs.db) and object stores are left
        alone.
        """
        if locations.is_remote(self.root):
            return
        for path in sorted(self.root.iterdir()):
            if not path.name.isdecimal() and not is_hidden(path.name) and path.is_dir():
                yield from _strange_folder(path)
        for _, folder in self.prompt_folders():
            samples = folder / "samples"
            if samples.is_dir():
                yield from (
                    (path, what_it_is(path)) for path in sorted(samples.iterdir()) if _is_strange(path)
                )

    def _remote_samples(self) -> Iterator[SampleFile]:
        found = [
            (int(parts[0]), int(match[1]), parts)
            for parts in self._find()
            if len(parts) == 3 and parts[0].isdecimal() and parts[1] == "samples"
            if (match := _SAMPLE.fullmatch(parts[2]))
        ]
        for index, sample, parts in sorted(found):
            yield SampleFile(index, sample, self.root.joinpath(*parts))

    def _find(self) -> list[tuple[str, ...]]:
        try:
            found = locations.find(self.root)
        except OSError as error:
            raise InputError(f"cannot list {self.root}: {error.strerror or error}") from error
        if not found:
            raise InputError(f"there is nothing at {self.root}")
        return found


def _strange_folder(path: Path) -> Iterator[tuple[Path, str]]:
    try:
        inside = list(path.iterdir())
    except OSError:  # a folder that nobody here may open holds none of our images
        return
    if any(inner.name.isdecimal() and inner.is_dir() for inner in inside):
        yield path, "holds folders of prompts: name it in place of the one around it"
    elif (path / "metadata.jsonl").exists() or (path / "samples").is_dir():
        yield path, "is no prompt's folder: their names are whole numbers such as 00000"


def _is_strange(path: Path) -> bool:
    return not _SAMPLE.fullmatch(path.name) and not is_hidden(path.name)


def what_it_is(path: Path) -> str:
    """Why a file is not read as an image, in words that follow its name."""
    if not path.is_file():
        return "is a folder" if path.is_dir() else "is no file"
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff")) or start[8:12] == b"WEBP":
        return "has no name of a sample: they are numbered, as 0000.png"
    return f"is {kind_of(start) or 'no image'}, and only PNG, JPEG and WebP are read"


def _outside(path: Path, root: Path) -> Path | None:
    """Where a link leads, if out of the folder `root`, which is resolved."""
    target = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for links in a circle
    return None if target.is_relative_to(root) else target


def read_metadata(folder: Path) -> dict[str, Any]:
    """Parse the first JSON object in `folder`/metadata.jsonl, on one line or many; raises InputError."""
    path = folder / "metadata.jsonl"
    try:
        data = read_file(path) if locations.is_remote(path) else path.read_bytes()
        text = data.decode(json.detect_encoding(data))  # with a byte order mark or without
        value = _first_object(text.strip())
    except (FileNotFoundError, ImageError) as error:
        raise InputError(f"{folder} has no metadata.jsonl") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
        raise InputError(f"{path} holds no prompt")
    return value


def _first_object(text: str) -> Any:
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except RecursionError:
        end = len(text)
    return parse_json(text[:end])

"""Captioned images on disk: folders and WebDataset shards as one list of places to read from."""

import csv
import io
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.images import as_rgb

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """One image: `length` bytes at `offset` of `file` (the whole file for None), and what it shows.

    `name` is unique in its data set; `width` and `height` are the picture's, in pixels.
    """

    name: str
    file: Path
    offset: int
    length: int | None
    caption: str
    width: int
    height: int

    def open(self) -> Image.Image:
        """The decoded picture as RGB. Raises OSError for damaged bytes."""
        image = Image.open(io.BytesIO(self._bytes()))
        try:
            return as_rgb(image)
        except (SyntaxError, ValueError) as error:  # Pillow's words for damaged chunks
            raise OSError(str(error)) from error

    def _bytes(self) -> bytes:
        with self.file.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read() if self.length is None else stream.read(self.length)


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """What was found, in a fixed order, and how many were passed over, by reason."""

    images: tuple[CaptionedImage, ...]
    skipped: Mapping[str, int]


def index_folder(path: Path, caption_key: str) -> ImageIndex:
    """Images under `path`: captions from metadata.jsonl or metadata.csv, else a .txt or .json beside each."""
    if not path.is_dir():
        raise InputError(f"{path} is no folder of images")
    listed = _metadata(path, caption_key)
    skipped: Counter[str] = Counter()
    images = []
    for file in sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES):
        name = file.relative_to(path).as_posix()
        caption = listed.get(name) if listed is not None else _caption_beside(file, caption_key)
        entry = _entry(name, file, 0, None, caption, skipped)
        images += [entry] if entry else []
    return _found(images, skipped, path)


def index_shards(path: Path, caption_key: str) -> ImageIndex:
    """Samples in the .tar shards of `path` (a folder, or one shard), as WebDataset groups them by name.

    Only headers are read: a sample is read by its offset when it is needed.
    """
    shards = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    if not shards or not all(shard.is_file() for shard in shards):
        raise InputError(f"{path}: there is no .tar shard")
    skipped: Counter[str] = Counter()
    images = []
    for shard in shards:
        for key, parts in _groups(shard, skipped):
            image = next((p for suffix, p in parts.items() if f".{suffix}" in IMAGE_SUFFIXES), None)
            if image is None:
                skipped["no image in the sample"] += 1
                continue
            caption = _caption_in(shard, parts, caption_key)
            name = f"{shard.name}/{key}"
            entry = _entry(name, shard, image.offset_data, image.size, caption, skipped)
            images += [entry] if entry else []
    return _found(images, skipped, path)


def _entry(
    name: str, file: Path, offset: int, length: int | None, caption: str | None, skipped: Counter[str]
) -> CaptionedImage | None:
    if not caption or not caption.strip():
        skipped["no caption"] += 1
        return None
    image = CaptionedImage(name, file, offset, length, caption.strip(), 0, 0)
    try:
        with Image.open(io.BytesIO(image._bytes())) as header:
            width, height = header.size
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        skipped["not readable as an image"] += 1
        return None
    return CaptionedImage(name, file, offset, length, caption.strip(), width, height)


def _found(images: Iterable[CaptionedImage], skipped: Counter[str], path: Path) -> ImageIndex:
    found = tuple(images)
    if not found:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
        raise InputError(f"{path} holds no usable captioned image ({reasons or 'it has no images'})")
    return ImageIndex(found, dict(sorted(skipped.items())))


def _metadata(path: Path, caption_key: str) -> dict[str, str] | None:
    """Captions by file name from a metadata file, None where there is none."""
    lines, table = path / "metadata.jsonl", path / "metadata.csv"
    try:
        if lines.is_file():
            text = lines.read_text(encoding="utf-8")
            rows = [parse_json(line) for line in text.splitlines() if line.strip()]
        elif table.is_file():
            with table.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
        else:
            return None
        return {str(row["file_name"]): str(row.get(caption_key) or "") for row in rows}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: its metadata file needs file_name and {caption_key!r} in every row"
        ) from error


def _caption_beside(file: Path, caption_key: str) -> str | None:
    text, record = file.with_suffix(".txt"), file.with_suffix(".json")
    try:
        if text.is_file():
            return text.read_text(encoding="utf-8")
        if record.is_file():
            return _from_json(record.read_bytes(), caption_key)
    except (OSError, UnicodeDecodeError):
        return None
    return None


def _groups(shard: Path, skipped: Counter[str]) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    """(key, members by suffix) of each sample; a sample's members stand beside each other."""
    key, parts = "", dict[str, tarfile.TarInfo]()
    end, seen = shard.stat().st_size, 0
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                seen = member.offset_data + member.size
                if seen > end:
                    break
                folder, _, base = member.name.rpartition("/")
                stem, _, suffix = base.partition(".")
                if (name := f"{folder}/{stem}") != key and parts:
                    yield key, parts
                    parts = {}
                key = name
                parts[suffix.lower()] = member
        # tarfile takes no offence at a missing end, which is two blocks of zeros.
        if end < seen + 2 * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("unexpected end of data")
    except (tarfile.TarError, OSError):
        skipped["cut off or damaged shards"] += 1
    if parts:
        yield key, parts


def _caption_in(shard: Path, parts: Mapping[str, tarfile.TarInfo], caption_key: str) -> str | None:
    member = parts.get("txt") or parts.get("json")
    if member is None:
        return None
    with shard.open("rb") as stream:
        stream.seek(member.offset_data)
        data = stream.read(member.size)
    if "txt" in parts:
        return data.decode("utf-8", errors="replace")
    return _from_json(data, caption_key)


def _from_json(data: bytes, caption_key: str) -> str | None:
    try:
        value = parse_json(data)
    except ValueError:
        return None
    return str(value[caption_key]) if isinstance(value, dict) and value.get(caption_key) else None

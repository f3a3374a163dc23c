"""The only reader and writer of image bytes. Files are written atomically."""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from nami_bench import locations
from nami_bench.errors import ImageError, StorageError
from nami_bench.foreign_files import kind_of
from nami_bench.foreign_text import parse_json
from nami_bench.transparency import is_see_through, over_white

PROVENANCE_KEY = "nami-bench"
MAX_PIXELS = 200_000_000
# Pillow knows many more, some of which start other programs (EPS): not for files from strangers.
_FORMATS = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What is known of an image file: hash of its bytes (hex SHA-256) and size in pixels."""

    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class HeldImage:
    """An image in memory: the bytes of a file, or pixels as Pillow holds them.

    `name` is what error messages call it; `sha256` (hex): of the file that pixels come from, if known.
    """

    content: bytes | Image.Image
    name: str = "the image"
    sha256: str | None = None


ImageSource = Path | HeldImage
"""Where an image is: in a file or an object store, or in memory."""


def read_image(source: ImageSource) -> Image.Image:
    """Decode the whole image into 8-bit RGB: EXIF rotation applied, laid over white, 16 bits cut to 8.

    Raises ImageError with one sentence for a missing, truncated, oversized or foreign file.
    """
    return read_source(source)[0]


def read_hashed_image(path: Path) -> tuple[Image.Image, str]:
    """`read_image`, and the hex SHA-256 of the very bytes it was decoded from."""
    data = read_file(path)
    return decode_image(data, path), hashlib.sha256(data).hexdigest()


def read_source(source: ImageSource) -> tuple[Image.Image, str | None]:
    """`read_hashed_image` of an image wherever it is; pixels in memory have no hash but the one they say."""
    if not isinstance(source, HeldImage):
        return read_hashed_image(source)
    if isinstance(source.content, bytes):
        return decode_image(source.content, source.name), hashlib.sha256(source.content).hexdigest()
    return _decoded(source.content, source.name), source.sha256


def _decoded(image: Image.Image, name: str) -> Image.Image:
    """Pixels that Pillow holds, or has yet to load, as `decode_image` gives them."""
    if image.width * image.height > MAX_PIXELS:
        raise _oversized(image, name, MAX_PIXELS)
    if image.mode == "F":
        raise ImageError(f"{name} has floating-point pixels, of which nobody knows what is white")
    try:
        return as_rgb(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # of a file that was opened but not read
        raise ImageError(f"{name} is damaged: {error}") from error


def _oversized(image: Image.Image, name: object, most: int) -> ImageError:
    return ImageError(f"{name} has {image.width}x{image.height} pixels, over the limit of {most}")


def decode_image(data: bytes, name: object, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """`read_image` for bytes that are no file; `name` is what error messages call them."""
    return _decode(data, name, max_pixels, lambda image: as_rgb(ImageOps.exif_transpose(image)))


def decode_told(data: bytes, name: object, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, bool]:
    """`decode_image`, and whether the image was transparent in places before it was laid over white."""
    seen: list[bool] = []

    def finish(image: Image.Image) -> Image.Image:
        seen.append(is_see_through(image))
        return as_rgb(ImageOps.exif_transpose(image))

    return _decode(data, name, max_pixels, finish), seen[0]


def is_lossless(data: bytes) -> bool | None:
    """Whether an image file keeps every pixel, as PNG and lossless WebP do; None for what is no image."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return True
    if data.startswith(b"\xff\xd8\xff"):
        return False
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_pixels(data) == b"VP8L"
    return None


def _webp_pixels(data: bytes) -> bytes | None:
    """The kind of the chunk that holds a WebP file's pixels: b"VP8L" where nothing is lost, b"VP8 " else."""
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind in (b"VP8L", b"VP8 "):
            return kind
        at += 8 + size + size % 2
    return None


def decode_as_stored(data: bytes, name: object) -> Image.Image:
    """The image in its own mode, not rotated, for what must be cut before it becomes RGB; else as
    `decode_image`."""
    return _decode(data, name, MAX_PIXELS, lambda image: image.copy())


def _decode(
    data: bytes, name: object, max_pixels: int, finish: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise _oversized(image, name, max_pixels)
            if image.format == "PNG":
                # Decoding alone forgives a lost end and wrong checksums.
                with Image.open(io.BytesIO(data), formats=_FORMATS) as checked:
                    checked.verify()
            image.load()
            return finish(image)
    except UnidentifiedImageError as error:
        kind = kind_of(data)
        found = f", it is {kind}" if kind else ""
        raise ImageError(f"{name} is not an image (PNG, JPEG or WebP){found}") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name} is damaged: {error}") from error


def as_rgb(image: Image.Image) -> Image.Image:
    """The image in 8-bit RGB, over white where it is transparent.

    Of 16-bit grays it is the high byte, as OpenCV, where Pillow would give white.
    """
    if not image.mode.startswith("I"):
        return over_white(image).convert("RGB")
    import numpy as np

    high = np.clip(np.asarray(image) >> 8, 0, 255).astype(np.uint8)
    return Image.fromarray(high).convert("RGB")


def inspect_image(path: Path) -> StoredImage:
    """Hash the file and decode it fully, so that a truncated image cannot pass for a good one."""
    data = read_file(path)
    image = decode_image(data, path)
    return StoredImage(hashlib.sha256(data).hexdigest(), image.width, image.height)


def read_file(path: Path) -> bytes:
    """The file's bytes; raises ImageError where there is no such file or it cannot be read.

    Where an object store does not let itself be asked, whether there is one is not known: StorageError.
    """
    if locations.is_remote(path):
        return _remote_file(path)
    try:
        if not path.is_file() and path.exists():
            # Opening a named pipe would wait for ever.
            raise ImageError(f"{path} is no file")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist") from error
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error


def _remote_file(path: Path) -> bytes:
    try:
        return locations.get(path)
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def has_file(path: Path) -> bool:
    """Whether there is such a file; raises StorageError where an object store does not say."""
    if not locations.is_remote(path):
        return path.is_file()
    try:
        return locations.has_file(path)
    except OSError as error:
        raise StorageError(f"cannot look at {path}: {error.strerror or error}") from error


def delete_file(path: Path) -> None:
    """Delete the file, if it is there; raises StorageError."""
    try:
        locations.delete(path)
    except OSError as error:
        raise StorageError(f"cannot delete {path}: {error.strerror or error}") from error


def hash_file(path: Path) -> str:
    """Hex SHA-256 of the file's bytes."""
    return hashlib.sha256(read_file(path)).hexdigest()


def read_recorded(path: Path, sha256: str) -> bytes:
    """The bytes of a file recorded with this hash (hex SHA-256); raises ImageError where they are others."""
    data = read_file(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError(f"{path} is not the file that was recorded")
    return data


def write_png(path: Path, image: Image.Image, provenance: Mapping[str, Any] | None = None) -> StoredImage:
    """Write `encode_png`'s bytes atomically. Raises StorageError."""
    stored, data = encode_png(image, provenance)
    write_bytes(path, data)
    return stored


def encode_png(
    image: Image.Image, provenance: Mapping[str, Any] | None = None, compress_level: int = 6
) -> tuple[StoredImage, bytes]:
    """An image as the bytes of a PNG file; the same pixels and provenance give the same bytes.

    `provenance` goes into a text chunk, readable with `read_provenance`.
    """
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if provenance is not None:
        info.add_text(PROVENANCE_KEY, json.dumps(provenance, sort_keys=True))
    buffer = io.BytesIO()
    as_rgb(image).save(buffer, format="PNG", pnginfo=info, compress_level=compress_level)
    data = buffer.getvalue()
    return StoredImage(hashlib.sha256(data).hexdigest(), image.width, image.height), data


def read_provenance(path: Path) -> dict[str, Any] | None:
    """The provenance that `write_png` embedded, or None for any other file and for none.

    Raises StorageError where an object store does not say.
    """
    try:
        with _opened(path) as file, Image.open(file) as image:
            text = image.info.get(PROVENANCE_KEY)
        return None if text is None else dict(parse_json(text))
    except (OSError, ValueError, UnidentifiedImageError, ImageError):
        return None


def _opened(path: Path) -> BinaryIO:
    return io.BytesIO(_remote_file(path)) if locations.is_remote(path) else path.open("rb")


@dataclass(frozen=True, slots=True)
class CopiedImage:
    """An image made elsewhere as a PNG file: what that is, its bytes, and of the `source` its hash (hex
    SHA-256) and whether it is transparent in places."""

    stored: StoredImage
    data: bytes
    source_sha256: str
    see_through: bool


def as_png(source: Path) -> CopiedImage:
    """An image made elsewhere: a PNG byte for byte, any other format converted to PNG.

    A transparent PNG stays transparent, and is laid over white by whoever reads it with `read_image`. Raises
    ImageError for a damaged source.
    """
    data = read_file(source)
    image, see_through = decode_told(data, source)
    original = hashlib.sha256(data).hexdigest()
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return CopiedImage(StoredImage(original, image.width, image.height), data, original, see_through)
    return CopiedImage(*encode_png(image), original, see_through)


def make_folder(path: Path) -> None:
    """Make a folder and its parents; raises StorageError. Object stores have none."""
    if locations.is_remote(path):
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {path}: {error.strerror or error}") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also across a power cut. Raises StorageError."""
    if locations.is_remote(path):
        try:
            locations.put(path, data)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        return
    temporary = None
    make_folder(path.parent)
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=".partial", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error

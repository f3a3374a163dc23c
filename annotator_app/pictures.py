"""What an annotator's browser gets of an image: its pixels, and nothing that tells where they come from.

Files are decoded and written anew, so neither metadata nor the habits of an encoder are left. How well an
image can be compressed would tell much about its model: so all images of a study are padded to one length,
that of the longest, with random bytes in a chunk that every viewer skips. The same image never has the same
bytes twice.
"""

import io
import secrets
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageOps

from nami_bench.errors import ImageError
from nami_bench.images import read_hashed_image

CACHE_BYTES = 128 * 1024 * 1024
_GREY = (128, 128, 128)
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_CHUNK = b"paDd"  # by its letters: may be skipped, private
_CHUNK_BYTES = 12
_LEAST_PADDING = _CHUNK_BYTES + 64


Files = Iterable[tuple[Path, str]]
"""Paths of images, and the SHA-256 that was recorded of each."""


class Pictures:
    """Anonymous PNGs of recorded images; keeps the last ones, up to `cache_bytes`. Safe between threads."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self._most = cache_bytes
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._lengths: dict[str, int] = {}
        self._measuring = threading.Lock()

    def png(
        self, study: str, path: Path, sha256: str, canvas: int = 0, some: Callable[[], Files] = tuple
    ) -> bytes:
        """The image at `path` as PNG, its bytes different each time, as long as every other of the study.

        `canvas`: fit it into a square of so many pixels on grey, so that its size tells nothing. `some` gives
        images of the study by which its length is measured before the first is shown; one that turns out
        to be longer than all before makes later ones as long. Raises ImageError for a file that is
        missing, damaged, or not the one with that hash.
        """
        if study not in self._lengths:
            with self._measuring:
                if study not in self._lengths:
                    self._lengths[study] = max((_length(*one, canvas) for one in some()), default=0)
        key = (sha256, canvas)
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
        if found is None:
            found = _anonymous(path, sha256, canvas)
            self._keep(key, found)
        with self._lock:
            length = self._lengths[study] = max(self._lengths[study], _rounded(len(found)))
        return _padded(found, length)

    def _keep(self, key: tuple[str, int], png: bytes) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = png
            self._size += len(png)
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])


def _anonymous(path: Path, sha256: str, canvas: int) -> bytes:
    image, found = read_hashed_image(path)
    if found != sha256:
        raise ImageError(f"{path} is not the file that was recorded")
    if canvas:
        image = ImageOps.pad(image, (canvas, canvas), Image.Resampling.LANCZOS, color=_GREY)
    clean = Image.new("RGB", image.size)
    clean.paste(image)
    buffer = io.BytesIO()
    clean.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _length(path: Path, sha256: str, canvas: int) -> int:
    """What the image asks for; nothing where it cannot be read, of which whoever wants to see it is told."""
    try:
        return _rounded(len(_anonymous(path, sha256, canvas)))
    except ImageError:
        return 0


def _rounded(length: int) -> int:
    """Room for a file of `length` bytes and its padding: the next of 8 steps between two powers of two.

    So one that is a little longer than all before it is as long as they are, most of the time.
    """
    least = length + _LEAST_PADDING
    step = 1 << max(0, least.bit_length() - 4)
    return -(-least // step) * step


def _padded(png: bytes, length: int) -> bytes:
    padding = secrets.token_bytes(length - len(png) - _CHUNK_BYTES)
    body = _CHUNK + padding
    chunk = len(padding).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    return png.removesuffix(_END) + chunk + _END

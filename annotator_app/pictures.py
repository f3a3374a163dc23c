"""What an annotator's browser gets of an image: its pixels, and nothing that tells where they come from.

Files are decoded and written anew, so neither metadata nor the habits of an encoder are left. Bytes of
random number and content go into a chunk that every viewer skips: the same image never has the same bytes
or size twice, so neither serves to recognize it.
"""

import io
import secrets
import threading
import zlib
from collections import OrderedDict
from pathlib import Path

from PIL import Image, ImageOps

from nami_bench.errors import ImageError
from nami_bench.images import read_hashed_image

CACHE_BYTES = 128 * 1024 * 1024
_GREY = (128, 128, 128)
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_CHUNK = b"paDd"  # by its letters: may be skipped, private


class Pictures:
    """Anonymous PNGs of recorded images; keeps the last ones, up to `cache_bytes`. Safe between threads."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self._most = cache_bytes
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def png(self, path: Path, sha256: str, canvas: int = 0) -> bytes:
        """The image at `path` as PNG, its bytes different each time.

        `canvas`: fit it into a square of so many pixels on grey, so that its size tells nothing. Raises
        ImageError for a file that is missing, damaged, or not the one with that hash.
        """
        key = (sha256, canvas)
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
        if found is None:
            found = _anonymous(path, sha256, canvas)
            self._keep(key, found)
        return _padded(found)

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


def _padded(png: bytes) -> bytes:
    padding = secrets.token_bytes(64 + secrets.randbelow(64 + len(png) // 16))
    body = _CHUNK + padding
    chunk = len(padding).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    return png.removesuffix(_END) + chunk + _END

"""Images that stand in other people's files of votes: written as files, and measured."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.rows import Row
from nami_bench.foreign_files import kind_of
from nami_bench.images import write_bytes

_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif"}
_WHITE = 255.0


class Pictures:
    """Each image once: into `folder`, as MODEL/PROMPT_SAMPLE.jpg (None: not written), and its width, height
    and brightness."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.written = 0
        self._style: dict[int, tuple[float, float, float]] = {}

    def of(self, row: Row, entry: Entry) -> Row:
        """The style of a row's two images, by the names of `nami_bench.export.votes_file.VOTES`.

        Empty for images that the file does not hold. Raises InputError for bytes that are no image.
        """
        found: Row = {}
        for side in ("left", "right"):
            data = row.get(f"{side}_bytes")
            if data is None:
                continue
            key = hash((row["prompt_id"], row[side], row[f"{side}_sample"]))
            if key not in self._style:
                self._style[key] = self._taken(data, row, side, entry)
            for name, value in zip(("width", "height", "brightness"), self._style[key], strict=True):
                found[f"{side}_{name}"] = value
        return found

    def _taken(self, data: bytes, row: Row, side: str, entry: Entry) -> tuple[float, float, float]:
        try:
            with Image.open(io.BytesIO(data)) as image:
                form = image.format or ""
                size = image.size
                image.draft("L", (64, 64))  # of JPEG a small one is enough
                brightness = float(np.asarray(image.convert("L")).mean() / _WHITE)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            what = kind_of(data[:1024]) or "no image"
            raise InputError(f"{entry}: the {side} image is {what} that can be read: {error}") from error
        if self.folder is not None:
            name = f"{row['prompt_id']}_{row[f'{side}_sample']}{_ENDINGS.get(form, '.img')}"
            write_bytes(self.folder / _safe(row[side]) / name, data)
            self.written += 1
        return float(size[0]), float(size[1]), brightness


def _safe(name: Any) -> str:
    """A model's name as that of a folder."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in str(name)).strip(".")
    return kept or "model"

"""GenEval's results file: one JSON line for each image, read and written.

The fields are those of the reference implementation, so that scripts for its files read ours and
ours read its. Two more make a file trustworthy: `detector`, what measured, and `sha256`, which bytes.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.lines_file import LinesFile, parse_lines, read_lines

_STRINGS = ("filename", "tag", "prompt", "reason", "metadata", "details")


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One image's verdict.

    `metadata` and `details` are JSON texts: the prompt's line, and the detections that counted as
    {class: [[x1, y1, x2, y2, score], ...]} in pixels. `detector` and `sha256` (hex, of the image file)
    are None in files of the reference implementation.
    """

    filename: str
    tag: str
    prompt: str
    correct: bool
    reason: str
    metadata: str
    details: str
    detector: str | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, filename: str, prompt: Prompt, correct: bool, detector: str) -> "ImageResult":
        """A verdict that is known without its reasons, for `summarize`."""
        metadata = json.dumps(prompt.metadata())
        return cls(filename, str(prompt.task), prompt.text, correct, "", metadata, "{}", detector)

    @property
    def place(self) -> str:
        """`place_of` the image."""
        return place_of(PurePath(self.filename))

    @classmethod
    def from_json(cls, row: Any) -> "ImageResult":
        """Build a result from one parsed line; raises ValueError that says what is wrong with it."""
        if not isinstance(row, dict):
            raise ValueError("not an object")
        for key in _STRINGS:
            if not isinstance(row.get(key), str):
                raise ValueError(f"{key!r} is not a text")
        if not isinstance(row.get("correct"), bool):
            raise ValueError("'correct' is not true or false")
        for key in ("detector", "sha256"):
            if not isinstance(row.get(key), str | None):
                raise ValueError(f"{key!r} is not a text")
        return cls(
            filename=row["filename"],
            tag=row["tag"],
            prompt=row["prompt"],
            correct=row["correct"],
            reason=row["reason"],
            metadata=row["metadata"],
            details=row["details"],
            detector=row.get("detector"),
            sha256=row.get("sha256"),
        )


def read_results(path: Path) -> list[ImageResult]:
    """The results in a file, ours or the reference implementation's.

    Raises InputError for a missing or empty file, a line that is no result (with its number), and an
    image that occurs twice.
    """
    rows = _parse(read_lines(path), path)
    if not rows:
        raise InputError(f"{path} holds no results")
    return rows


def place_of(path: PurePath) -> str:
    """An image's place in GenEval's layout ("00000/samples/0000.png"), wherever the folder lies."""
    return "/".join(path.parts[-3:])


class ResultsFile(LinesFile[ImageResult]):
    """A results file that a run writes image by image and a later run takes up again.

    Opening drops a last line cut off by a kill. Raises InputError where the file holds anything but
    results of `instrument`, StorageError where it cannot be written.
    """

    def __init__(self, path: Path, instrument: str) -> None:
        super().__init__(path, "filename", partial(_parse_own, instrument))


def _parse_own(instrument: str, data: bytes, path: Path) -> list[ImageResult]:
    rows = _parse(data, path)
    for row in rows:
        if row.detector != instrument:
            raise InputError(
                f"{path} holds results of {row.detector or 'an unnamed detector'}, not of {instrument}: "
                "name another file with -o or delete it"
            )
    return rows


def _parse(data: bytes, path: Path) -> list[ImageResult]:
    return parse_lines(data, path, "not a GenEval result", ImageResult.from_json, lambda row: row.filename)

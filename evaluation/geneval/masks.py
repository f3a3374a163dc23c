"""Masks of the detections that counted, in a file beside the results: for people to look at."""

import base64
import io
import json
import math
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nami_bench.errors import StorageError
from nami_bench.evaluation.geneval.protocol import Box, Detection
from nami_bench.foreign_text import parse_json
from nami_bench.images import write_bytes

MAX_SIDE = 128

Masks = Mapping[str, Sequence[str | None]]
"""By class, in the order of the result's details: `encode_mask` of each detection, None where it has none."""


def masks_path(results: Path) -> Path:
    """The masks' file of a results file: results.masks.jsonl beside results.jsonl."""
    return results.with_suffix(".masks.jsonl")


def encode_mask(mask: NDArray[np.bool_], box: Box) -> str:
    """What lies in the box (its edges rounded outward) as a black and white PNG in base64, at most
    MAX_SIDE pixels long: a few hundred bytes."""
    edges = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    part = Image.fromarray(mask).crop((*edges[:2], max(edges[2], edges[0] + 1), max(edges[3], edges[1] + 1)))
    grey = part.convert("L")
    grey.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    stream = io.BytesIO()
    grey.point(lambda value: 255 * (value > 127)).convert("1").save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


class MasksFile:
    """One JSON line for each image whose detections have masks, written as the results are.

    Opening keeps the lines of images that have results and drops the others, which a kill left behind.
    """

    def __init__(self, results: Path, places: Container[str]) -> None:
        """`places`: those of the images that have results already."""
        self.path = masks_path(results)
        self._stream: Any = None
        if self.path.exists():
            kept = {place: masks for place, masks in read_masks(results).items() if place in places}
            write_bytes(self.path, b"".join(_line(place, masks) for place, masks in kept.items()))

    def append(self, place: str, kept: Mapping[str, Sequence[Detection]]) -> None:
        """Write the masks of one image, if it has any; raises StorageError."""
        masks = {
            name: [None if d.mask is None else encode_mask(d.mask, d.box) for d in found]
            for name, found in kept.items()
        }
        if not any(mask for of_class in masks.values() for mask in of_class):
            return
        try:
            if self._stream is None:
                self._stream = self.path.open("ab")
            self._stream.write(_line(place, masks))
            self._stream.flush()
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()


def read_masks(results: Path) -> dict[str, Masks]:
    """The masks of a results file by the images' places; a damaged line is an image without masks."""
    try:
        lines = masks_path(results).read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[str, Masks] = {}
    for line in lines:
        try:
            row = parse_json(line)
            found[row["place"]] = {str(name): list(masks) for name, masks in row["masks"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _line(place: str, masks: Masks) -> bytes:
    return json.dumps({"place": place, "masks": masks}).encode() + b"\n"

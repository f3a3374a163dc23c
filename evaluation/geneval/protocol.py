"""The two instruments GenEval's rules rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

Box = tuple[float, float, float, float]
"""(x1, y1, x2, y2) in pixels of the image."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One detected object. `mask` is bool, (height, width) of the image, or None for box detectors."""

    class_name: str
    box: Box
    score: float
    mask: NDArray[np.bool_] | None = None


ColorQuestion = tuple[Image, Sequence[Detection]]
"""Objects of one class in an image, whose colors are asked for."""


class Detector(Protocol):
    """Finds objects of a closed list of classes. Applies no score threshold and no NMS of its own.

    Implementations are classes with an inner frozen dataclass `Options`, registered in the entry-point
    group `nami_bench.detectors`. An attribute `batch_size`, if there is one, says how many images `detect`
    likes to get at once, and attributes `runs_on` and
    `libraries` what it computes with (see `nami_bench.evaluation.protocol.Metric`).
    """

    class_names: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Name and weights' hash (or version): part of every result."""
        ...

    @property
    def color_classifier(self) -> "ColorClassifier":
        """The color classifier that belongs to this detector by default."""
        ...

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Detections of each 8-bit RGB image, in no particular order.

        GenEval hands over images of one size. A MemoryError, or torch's, makes it try again with fewer.
        """
        ...


class ColorClassifier(Protocol):
    """Names the color of detected objects, one of GenEval's ten.

    A method `classify_many(questions: Sequence[ColorQuestion]) -> list[list[str]]`, if there is one, is used
    in place of `classify`: it gets the objects of many images at once, each question of its own class.
    """

    @property
    def identity(self) -> str:
        """Name and weights' hash (or version): part of every result."""
        ...

    def classify(self, image: Image, detections: Sequence[Detection]) -> list[str]:
        """The color of each detection; all detections are of one class."""
        ...

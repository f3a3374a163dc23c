"""The two instruments GenEval's rules rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
    group `nami_bench.detectors`. What one may say beside that are the capabilities `LikesBatches` and those
    of `nami_bench.evaluation.protocol`, `RunsOnDevice` and `UsesLibraries`.
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
    """Names the color of detected objects, one of GenEval's ten. One that can be asked for those of many
    images at once is `ManyAtOnce` too."""

    @property
    def identity(self) -> str:
        """Name and weights' hash (or version): part of every result."""
        ...

    def classify(self, image: Image, detections: Sequence[Detection]) -> list[str]:
        """The color of each detection; all detections are of one class."""
        ...


@runtime_checkable
class LikesBatches(Protocol):
    """A detector that says how many images it likes to get at once."""

    batch_size: int


@runtime_checkable
class ManyAtOnce(Protocol):
    """A color classifier that is asked by `classify_many` in place of `classify`."""

    def classify_many(self, questions: Sequence[ColorQuestion]) -> list[list[str]]:
        """The colors of each question's objects; each question is of a class of its own."""
        ...

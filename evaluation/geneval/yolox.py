"""YOLOX (Ge et al. 2021, arXiv 2107.08430) in ONNX: boxes without masks, quick on a CPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torchvision.ops import batched_nms

from nami_bench.domain import GENEVAL_CLASSES
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.clip_color import ClipColorClassifier, ClipColorOptions
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.processor_cores import Cores
from nami_bench.evaluation.weights import YOLOX_NANO
from nami_bench.neural.hub import short_sha256
from nami_bench.neural.loading import loading

PADDING = 114
STRIDES = (8, 16, 32)
FLOOR, MAX_IOU = 0.01, 0.45
"""Boxes of a lower score, and those that overlap a better one of their class more, are left out."""
_IMAGES_PER_CORE = 4

Array = NDArray[np.float32]


class YoloxDetector:
    """A YOLOX with the 80 COCO classes, as its authors export it: not the published detector.

    Unlike Mask2Former's, its raw output has many boxes for each object: NMS within each class is part of
    the detector, and so is the floor under its scores. Colors are judged from whole boxes.
    """

    class_names = GENEVAL_CLASSES
    libraries = ("onnxruntime", "opencv-python-headless", "torch", "torchvision", "open_clip_torch")
    runs_on: ClassVar[Mapping[str, str]] = {"device": "cpu", "dtype": "float32"}

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options(ClipColorOptions):
        """`weights`: the .onnx file, of any size of YOLOX; by default YOLOX-nano is fetched. It runs on the
        CPU; `device` is for the colors."""

        weights: Path | None = None

    def __init__(self, options: Options) -> None:
        self.options = options
        given = options.weights and options.weights.expanduser()
        if given is not None and not given.is_file():
            raise InputError(
                f"there is no file {given}: leave weights out to have {YOLOX_NANO.name} fetched, or get it "
                f"(or a larger one beside it) from {YOLOX_NANO.address}"
            )
        self._given = given

    @cached_property
    def weights(self) -> Path:
        """The file; YOLOX-nano is fetched where none was given. Raises WorkError where it cannot be had."""
        return self._given or YOLOX_NANO.fetch()

    @cached_property
    def identity(self) -> str:
        """Detector and weights' hash."""
        return f"yolox-{short_sha256(self.weights)}"

    @cached_property
    def color_classifier(self) -> ClipColorClassifier:
        """CLIP, as the options say."""
        return ClipColorClassifier(self.options)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Detections of each 8-bit RGB image; boxes end at its edges."""
        pixels = [np.asarray(image.convert("RGB")) for image in images]
        self._input  # noqa: B018  (loaded once, before threads ask for it)
        return self._cores.share(self._pass, pixels)

    @property
    def batch_size(self) -> int:
        """Images in one call: some for each core."""
        return _IMAGES_PER_CORE * self._cores.count

    @cached_property
    def _cores(self) -> Cores:
        return Cores()

    def _pass(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        prepared = [letterbox(image, self._input.size) for image in images]
        outputs = self._run([boxed for boxed, _ in prepared])
        return [
            self._detections(output, scale, image.shape[1], image.shape[0])
            for output, (_, scale), image in zip(outputs, prepared, images, strict=True)
        ]

    def _run(self, inputs: Sequence[Array]) -> list[Array]:
        """The raw output (n, 5 + classes) for each input (3, height, width)."""
        at_once = max(1, len(inputs)) if self._input.any_batch else 1
        outputs: list[Array] = []
        for start in range(0, len(inputs), at_once):
            batch = np.stack(inputs[start : start + at_once])
            outputs.extend(self._session.run(None, {self._input.name: batch})[0])
        return outputs

    def _detections(self, output: Array, scale: float, width: int, height: int) -> list[Detection]:
        boxes, labels, scores = best_boxes(*decode(output, self._input.size))
        boxes = np.clip(boxes / scale, 0, (width, height, width, height))
        return [
            Detection(GENEVAL_CLASSES[label], (x1, y1, x2, y2), score)
            for (x1, y1, x2, y2), label, score in zip(
                boxes.tolist(), labels.tolist(), scores.tolist(), strict=True
            )
        ]

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        try:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1  # every core has an image of its own
            with loading(str(self.weights)):
                return onnxruntime.InferenceSession(self.weights, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common class but this one
            reason = str(error).strip().split("\n")[0]
            raise InputError(f"{self.weights} is damaged or no ONNX network: {reason}") from error

    @cached_property
    def _input(self) -> "_Input":
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape
        whole = len(shape) == 4 and all(isinstance(n, int) and n % max(STRIDES) == 0 for n in shape[2:])
        if len(outputs) != 1 or not whole:
            raise InputError(f"{self.weights} is no YOLOX of a fixed size: its input has the shape {shape}")
        height, width = shape[2:]
        expected = sum((height // s) * (width // s) for s in STRIDES), 5 + len(GENEVAL_CLASSES)
        if tuple(outputs[0].shape[1:]) != expected:
            raise InputError(
                f"{self.weights} is no YOLOX with the 80 COCO classes: its output has the shape "
                f"{outputs[0].shape}, expected {[1, *expected]}"
            )
        return _Input(inputs[0].name, (height, width), any_batch=not isinstance(shape[0], int))


@dataclass(frozen=True, slots=True)
class _Input:
    """The network's input: its name, its size (height, width), and whether it takes any number of images.

    Files exported as the authors' guide says take one at a time; exported with --dynamic, any number.
    """

    name: str
    size: tuple[int, int]
    any_batch: bool


def letterbox(pixels: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Array, float]:
    """The network's input, float32 BGR 0-255 (3, height, width), and the scale of the image in it.

    `pixels`: uint8 RGB (height, width, 3); they fill the top left, the rest is grey.
    """
    height, width = pixels.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    fitted = max(1, int(width * scale)), max(1, int(height * scale))
    canvas = np.full((*size, 3), PADDING, dtype=np.uint8)
    resized = cv2.resize(pixels[..., ::-1].copy(), fitted, interpolation=cv2.INTER_LINEAR)
    canvas[: fitted[1], : fitted[0]] = resized
    return np.ascontiguousarray(canvas.transpose(2, 0, 1), dtype=np.float32), scale


def decode(output: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Boxes (n, 4) as x1, y1, x2, y2 in pixels of the input, and scores (n, classes) in 0..1.

    `output` (n, 5 + classes): center relative to the grid's cell and log size, both in strides; objectness;
    class scores.
    """
    grids, strides = [], []
    for stride in STRIDES:
        rows, columns = np.indices((size[0] // stride, size[1] // stride))
        grids.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        strides.append(np.full((rows.size, 1), stride))
    grid, stride_of = np.concatenate(grids), np.concatenate(strides)
    centers = (output[:, :2] + grid) * stride_of
    halves = np.exp(output[:, 2:4]) * stride_of / 2
    boxes = np.concatenate([centers - halves, centers + halves], axis=1)
    return boxes.astype(np.float32), output[:, 4:5] * output[:, 5:]


def best_boxes(boxes: Array, scores: Array) -> tuple[Array, NDArray[np.int64], Array]:
    """Boxes (k, 4), labels (k,) and scores (k,) that are left, best first; a box has its best class only."""
    labels, best = scores.argmax(axis=1), scores.max(axis=1)
    seen = best > FLOOR
    boxes, labels, best = boxes[seen], labels[seen], best[seen]
    kept = batched_nms(*map(torch.from_numpy, (boxes, best, labels)), MAX_IOU).numpy()
    return boxes[kept], labels[kept], best[kept]

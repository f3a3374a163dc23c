"""Mask2Former's two ends as mmdet 2.x has them: an image to the network's input, its output to detections."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torch.nn.functional import interpolate

from nami_bench.evaluation.geneval.protocol import Box, Detection

LONG_SIDE, SHORT_SIDE = 1333, 800
"""The largest size that an image is scaled to, keeping its proportions."""
PADDING = 128
"""Value of the pixels that fill the image to a multiple of STRIDE."""
STRIDE = 32
MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)
MAX_DETECTIONS = 100
# Upsampled mask logits of this many queries are in memory at once, at most 7 MB each.
_QUERIES_AT_ONCE = 20

Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """An image's size when it comes, when it is scaled, and with padding at its right and bottom."""

    original: Size
    resized: Size
    padded: Size


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """An image scaled and padded: `pixels` uint8 (padded height, padded width, 3)."""

    pixels: NDArray[np.uint8]
    sizes: Sizes


def scale(image: Image) -> Scaled:
    """Scale an 8-bit RGB image and pad it at its right and bottom."""
    pixels = np.asarray(image.convert("RGB"))
    resized = resize(pixels)
    height, width = resized.shape[:2]
    pad = ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0))
    padded = np.pad(resized, pad, constant_values=PADDING)
    sizes = Sizes((image.height, image.width), (height, width), (padded.shape[0], padded.shape[1]))
    return Scaled(padded, sizes)


def normalize(pixels: torch.Tensor) -> torch.Tensor:
    """The network's input, float32 (n, 3, height, width), of uint8 (n, height, width, 3), on their device."""
    mean, deviation = torch.tensor(MEAN, device=pixels.device), torch.tensor(DEVIATION, device=pixels.device)
    return ((pixels.float() - mean) / deviation).permute(0, 3, 1, 2).contiguous()


def resize(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (height, width, 3) scaled to fit 1333x800, as mmcv does it.

    OpenCV's bilinear filter on bytes: Pillow and torch give other pixels, and with them other detections.
    """
    height, width = pixels.shape[:2]
    factor = min(LONG_SIDE / max(height, width), SHORT_SIDE / min(height, width))
    size = max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


@torch.inference_mode()
def find_instances(
    class_logits: torch.Tensor, mask_logits: torch.Tensor, sizes: Sizes, class_names: Sequence[str]
) -> list[Detection]:
    """The 100 likeliest pairs of query and class of one image.

    `class_logits`: (queries, classes + 1), the last class being "nothing"; `mask_logits`: (queries, h, w) at
    the network's own resolution; both float32. A query may give several detections, which share its mask.
    The score is the class probability times the mean mask probability inside the mask, in float32. The
    detections stand in the order that torch finds them in, as the original's do: GenEval takes the later of
    two with equal scores.
    """
    probabilities = class_logits.softmax(-1)[:, :-1]
    best = probabilities.flatten().topk(min(MAX_DETECTIONS, probabilities.numel()), sorted=False)
    queries = best.indices // len(class_names)
    labels = (best.indices % len(class_names)).tolist()
    used, slots = torch.unique(queries, return_inverse=True)
    instances = list(_instances(mask_logits[used], sizes))
    scores = best.values.cpu() * torch.tensor([instance.score for instance in instances])[slots.cpu()]
    return [
        Detection(class_names[label], instances[slot].box, score, instances[slot].mask)
        for label, slot, score in zip(labels, slots.tolist(), scores.tolist(), strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Instance:
    mask: NDArray[np.bool_]
    box: Box
    score: float


def _instances(logits: torch.Tensor, sizes: Sizes) -> Iterator[_Instance]:
    """Mask, box and mask score of each query's logits (queries, h, w)."""
    for start in range(0, len(logits), _QUERIES_AT_ONCE):
        some = logits[start : start + _QUERIES_AT_ONCE, None]
        # Two steps with a cut between, as the original: one step to the image's size loses objects.
        upsampled = interpolate(some, sizes.padded, mode="bilinear", align_corners=False)
        cut = upsampled[:, :, : sizes.resized[0], : sizes.resized[1]]
        full = interpolate(cut, sizes.original, mode="bilinear", align_corners=False)[:, 0]
        masks = full > 0
        inside = (full.sigmoid() * masks).flatten(1).sum(1)
        scores = inside / (masks.flatten(1).sum(1) + 1e-6)
        for mask, score in zip(masks.cpu().numpy(), scores.tolist(), strict=True):
            yield _Instance(mask, mask_box(mask), score)


def mask_box(mask: NDArray[np.bool_]) -> Box:
    """(left, top, right + 1, bottom + 1) of a mask (height, width); zeros for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return (0.0, 0.0, 0.0, 0.0)
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))

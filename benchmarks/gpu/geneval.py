"""GenEval: the batched engine against one image at a time, and bfloat16 autocast against float32.

Mask2Former Swin-S, read from a checkpoint as mmdet writes it, and CLIP ViT-L/14, both with random weights:
all ways judge the same pictures with the same weights. Random weights seldom say what trained ones would, so
beside verdicts and detections the networks' own numbers are compared.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torchvision.ops import box_iou

from benchmarks import geneval, geneval_models, geneval_pictures
from benchmarks.gpu.part import Part
from nami_bench.evaluation.geneval.mask2former_pixels import normalize, scale
from nami_bench.evaluation.geneval.mask2former_weights import load_checkpoint
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.rules import GenEvalParams
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import read_image

REFERENCE = "engine, float32"
DTYPES = ("float32", "bfloat16")
SAME_PLACE = 0.9
"""IoU from which a detection of the same class counts as the same one."""
Verdict = tuple[str, bool, str]


@dataclass(frozen=True)
class Sizes:
    """`images` of `side` pixels are judged `rounds` times; the numbers of `compared` of them are compared."""

    images: int
    side: int
    rounds: int
    compared: int


FULL, SMALL = Sizes(96, 512, 3, 8), Sizes(2, 64, 1, 2)


def measure(part: Part) -> None:
    """See above."""
    sizes = SMALL if part.small else FULL
    files = WorkFiles.make(part, sizes.images, sizes.side)
    metrics = {dtype: _metric(part, files, dtype) for dtype in DTYPES}
    geneval_pictures.write_prompts(files.images, metrics["float32"].detector, geneval.SHARES, GenEvalParams())
    pictures = [read_image(file.path) for file in GenEvalFolder(files.images).samples()]
    part.keep(
        sizes=vars(sizes),
        instruments={dtype: metric.instrument for dtype, metric in metrics.items()},
        batch_size=metrics["float32"].engine.batch_size,
        workers=metrics["float32"].engine.workers,
        color_crops=geneval_pictures.count_crops(files.images),
        network=compare_networks(files.weights, pictures[: sizes.compared], torch.device(part.device)),
        detections=compare_detections(
            *(metrics[d].detector.detect(pictures[: sizes.compared]) for d in DTYPES)
        ),
    )
    seconds, verdicts = part.in_turns(_ways(files, metrics, part.work), sizes.rounds)
    median = {name: statistics.median(of_way) for name, of_way in seconds.items()}
    part.keep(
        images_per_second={name: sizes.images / middle for name, middle in median.items()},
        ratio_of_engine_to_one_at_a_time={
            dtype: median[f"one at a time, {dtype}"] / median[f"engine, {dtype}"]
            for dtype in DTYPES
            if {f"one at a time, {dtype}", f"engine, {dtype}"} <= median.keys()
        },
        correct={name: sum(correct for _, correct, _ in of_way) for name, of_way in verdicts.items()},
        against=REFERENCE,
        **compare_verdicts(verdicts),
    )


@dataclass(frozen=True)
class WorkFiles:
    """Pictures in GenEval's layout, the detector's checkpoint and the color classifier's folder."""

    images: Path
    weights: Path
    clip: Path

    @classmethod
    def make(cls, part: Part, images: int, side: int) -> "WorkFiles":
        """Draw and write them into the part's folder."""
        return cls(
            geneval_pictures.draw(part.work / "images", images, side),
            geneval_models.write_checkpoint(part.work / "mask2former.pth", not part.small),
            geneval_models.build_clip(part.work, not part.small),
        )

    def detector_options(self, part: Part, dtype: str) -> dict[str, str]:
        """As the command line takes them."""
        return {
            "weights": str(self.weights),
            "clip_model": str(self.clip),
            "device": part.device,
            "dtype": dtype,
        }


def _metric(part: Part, files: WorkFiles, dtype: str) -> GenEvalMetric:
    options = {"detector": "mask2former", "detector_options": files.detector_options(part, dtype)}
    return GenEvalMetric(GenEvalMetric.Options(**options))  # type: ignore[arg-type]


def _ways(
    files: WorkFiles, metrics: dict[str, GenEvalMetric], work: Path
) -> dict[str, Callable[[], list[Verdict]]]:
    ways: dict[str, Callable[[], list[Verdict]]] = {}
    for dtype, metric in metrics.items():
        for name, way in (("engine", geneval.engine), ("one at a time", geneval.one_at_a_time)):
            ways[f"{name}, {dtype}"] = partial(way, files.images, metric, work / "results.jsonl")
    return ways


def compare_verdicts(verdicts: dict[str, list[Verdict]]) -> dict[str, Any]:
    """How many of each way's verdicts, and of their reasons, differ from those of REFERENCE."""
    reference = verdicts[REFERENCE]
    others = {name: rows for name, rows in verdicts.items() if name != REFERENCE}

    def differing(rows: Sequence[Verdict], until: int) -> int:
        return sum(one[:until] != other[:until] for one, other in zip(rows, reference, strict=True))

    return {
        "verdicts_that_differ": {name: differing(rows, 2) for name, rows in others.items()},
        "verdicts_or_reasons_that_differ": {name: differing(rows, 3) for name, rows in others.items()},
    }


@torch.inference_mode()
def compare_networks(weights: Path, pictures: Sequence[Image], device: torch.device) -> dict[str, Any]:
    """The logits of a batch in float32 beside those of its images one by one, and of bfloat16 autocast."""
    network = load_checkpoint(weights).to(device)
    pixels = normalize(torch.from_numpy(np.stack([scale(one).pixels for one in pictures])).to(device))
    plain = _logits(network, pixels)
    alone = [torch.cat(rows) for rows in zip(*(_logits(network, one[None]) for one in pixels), strict=True)]
    with torch.autocast(device.type, dtype=torch.bfloat16):
        low = _logits(network, pixels)
    return {
        "images": len(pictures),
        "one by one against a batch, float32": _differences(plain, alone),
        "bfloat16 autocast against float32": _differences(plain, low),
    }


def _logits(network: Any, pixels: Tensor) -> list[Tensor]:
    output = network(pixel_values=pixels)
    return [output.class_queries_logits.float(), output.masks_queries_logits.float()]


def _differences(plain: Sequence[Tensor], other: Sequence[Tensor]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, one, two in zip(("class_logits", "mask_logits"), plain, other, strict=True):
        difference = (one - two).abs()
        found |= {
            f"{name}_standard_deviation": float(one.std()),
            f"{name}_largest_difference": float(difference.max()),
            f"{name}_mean_difference": float(difference.mean()),
        }
    same_class = plain[0].argmax(-1) == other[0].argmax(-1)
    same_side = (plain[1] > 0) == (other[1] > 0)
    return found | {
        "queries_with_another_class": float(1 - same_class.float().mean()),
        "mask_pixels_on_the_other_side": float(1 - same_side.float().mean()),
    }


def compare_detections(
    plain: Sequence[Sequence[Detection]], low: Sequence[Sequence[Detection]]
) -> dict[str, Any]:
    """Detections over GenEval's threshold in float32 and bfloat16; each has at most one counterpart, of its
    class and at its place, and the scores of such pairs."""
    threshold = GenEvalParams().threshold
    counts, differences = [0, 0], []
    for of_image in zip(plain, low, strict=True):
        one, other = ([d for d in found if d.score > threshold] for found in of_image)
        counts = [counts[0] + len(one), counts[1] + len(other)]
        differences += [abs(a.score - b.score) for a, b in _pairs(one, other)]
    return {
        "threshold": threshold,
        **dict(zip(DTYPES, counts, strict=True)),
        "in_both": len(differences),
        "largest_difference_of_scores": max(differences, default=None),
        "mean_difference_of_scores": statistics.fmean(differences) if differences else None,
    }


def _pairs(one: Sequence[Detection], other: Sequence[Detection]) -> list[tuple[Detection, Detection]]:
    """The best counterpart first."""
    if not one or not other:
        return []
    overlap = box_iou(*(torch.tensor([d.box for d in found]) for found in (one, other)))
    alike = torch.tensor([[a.class_name == b.class_name for b in other] for a in one])
    overlap = overlap.where(alike, torch.zeros(()))
    pairs = []
    for place in overlap.flatten().argsort(descending=True).tolist():
        row, column = divmod(place, len(other))
        if overlap[row, column] < SAME_PLACE:
            continue
        pairs.append((one[row], other[column]))
        overlap[row], overlap[:, column] = 0, 0
    return pairs

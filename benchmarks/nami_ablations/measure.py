"""What a trained pipeline draws, measured: GenEval over shapes, a Fréchet distance, time per image."""

import tarfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.nami_ablations.world import SIZE, TASK_SHARES, draw, is_trained, world_captions
from nami_bench.evaluation.features import moments
from nami_bench.evaluation.frechet import frechet_distance
from nami_bench.evaluation.geneval.rules import judge
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.training.shapes_data import Caption

BLOCKS = 8
FEATURES = f"mean colors of {BLOCKS}x{BLOCKS} blocks, in 0..1: {3 * BLOCKS * BLOCKS} values"
REFERENCE_IMAGES = 8192
CAPTION_SEED, IMAGE_SEED = 10_000, 20_000
GUIDANCE_SCALE = 3.0

Pixels = NDArray[np.uint8]
Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Effort:
    """`images` of captions that training sees, and `held_out` of each that it does not; `steps` in all."""

    images: int = 192
    held_out: int = 16
    steps: int = 18
    batch_size: int = 64


def measure(folder: Path, reference: Moments, effort: Effort) -> dict[str, Any]:
    """The figures of the pipeline in `folder`.

    "frechet" and "geneval" (mean over tasks; "tasks" has them apart) are of captions that training sees,
    drawn as training draws them; "held_out" is GenEval of combinations that it never sees. The same captions
    and seeds for every pipeline.
    """
    pipeline = load_pipeline(folder)
    seen = [caption for caption, _ in draw(effort.images, CAPTION_SEED)]
    unseen = [c for task in TASK_SHARES for c in world_captions(task) if not is_trained(c)] * effort.held_out
    began = time.process_time()
    pixels = _pictures(pipeline, [*seen, *unseen], effort)
    seconds = (time.process_time() - began) / len(pixels)
    known, unknown = pixels[: len(seen)], pixels[len(seen) :]
    tasks = geneval(seen, known)
    return {
        "frechet": frechet_distance(*moments(block_means(known)), *reference),
        "geneval": float(np.mean(list(tasks.values()))),
        "tasks": tasks,
        "held_out": float(np.mean(list(geneval(unseen, unknown).values()))),
        "cpu_seconds_per_image": seconds,
        "effort": asdict(effort),
    }


def geneval(captions: Sequence[Caption], pixels: Pixels) -> dict[str, float]:
    """The share of pictures that show what their caption says, by task."""
    detector = ShapesDetector()
    verdicts = defaultdict[str, list[bool]](list)
    for caption, picture in zip(captions, pixels, strict=True):
        image = Image.fromarray(picture)
        (found,) = detector.detect([image])
        verdict = judge({**caption.clauses, "prompt": caption.text}, found, image, detector.color_classifier)
        verdicts[caption.clauses["tag"]].append(verdict.correct)
    return {task: float(np.mean(verdicts[task])) for task in TASK_SHARES if task in verdicts}


def block_means(pixels: Pixels) -> NDArray[np.float32]:
    """FEATURES of pictures (n, SIZE, SIZE, 3)."""
    side = SIZE // BLOCKS
    blocks = pixels.reshape(len(pixels), BLOCKS, side, BLOCKS, side, 3).astype(np.float32)
    return (blocks.mean(axis=(2, 4)) / 255).reshape(len(pixels), -1)


def reference_moments(shard: Path) -> Moments:
    """Mean and covariance of the features of the training set's first REFERENCE_IMAGES pictures."""
    pictures = []
    with tarfile.open(shard) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if member.name.endswith(".png") and content is not None:
                pictures.append(np.asarray(Image.open(BytesIO(content.read()))))
            if len(pictures) == REFERENCE_IMAGES:
                break
    return moments(block_means(np.stack(pictures)))


def best_possible(reference: Moments, effort: Effort) -> dict[str, float]:
    """The same figures of as many true pictures, drawn anew: what a perfect model would reach."""
    captions, pictures = zip(*draw(effort.images, CAPTION_SEED), strict=True)
    pixels = np.stack(pictures)
    tasks = geneval(captions, pixels)
    return {
        "frechet": frechet_distance(*moments(block_means(pixels)), *reference),
        "geneval": float(np.mean(list(tasks.values()))),
    }


def stage_steps(stages: int, steps: int) -> list[int]:
    """`steps` shared out evenly among the stages, the last ones first."""
    return [steps // stages + (stage >= stages - steps % stages) for stage in range(stages)]


def _pictures(pipeline: NamiPipeline, captions: Sequence[Caption], effort: Effort) -> Pixels:
    steps = stage_steps(pipeline.num_stages, effort.steps)
    found: list[Pixels] = []
    for first in range(0, len(captions), effort.batch_size):
        texts = [caption.text for caption in captions[first : first + effort.batch_size]]
        (images,) = pipeline(
            texts,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE_SCALE,
            generator=[torch.Generator().manual_seed(IMAGE_SEED + first + n) for n in range(len(texts))],
            return_dict=False,
        )
        found += [np.asarray(image) for image in images]
    return np.stack(found)

"""How many GenEval verdicts and rewards change when a picture goes to its judge as JPEG, or as BGR for RGB.

    python -m benchmarks.jpeg_verdicts -o docs/results/jpeg-verdicts/jpeg.json
    python -m benchmarks.jpeg_verdicts --per-task 10 --sizes 64     a quick look

Pictures of the shapes world: the procedural renderer's for GenEval's grammar over shapes, at several sizes
and shares of planted errors, and NAMI-tiny's in nine steps without guidance, many of which are half right.
Each is judged losslessly and in every variant, by GenEval's rules with the analytic detector, which is made
for flat shapes and has no weights: a neural detector would answer otherwise, and was not measured.
"""

import argparse
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.ratings_statistics import machine
from benchmarks.shapes_rewards import KINDS, shapes_rewards
from nami_bench.domain import GENEVAL_TASKS, Prompt
from nami_bench.domain.clauses import clause_fields
from nami_bench.evaluation.shares import share_interval, share_of_images
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.prompts.geneval import geneval_metadata
from nami_bench.prompts.sources import SHAPES_GRAMMAR
from nami_bench.software import software

SIZES = (64, 128, 256, 512)
ERROR_RATES = (0.0, 0.5)
MODEL = "nami-tiny, 9 steps"
_AT_ONCE = 64

Variant = Callable[[Image.Image], tuple[Image.Image, Image.Image]]
"""The pixels that the detector gets, and those that colors are read from."""


def encoded(image: Image.Image, **how: Any) -> tuple[Image.Image, Image.Image]:
    """The image as Pillow writes it with these arguments and reads it again, for both."""
    file = io.BytesIO()
    image.save(file, **how)
    again = Image.open(file).convert("RGB")
    return again, again


def exchanged(image: Image.Image, *, colors: bool) -> tuple[Image.Image, Image.Image]:
    """Red and blue exchanged for the detector, and with `colors` for what names colors too."""
    swapped = Image.fromarray(np.ascontiguousarray(np.asarray(image)[..., ::-1]))
    return swapped, swapped if colors else image


VARIANTS: Mapping[str, Variant] = {
    "WebP, lossless": partial(encoded, format="WEBP", lossless=True),
    **{
        f"JPEG {quality}, {sampling}": partial(encoded, format="JPEG", quality=quality, subsampling=sampling)
        for sampling in ("4:2:0", "4:4:4")
        for quality in (75, 85, 95)
    },
    "red and blue exchanged, detector": partial(exchanged, colors=False),
    "red and blue exchanged, detector and colors": partial(exchanged, colors=True),
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one kind: the renderer's with a share of planted errors, or (None) the model's."""

    size: int
    error_rate: float | None

    @property
    def name(self) -> str:
        """As it stands in the results."""
        return MODEL if self.error_rate is None else f"rendered, {self.error_rate:g} wrong"


def draw(kind: Pictures, prompts: Sequence[Prompt], seed: int) -> list[Image.Image]:
    """One picture of each prompt; those of one seed at two error rates differ in the errors alone."""
    requests = [GenerationRequest(prompt, 0, seed + number) for number, prompt in enumerate(prompts)]
    generator: Any
    if kind.error_rate is None:
        from nami_bench.generators.nami.generator import NamiGenerator

        generator = NamiGenerator(
            NamiGenerator.Options(Path("nami-tiny"), (3, 3, 3), 1.0, device="cpu", batch_size=16)
        )
    else:
        generator = ShapesGenerator(ShapesGenerator.Options(kind.size, kind.error_rate))
    images = [result.image for result in generator.generate(requests)]
    assert all(image is not None for image in images)
    return images


def changes(kind: Pictures, prompts: Sequence[Prompt], seed: int) -> list[dict[str, Any]]:
    """For each picture and variant, whether the pixels are others, and each reward before and after."""
    images, lines = draw(kind, prompts, seed), [prompt.metadata() for prompt in prompts]
    before = shapes_rewards(images, lines)
    found = []
    for variant, change in VARIANTS.items():
        seen = [change(image) for image in images]
        others = [image.tobytes() != pair[0].tobytes() for image, pair in zip(images, seen, strict=True)]
        # Equal pixels are judged alike, and need not be looked at twice.
        after = before
        if any(others):
            after = shapes_rewards([pair[0] for pair in seen], lines, [pair[1] for pair in seen])
        for prompt, other, old, new in zip(prompts, others, before, after, strict=True):
            found.append(
                {
                    "variant": variant,
                    "prompt": prompt.id,
                    "task": prompt.task,
                    "pixels": other,
                    **{name: (getattr(old, name), getattr(new, name)) for name in KINDS},
                }
            )
    return found


def summaries(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """For each variant, over all tasks and in each: what changed, verdicts with a 95 % interval."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["variant"], "all"].append(row)
        groups[row["variant"], row["task"]].append(row)
    for variant in VARIANTS:
        for task in ("all", *GENEVAL_TASKS):
            if (variant, task) in groups:
                yield {"variant": variant, "task": task, **summary(groups[variant, task])}


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of some pictures in one variant: images, shares of changed pixels, verdicts and rewards."""
    verdicts = np.array([row["verdict"] for row in rows])
    low, high = _interval([row["prompt"] for row in rows], verdicts[:, 0] != verdicts[:, 1])
    pairs = {name: np.array([row[name] for row in rows]) for name in KINDS}
    return {
        "images": len(rows),
        "other_pixels": int(sum(row["pixels"] for row in rows)),
        "right_to_wrong": int((verdicts[:, 0] > verdicts[:, 1]).sum()),
        "wrong_to_right": int((verdicts[:, 0] < verdicts[:, 1]).sum()),
        "verdicts_changed": float((verdicts[:, 0] != verdicts[:, 1]).mean()),
        "interval": [low, high],
        "changed": {name: float((pair[:, 0] != pair[:, 1]).mean()) for name, pair in pairs.items()},
        "mean_before": {name: float(pair[:, 0].mean()) for name, pair in pairs.items()},
        "mean_after": {name: float(pair[:, 1].mean()) for name, pair in pairs.items()},
    }


def _interval(prompts: Sequence[str], changed: Any) -> tuple[float, float]:
    """Of the share of changed images, which come in prompts."""
    names, which = np.unique(prompts, return_inverse=True)
    images = np.bincount(which, minlength=len(names))
    count = np.bincount(which, weights=changed, minlength=len(names)).astype(np.int64)
    return share_interval(share_of_images(count, images))


def measure(
    kinds: Sequence[Pictures], per_task: int, model_samples: int, workers: int
) -> Iterator[dict[str, Any]]:
    """One entry for each kind of pictures, variant and task, a kind as soon as it is done: of each prompt one
    picture by the renderer, or `model_samples` by the model."""
    prompts = [
        Prompt(f"{number:05d}", line["prompt"], geneval=clause_fields(line))
        for number, line in enumerate(geneval_metadata(SHAPES_GRAMMAR, per_task=per_task))
    ]
    with ProcessPoolExecutor(workers, initializer=_one_thread) as pool:
        for kind in kinds:
            parts = [
                (prompts[first : first + _AT_ONCE], 100_000 * sample + first)
                for sample in range(model_samples if kind.error_rate is None else 1)
                for first in range(0, len(prompts), _AT_ONCE)
            ]
            rows = chain.from_iterable(pool.map(partial(changes, kind), *zip(*parts, strict=True)))
            for cell in summaries(list(rows)):
                yield {"pictures": kind.name, "size": kind.size, **cell}


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def markdown(cells: Sequence[Mapping[str, Any]]) -> str:
    """Changed verdicts over all tasks, by variant and kind of pictures."""
    kinds = list(dict.fromkeys((cell["size"], cell["pictures"]) for cell in cells))
    lines = [
        "| | " + " | ".join(f"{size} px, {name}" for size, name in kinds) + " |",
        "|---" * (len(kinds) + 1) + "|",
    ]
    for variant in VARIANTS:
        row = {
            (cell["size"], cell["pictures"]): cell
            for cell in cells
            if cell["variant"] == variant and cell["task"] == "all"
        }
        shown = [f"{row[kind]['right_to_wrong']} + {row[kind]['wrong_to_right']}" for kind in kinds]
        lines.append(f"| {variant} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pixels (default: all)")
    parser.add_argument("--error-rates", type=float, nargs="+", default=ERROR_RATES)
    parser.add_argument("--per-task", type=int, default=40, help="prompts drawn for each task")
    parser.add_argument("--model-samples", type=int, default=4, help="NAMI-tiny's pictures of each prompt")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="the figures as JSON")
    arguments = parser.parse_args()
    kinds = [Pictures(size, rate) for size in arguments.sizes for rate in arguments.error_rates]
    report: dict[str, Any] = {
        "command": "python -m benchmarks.jpeg_verdicts",
        "settings": {k: v for k, v in vars(arguments).items() if k not in ("output", "workers")},
        "machine": machine(),
        "versions": software(),
        "cells": [],
    }
    measured = measure(
        [Pictures(64, None), *kinds], arguments.per_task, arguments.model_samples, arguments.workers
    )
    for _, cells in groupby(measured, key=lambda cell: (cell["size"], cell["pictures"])):
        report["cells"] += cells
        print(markdown(report["cells"]), flush=True)
        if arguments.output:
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

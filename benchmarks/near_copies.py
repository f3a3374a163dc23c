"""How sure near-copies are found by thumbnails, how sure their share is, and what 40,000 images cost.

    python -m benchmarks.near_copies -o docs/results/near-copies/near-copies.json

Copies are planted of scikit-image's photographs; beside them stand all pairs of different ones, and of
pictures of the shapes world, whose white background makes them alike. The share's interval is counted on
models that draw some images, with probability `collapsed`, as one of a few pictures: what it is for is the
mean share of such models with as many prompts. Time and memory are of random vectors of the thumbnails' size.
"""

import argparse
import io
import json
import platform
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from PIL import Image, ImageOps
from skimage import data

from nami_bench import __version__
from nami_bench.domain import Prompt
from nami_bench.evaluation.shares import mean_over_prompts
from nami_bench.evaluation.variety.near_copies import PIXELS_THRESHOLD, Nearest, Vectors, blocks_within, unit
from nami_bench.evaluation.variety.thumbnails import Thumbnails
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.prompts.geneval import Grammar, geneval_prompt_set
from nami_bench.shapes import SHAPES

PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "chelsea", "clock", "coffee", "coins", "colorwheel", "grass", "gravel",
    "hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip
STUDIES = 1000


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = int(image.width * share), int(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 75": lambda image: _jpeg(image, 75),
    "JPEG, quality 30": lambda image: _jpeg(image, 30),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "squeezed to 128 x 128": lambda image: image.resize((128, 128)),
    "one pixel off": lambda image: image.crop((1, 0, image.width, image.height)),
    "a tenth brighter": lambda image: image.point(lambda value: min(255, round(1.1 * value))),
    "mirrored": ImageOps.mirror,
    "1 % cropped on each side": lambda image: _cropped(image, 0.01),
    "3 % cropped on each side": lambda image: _cropped(image, 0.03),
}


def planted(images: Sequence[Image.Image]) -> Iterator[dict[str, Any]]:
    """By kind of copy, the similarities to the original."""
    for name, change in CHANGES.items():
        found = [max(_both(image, change(image))) for image in images]
        above = float(np.mean(np.array(found) >= PIXELS_THRESHOLD))
        yield {"copy": name, "images": len(found), "lowest": _round(min(found)),
               "median": _round(float(np.median(found))), "found": round(above, 4)}  # fmt: skip


def different(images: Sequence[Image.Image]) -> dict[str, Any]:
    """The similarities of all pairs of different images."""
    found = [max(_both(*pair)) for pair in combinations(images, 2)]
    above = int(np.sum(np.array(found) >= PIXELS_THRESHOLD))
    return {
        "images": len(images),
        "pairs": len(found),
        "highest": _round(max(found)),
        "99th percentile": _round(float(np.quantile(found, 0.99))),
        "taken for copies": above,
    }


def _both(first: Image.Image, second: Image.Image) -> tuple[float, float]:
    thumbnails = Thumbnails()
    vectors = thumbnails.extract([thumbnails.prepare(image) for image in (first, second)])
    return float(vectors[0] @ vectors[1]), float(thumbnails.mirrored(vectors[:1])[0] @ vectors[1])


def pictures(count: int) -> list[Image.Image]:
    """Of different prompts, drawn as they should be."""
    prompts = _different_prompts(geneval_prompt_set("shapes", Grammar(SHAPES, None), per_task=count).prompts)[
        :count
    ]
    generator = ShapesGenerator(ShapesGenerator.Options(error_rate=0, size=256))
    requests = [GenerationRequest(prompt, 0, at) for at, prompt in enumerate(prompts)]
    return [result.image for result in generator.generate(requests) if result.image is not None]


def _different_prompts(prompts: Sequence[Prompt]) -> list[Prompt]:
    return list({prompt.text: prompt for prompt in prompts}.values())


def share_of(prompts: int, samples: int, collapsed: float, kinds: int, rng: np.random.Generator) -> Any:
    """For each image (prompts, samples), whether one of another prompt is the same picture."""
    stuck = rng.random((prompts, samples)) < collapsed
    which = np.where(stuck, rng.integers(kinds, size=(prompts, samples)), -1)
    drawn = np.stack([(which == kind).any(axis=1) for kind in range(kinds)])  # (kinds, prompts)
    elsewhere = drawn.sum(axis=1)
    return stuck & (elsewhere[which.clip(min=0)] > 1)


def intervals() -> Iterator[dict[str, Any]]:
    """How often the interval holds the mean share of such models."""
    for prompts, collapsed, kinds in product((50, 200, 1000), (0.02, 0.1, 0.3), (2, 20)):
        rng = np.random.default_rng((prompts, int(1000 * collapsed), kinds))
        studies = [share_of(prompts, 4, collapsed, kinds, rng) for _ in range(STUDIES)]
        truth = float(np.mean(studies))
        inside = known = 0
        for flags in studies:
            values = [(str(p), float(flag)) for p, row in enumerate(flags) for flag in row]
            _, interval = mean_over_prompts(values, (0.0, 1.0))
            if interval is not None:
                known += 1
                inside += interval[0] <= truth <= interval[1]
        yield {"prompts": prompts, "samples": 4, "collapsed": collapsed, "pictures": kinds,
               "share": _round(truth), "studies": known, "coverage": _round(inside / known)}  # fmt: skip


def cost(images: int) -> dict[str, Any]:
    """Seconds and memory of comparing so many images with each other, mirrored ones too."""
    rng = np.random.default_rng(0)
    upright = unit(rng.normal(size=(images, Thumbnails.dimension)).astype(np.float32))
    vectors = Vectors(upright, Thumbnails().mirrored(upright))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    nearest = Nearest(images, PIXELS_THRESHOLD)
    for block in blocks_within(vectors, [str(at // 4) for at in range(images)], "prompts"):
        nearest.take_both(block)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "images": images,
        "processor_seconds": round(time.process_time() - started, 1),
        "vectors_mb": round(2 * upright.nbytes / 1e6),
        "more_at_the_most_mb": round((after - before) / 1e3),
        "most_mb": round(after / 1e3),
    }


def _round(value: float) -> float:
    return round(float(value), 4)


def main() -> None:
    """Write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    costs = [cost(images) for images in (10_000, 40_000)]
    print(costs, flush=True)
    photographs = [Image.fromarray(getattr(data, name)()).convert("RGB") for name in PHOTOGRAPHS]
    found = {
        "command": f"python -m benchmarks.near_copies -o docs/results/near-copies/{arguments.output.name}",
        "version": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-image": skimage.__version__,
        "machine": platform.machine(),
        "threshold": PIXELS_THRESHOLD,
        "planted": list(planted(photographs)),
        "photographs": different(photographs),
        "shapes": different(pictures(300)),
        "cost": costs,
        "intervals": list(intervals()),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

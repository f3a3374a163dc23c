"""Pictures and prompts for the GenEval benchmark: parts of photographs, and what is found on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from nami_bench.domain import GENEVAL_COLORS, GENEVAL_RELATIONS
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.rules import GenEvalParams, select
from nami_bench.geneval_folder import GenEvalFolder, read_metadata
from nami_bench.images import read_image, write_png

_SAMPLES = 4
# A random network's scores lie where they lie: those of this share of its detections shall count.
_COUNTED = 0.06


def draw(root: Path, images: int, size: int) -> Path:
    """`images` PNGs of size x size in GenEval's layout: parts of photographs, turned, scaled, none twice."""
    rng = np.random.default_rng(0)
    photographs = [
        Image.fromarray(load()) for load in (data.astronaut, data.coffee, data.chelsea, data.rocket)
    ]
    folder = GenEvalFolder(root)
    for number in range(images):
        photograph = photographs[number % len(photographs)]
        side = int(min(photograph.size) * rng.uniform(0.6, 0.95))
        left, top = (int(rng.integers(0, edge - side)) for edge in photograph.size)
        part = photograph.crop((left, top, left + side, top + side)).rotate(90 * int(rng.integers(4)))
        path = folder.sample_path(number // _SAMPLES, number % _SAMPLES)
        write_png(path, part.resize((size, size), Image.Resampling.BICUBIC))
    return root


def write_prompts(
    root: Path, detector: Any, shares: Mapping[str, int], params: GenEvalParams | None = None
) -> GenEvalParams:
    """Give each folder a prompt about what its first image shows, and return the constants to judge by:
    `params`, or else the published ones with the threshold that fits."""
    folder, rng = GenEvalFolder(root), np.random.default_rng(1)
    prompts = [path for _, path in folder.prompt_folders()]
    firsts = [detector.detect([read_image(path / "samples" / "0000.png")])[0] for path in prompts]
    params = params or _fitting(firsts)
    tasks = rng.choice(
        list(shares), size=len(prompts), p=np.array(list(shares.values())) / sum(shares.values())
    )
    for index, (task, found) in enumerate(zip(tasks, firsts, strict=True)):
        counts = {name: len(of_class) for name, of_class in select(found, params.threshold).items()}
        folder.write_metadata(index, _metadata(str(task), counts, rng))
    return params


def _fitting(found: Sequence[Sequence[Detection]]) -> GenEvalParams:
    scores = np.concatenate([[detection.score for detection in of_image] for of_image in found])
    threshold = float(np.quantile(scores, 1 - _COUNTED))
    return GenEvalParams(threshold=threshold, counting_threshold=threshold)


def _metadata(task: str, counts: Mapping[str, int], rng: np.random.Generator) -> dict[str, Any]:
    names = [*sorted(counts, key=lambda name: -counts[name]), "dog", "cup"]
    first, second = ({"class": name, "count": 1} for name in names[:2])
    colors: Sequence[str] = rng.choice(GENEVAL_COLORS, size=2, replace=False).tolist()
    exclude = []
    if task == "single_object":
        include = [first]
    elif task == "counting":
        count = max(1, counts.get(names[0], 1))
        include, exclude = [{**first, "count": count}], [{**first, "count": count + 1}]
    elif task == "colors":
        include = [{**first, "color": colors[0]}]
    elif task == "color_attr":
        include = [{**first, "color": colors[0]}, {**second, "color": colors[1]}]
    elif task == "position":
        include = [first, {**second, "position": [str(rng.choice(GENEVAL_RELATIONS)), 0]}]
    else:
        include = [first, second]
    metadata: dict[str, Any] = {"tag": task, "include": include}
    return {
        **metadata,
        **({"exclude": exclude} if exclude else {}),
        "prompt": f"{task}: {', '.join(names[:2])}",
    }


def count_crops(root: Path) -> int:
    """How many colors the prompts ask for at most."""
    total = 0
    for _, path in GenEvalFolder(root).prompt_folders():
        asked = sum(clause["count"] for clause in read_metadata(path)["include"] if "color" in clause)
        total += asked * len(list((path / "samples").iterdir()))
    return total


def draw_shapes(root: Path, images: int) -> Path:
    """`images` drawings of 64 pixels for the shapes detector."""
    from nami_bench.generators.protocol import GenerationRequest
    from nami_bench.generators.shapes import ShapesGenerator
    from nami_bench.prompts.geneval import Grammar, geneval_prompt_set
    from nami_bench.shapes import SHAPES

    generator = ShapesGenerator(ShapesGenerator.Options(size=64))
    set_ = geneval_prompt_set("shapes", Grammar(SHAPES, None), per_task=20).prompts
    folder = GenEvalFolder(root)
    for number in range(images):
        index, sample = divmod(number, _SAMPLES)
        prompt = set_[index % len(set_)]
        folder.write_metadata(index, prompt.metadata())
        (result,) = generator.generate([GenerationRequest(prompt, sample, number)])
        assert result.image is not None
        write_png(folder.sample_path(index, sample), result.image)
    return root

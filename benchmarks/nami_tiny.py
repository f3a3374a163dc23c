"""GenEval over held-out shapes, and seconds per image, of a NAMI that was trained on the shapes world.

    python -m benchmarks.nami_tiny nami-tiny                     the shipped one, every held-out prompt
    python -m benchmarks.nami_tiny RUN/pipeline --prompts 4      one's own, a few of each task
    python -m benchmarks.nami_tiny nami-tiny --images 60         sixty images, at least, of each task

Held-out prompts are combinations of shapes, colors, count and relation that training never saw. The judge is
GenEval's rules with the analytic detector. Time is one core's, for one image after another, from prompt to
pixels. The exit code is 1 where a score is below what is wanted.
"""

import argparse
import json
import platform
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nami_bench.domain import Prompt
from nami_bench.evaluation.geneval.rules import judge
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.nami.folder import pipeline_folder
from nami_bench.generators.nami.generator import NamiGenerator
from nami_bench.generators.nami.training.shapes_data import held_out_prompts
from nami_bench.generators.protocol import GenerationRequest

ALL = 10_000


def main() -> int:
    """Do what the command line says."""
    arguments = _arguments()
    report = measure(arguments.pipeline, arguments.prompts, arguments.images, arguments.sheet)
    text = json.dumps(report, indent=2) + "\n"
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    print(text, end="")
    worst = min(report["tasks"].values())
    return int(report["overall"] < arguments.at_least or worst < arguments.each_at_least)


def measure(pipeline: Path, prompts: int, images_of_task: int, sheet: Path | None) -> dict[str, Any]:
    """Draw up to `prompts` held-out prompts of each task, one image after another, and judge them.

    Every prompt has equally many images as the others of its task, one or as many as make `images_of_task`.
    """
    torch.set_num_threads(1)
    rows = held_out_prompts(prompts)
    by_task = Counter(row["tag"] for row in rows)
    generator = NamiGenerator(NamiGenerator.Options(pipeline, device="cpu"))
    requests = [
        GenerationRequest(Prompt(f"{number:05d}", row["prompt"]), sample, 1000 * sample + number)
        for number, row in enumerate(rows)
        for sample in range(-(-images_of_task // by_task[row["tag"]]))
    ]
    # The first picture pays for loading.
    list(generator.generate(requests[:1]))
    wall, processor = time.perf_counter(), time.process_time()
    images = [result.image for result in generator.generate(requests)]
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    detector = ShapesDetector()
    verdicts = defaultdict(list)
    for request, image in zip(requests, images, strict=True):
        row = rows[int(request.prompt.id)]
        (detections,) = detector.detect([image])
        verdicts[row["tag"]].append(judge(row, detections, image, detector.color_classifier).correct)
    if sheet is not None:
        _save_sheet(images, sheet)
    tasks = {task: float(np.mean(correct)) for task, correct in verdicts.items()}
    return {
        "weights_sha256": generator.describe()["weights_sha256"],
        "megabytes": _megabytes(pipeline_folder(pipeline)),
        "sampling": {k: v for k, v in generator.describe().items() if k in ("steps", "guidance_scale")},
        "prompts": dict(by_task),
        "images": {task: len(correct) for task, correct in verdicts.items()},
        "overall": float(np.mean(list(tasks.values()))),
        "tasks": tasks,
        "seconds_per_image": wall / len(images),
        "processor_seconds_per_image": processor / len(images),
        "machine": f"{platform.machine()}, one thread",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def _megabytes(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 2)


def _save_sheet(images: list[Any], path: Path, columns: int = 16) -> None:
    from PIL import Image

    width, height = images[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(images) // columns) * height))
    for number, image in enumerate(images):
        sheet.paste(image, (number % columns * width, number // columns * height))
    sheet.save(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pipeline", type=Path, help="a pipeline's folder, or a shipped model's name")
    parser.add_argument("--prompts", type=int, default=ALL, help="prompts of each task (default: all)")
    parser.add_argument(
        "--images",
        type=int,
        default=1,
        help="images of each task, at least; prompts repeat evenly (default: 1)",
    )
    parser.add_argument("--at-least", type=float, default=0.0, help="the overall score that is wanted")
    parser.add_argument("--each-at-least", type=float, default=0.0, help="the score wanted of each task")
    parser.add_argument("--sheet", type=Path, help="the images side by side, as a PNG file")
    parser.add_argument("-o", "--output", type=Path, help="the report as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

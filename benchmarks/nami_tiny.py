"""NAMI-tiny, the model that comes with the package: made from a training run, and measured.

    nami-bench nami train docs/results/nami-tiny/nami-tiny.toml -o RUN
    python benchmarks/nami_tiny.py ship RUN                  RUN's pipeline in float16 into the package
    python benchmarks/nami_tiny.py measure                   every held-out prompt of GenEval over shapes
    python benchmarks/nami_tiny.py measure --per-task 4      a few of each task (the test suite does this)

Held-out prompts are combinations of shapes, colors, count and relation that training never saw. The judge is
GenEval's rules with the analytic detector. Time is one core's, for one image after another, from prompt to
pixels. The exit code of `measure` is 1 where the overall score is below --at-least.
"""

import argparse
import json
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evaluation.geneval.rules import judge
from evaluation.geneval.shapes_detector import ShapesDetector
from generators.nami.generator import NamiGenerator
from generators.nami.pipeline import NamiPipeline
from generators.nami.shipped import overridden, own_sampling, pipeline_folder
from generators.nami.training.shapes_data import held_out_prompts
from generators.protocol import GenerationRequest
from nami_bench.domain import Prompt

NAME = "nami-tiny"
SHIPPED = Path(__file__).resolve().parents[1] / "generators" / "nami" / "shipped"
ALL = 10_000


def main() -> int:
    """Do what the command line says."""
    arguments = _arguments()
    if arguments.do == "ship":
        ship(arguments.run, arguments.name, tuple(arguments.steps), arguments.guidance_scale)
        return 0
    report = measure(arguments.model, arguments.per_task, arguments.samples, arguments.sheet)
    text = json.dumps(report, indent=2) + "\n"
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    print(text, end="")
    return int(report["overall"] < arguments.at_least)


def ship(run: Path, name: str, steps: tuple[int, ...], guidance_scale: float) -> None:
    """Copy a run's finished pipeline into the package, in float16, with how it is to be sampled."""
    source, target = run / "pipeline", SHIPPED / name
    pipeline = NamiPipeline.from_pretrained(source, dtype=torch.float16, local_files_only=True)
    sampling = overridden(own_sampling(source), steps=steps, guidance_scale=guidance_scale)
    pipeline.register_to_config(
        sampling={field: getattr(sampling, field) for field in sampling.__dataclass_fields__}
    )
    pipeline.save_pretrained(target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target}: {size / 1e6:.2f} MB")


def measure(model: str, per_task: int, samples: int, sheet: Path | None) -> dict[str, Any]:
    """Draw `samples` images of `per_task` held-out prompts of each task, one by one, and judge them."""
    torch.set_num_threads(1)
    rows = held_out_prompts(per_task)
    generator = NamiGenerator(NamiGenerator.Options(Path(model), device="cpu"))
    requests = [
        GenerationRequest(Prompt(f"{number:05d}", row["prompt"]), sample, 1000 * sample + number)
        for number, row in enumerate(rows)
        for sample in range(samples)
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
        "model": model,
        "weights_sha256": generator.describe()["weights_sha256"],
        "megabytes": _megabytes(pipeline_folder(Path(model))),
        "sampling": {k: v for k, v in generator.describe().items() if k in ("steps", "guidance_scale")},
        "images": len(images),
        "overall": float(np.mean(list(tasks.values()))),
        "tasks": tasks,
        "prompts": {task: len(correct) // samples for task, correct in verdicts.items()},
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
    commands = parser.add_subparsers(dest="do", required=True)
    shipping = commands.add_parser("ship", help="put a run's pipeline into the package")
    shipping.add_argument("run", type=Path)
    shipping.add_argument("--name", default=NAME)
    shipping.add_argument("--steps", type=int, nargs="+", default=(6, 6, 8), help="of each stage")
    shipping.add_argument("--guidance-scale", type=float, default=3.0)
    measuring = commands.add_parser("measure", help="GenEval over held-out shapes, and seconds per image")
    measuring.add_argument("--model", default=NAME, help="a shipped model, or a pipeline's folder")
    measuring.add_argument("--per-task", type=int, default=ALL, help="prompts of each task (default: all)")
    measuring.add_argument("--samples", type=int, default=1, help="images of each prompt")
    measuring.add_argument("--at-least", type=float, default=0.0, help="the overall score that is wanted")
    measuring.add_argument("--sheet", type=Path, help="the images side by side, as a PNG file")
    measuring.add_argument("-o", "--output", type=Path, help="the report as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

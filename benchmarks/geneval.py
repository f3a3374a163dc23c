"""GenEval's engine against a faithful loop over one image at a time: same model, same machine, same run.

    python -m benchmarks.geneval                              small real networks on a CPU
    python -m benchmarks.geneval --device cuda --full-size    the published architectures' sizes on a GPU
    python -m benchmarks.geneval --memory 200 5000            peak memory for so many tiny images instead

The networks have random weights, which take as long as trained ones. Prompts are made to fit what the
detector finds, in GenEval's proportions of tasks, so that every rule and the color classifier have work.
Verdicts of both ways must agree; the exit code is 1 where they do not, or below the ratio --at-least.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LOOP, LOOP_ONE_THREAD = "one image at a time", "the same, one thread"
SHARES = {
    "single_object": 80,
    "two_object": 99,
    "counting": 80,
    "colors": 94,
    "position": 100,
    "color_attr": 100,
}
"""GenEval's prompts of each task."""


@dataclass(frozen=True)
class Settings:
    """What is measured: `images` of `size` pixels, `rounds` times each way, in turns."""

    device: str
    full_size: bool
    dtype: str
    images: int
    size: int
    rounds: int


def main() -> int:
    """Run it; 0 where verdicts agree and the ratio is as asked."""
    arguments = _arguments()
    if arguments.memory:
        return _measure_memory(arguments.memory, arguments.output)
    settings = Settings(
        device=arguments.device,
        full_size=arguments.full_size,
        dtype=arguments.dtype,
        images=arguments.images,
        size=arguments.size,
        rounds=arguments.rounds,
    )
    with tempfile.TemporaryDirectory() as folder:
        report = measure(settings, Path(folder))
    print_report(report)
    _write(arguments.output, report)
    if report["verdicts_that_differ"]:
        print(f"{report['verdicts_that_differ']} verdicts differ", file=sys.stderr)
        return 1
    return 0 if report["ratio"] >= arguments.at_least else 1


def _measure_memory(counts: Sequence[int], output: Path | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        rows = [peak_memory(Path(folder), count) for count in counts]
    for row in rows:
        print(f"{row['images']} tiny images: peak {row['peak_mib']} MiB")
    _write(output, {"memory": rows})
    return 0


def _write(output: Path | None, report: dict[str, Any]) -> None:
    if output:
        output.write_text(json.dumps(report, indent=2) + "\n")


def measure(settings: Settings, work: Path) -> dict[str, Any]:
    """Build networks, images and prompts in `work`; time both ways and compare their verdicts."""
    from benchmarks import geneval_models, geneval_pictures
    from nami_bench.evaluation.geneval.metric import GenEvalMetric
    from nami_bench.generators.nami.bench.machine import describe_machine, describe_versions

    root = geneval_pictures.draw(work / "images", settings.images, settings.size)
    detector = geneval_models.build(work, settings.full_size, settings.device, settings.dtype)
    params = geneval_pictures.write_prompts(root, detector, SHARES)
    metric = GenEvalMetric(GenEvalMetric.Options(params=params), detector)
    ways: dict[str, Callable[[], list[tuple[str, bool, str]]]] = {
        LOOP: lambda: one_at_a_time(root, metric, work / "loop.jsonl"),
        LOOP_ONE_THREAD: lambda: on_one_thread(lambda: one_at_a_time(root, metric, work / "loop.jsonl")),
        "engine": lambda: engine(root, metric, work / "engine.jsonl"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    others: dict[str, list[float]] = {name: [] for name in ways}
    verdicts: dict[str, list[tuple[str, bool, str]]] = {}
    ways["engine"]()  # weights and the colors' texts are loaded before the clock starts
    for _ in range(settings.rounds):
        for name, way in ways.items():
            began, busy = time.perf_counter(), busy_elsewhere()
            verdicts[name] = way()
            seconds[name].append(time.perf_counter() - began)
            others[name].append(round((busy_elsewhere() - busy) / seconds[name][-1], 2))
    median = {name: statistics.median(of_way) for name, of_way in seconds.items()}
    # A small network on a busy machine may be faster with one thread: the better loop counts.
    loop = min(median[LOOP], median[LOOP_ONE_THREAD])
    differing = sum(len(set(same)) > 1 for same in zip(*verdicts.values(), strict=True))
    return {
        "settings": asdict(settings),
        "instrument": metric.instrument,
        "batch_size": metric.engine.batch_size,
        "workers": metric.engine.workers,
        "seconds": seconds,
        "cores_used_by_others": others,
        "ratio": loop / median["engine"],
        "ratio_to_all_threads": median[LOOP] / median["engine"],
        "images_per_second": {name: settings.images / middle for name, middle in median.items()},
        "correct": sum(correct for _, correct, _ in verdicts["engine"]),
        "color_crops": geneval_pictures.count_crops(root),
        "verdicts_that_differ": differing,
        "machine": describe_machine(geneval_models.device(settings.device)),
        "versions": describe_versions(),
    }


def busy_elsewhere() -> float:
    """Seconds that the machine's cores have spent on other programs; 0 where Linux does not say."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:4]
    except OSError:
        return 0.0
    own = sum(os.times()[:4])
    return sum(map(int, fields)) / os.sysconf("SC_CLK_TCK") - own


def on_one_thread(work: Callable[[], list[tuple[str, bool, str]]]) -> list[tuple[str, bool, str]]:
    """`work` with one of torch's threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work()
    finally:
        torch.set_num_threads(before)


def one_at_a_time(root: Path, metric: Any, output: Path) -> list[tuple[str, bool, str]]:
    """As the reference goes about it: decode, detect, classify colors crop by crop, and write at the end.

    It reads every file once and keeps the colors' text embeddings, as the reference does; starting four
    processes for each group of crops, as the reference does too, is left out.
    """
    from nami_bench.evaluation.geneval.rules import judge
    from nami_bench.geneval_folder import GenEvalFolder, read_metadata
    from nami_bench.images import read_image

    rows = []
    classifier = _OneCrop(metric.detector.color_classifier)
    for file in GenEvalFolder(root).samples():
        metadata = read_metadata(file.path.parent.parent)
        image = read_image(file.path)
        (detections,) = metric.detector.detect([image])
        verdict = judge(metadata, detections, image, classifier, metric.options.params)
        rows.append((str(file.path), verdict.correct, verdict.reason))
    output.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


class _OneCrop:
    """Classifies crop by crop."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier
        self.identity = classifier.identity

    def classify(self, image: Any, detections: Sequence[Any]) -> list[str]:
        return [self.classifier.classify(image, [one])[0] for one in detections]


def engine(root: Path, metric: Any, output: Path) -> list[tuple[str, bool, str]]:
    """`nami-bench geneval`'s own way, its processes' start and the masks' file included."""
    from nami_bench.evaluation.geneval.folder_run import score_folder

    output.unlink(missing_ok=True)
    run = score_folder(root, metric, output)
    assert not run.failures, run.failures[:3]
    return [(row.filename, row.correct, row.reason) for row in run.results]


MEMORY = """
import sys
from pathlib import Path
from nami_bench.evaluation.geneval.folder_run import score_folder
from nami_bench.evaluation.geneval.metric import GenEvalMetric
metric = GenEvalMetric(GenEvalMetric.Options(detector="shapes", workers=1))
run = score_folder(Path(sys.argv[1]), metric, Path(sys.argv[2]))
assert not run.failures
print(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM")).split()[1])
"""


def peak_memory(work: Path, images: int) -> dict[str, Any]:
    """Peak resident MiB of a new process that scores `images` tiny drawings (Linux)."""
    from benchmarks.geneval_pictures import draw_shapes

    root = draw_shapes(work / f"tiny-{images}", images)
    command = [sys.executable, "-c", MEMORY, str(root), str(work / f"tiny-{images}.jsonl")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"images": images, "peak_mib": round(int(done.stdout) / 1024, 1)}


def print_report(report: dict[str, Any]) -> None:
    """For people."""
    settings, machine = report["settings"], report["machine"]
    print(f"{report['instrument']}")
    where = (machine[key] for key in ("device", "processor", "cpu_cores", "load_average"))
    print("{}, {}, {} cores, load {}".format(*where))
    side = settings["size"]
    print(f"{settings['images']} PNG images of {side}x{side}, {report['color_crops']} color crops")
    for name, seconds in report["seconds"].items():
        others = report["cores_used_by_others"][name]
        each = ", ".join(f"{s:.2f} s" for s in seconds)
        each += "; cores used by others: " + ", ".join(f"{cores:.1f}" for cores in others)
        print(f"{name:>22}: {report['images_per_second'][name]:7.2f} images/s  ({each})")
    print(f"ratio of the medians, to the faster loop: {report['ratio']:.2f}")
    print(f"verdicts that differ: {report['verdicts_that_differ']}; correct: {report['correct']}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default: cpu)")
    parser.add_argument("--full-size", action="store_true", help="Mask2Former Swin-S and CLIP ViT-L/14")
    parser.add_argument(
        "--dtype", default="float32", help="of the detector, for both ways; bfloat16 is for a GPU"
    )
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--size", type=int, default=512, help="side in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="+", metavar="N", help="peak memory for N tiny images")
    parser.add_argument(
        "--at-least", type=float, default=1.5, help="the least ratio; below it the exit code is 1"
    )
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())

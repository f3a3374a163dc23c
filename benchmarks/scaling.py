"""How much faster more Ray workers are than one process: efficiency = local seconds / (workers x seconds).

    python -m benchmarks.scaling -o scaling.json

Two kinds of work over the same code (`nami_bench.engines`), each a number of shards of 4 images:

    render   the shapes renderer and the PNG encoder, which keep a processor core busy: `nami-bench generate`
    wait     a wait in place of a device that computes, then the encoder: what the engine itself adds where
             something other than this machine's cores is the limit, as a GPU is

The start of the cluster and of the workers is timed apart. Hashes of all ways must agree; the exit code is 1
where they do not.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nami_bench import pipeline
from nami_bench.domain import ModelCard, Prompt, PromptSet
from nami_bench.engines import LOCAL, Engine, Job
from nami_bench.engines.ray_cluster import RayEngine, ray_engine
from nami_bench.images import encode_png
from nami_bench.store import Store

SHARD = 4
CLAUSES = {"tag": "counting", "include": [{"class": "star", "count": 4}]}


@dataclass(frozen=True)
class Device:
    """Stands for a model on a device: `seconds` for each image of `size` pixels."""

    seconds: float
    size: int


def main() -> int:
    """Run it; 0 where all hashes agree."""
    arguments = _arguments()
    report: dict[str, Any] = {
        "settings": {key: value for key, value in vars(arguments).items() if key != "output"},
        "machine": _machine(),
        "versions": {name: version(name) for name in ("nami-bench", "ray", "pillow", "numpy")},
    }
    works = {"render": (_render(arguments), 1.0), "wait": (_wait(arguments), 0.1)}
    started = time.perf_counter()
    with ray_engine("local", workers=1):
        report["cluster_start_seconds"] = round(time.perf_counter() - started, 2)
        for name, (work, cpus) in works.items():
            report[name] = _compare(work, cpus, arguments.workers)
    print(json.dumps(report, indent=2))
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if report["render"]["hashes_agree"] and report["wait"]["hashes_agree"] else 1


def _compare(work: Callable[[Engine], str], cpus: float, workers: Sequence[int]) -> dict[str, Any]:
    local, expected, busy = _timed(work, LOCAL)
    rows = [{"engine": "local", "seconds": local, "cores_used_by_others": busy}]
    agree = True
    for count in workers:
        seconds, digest, busy = _timed(work, RayEngine(count, cpus, 0))
        agree &= digest == expected
        rows.append(
            {
                "engine": f"ray, {count} workers",
                "seconds": seconds,
                "efficiency": round(local / (count * seconds), 3),
                "cores_used_by_others": busy,
            }
        )
    return {"rows": rows, "hashes_agree": agree}


def _timed(work: Callable[[Engine], str], engine: Engine) -> tuple[float, str, float]:
    """Seconds, a hash of all results, and the cores that other programs (Ray's among them) used."""
    busy, began = _busy(), time.perf_counter()
    digest = work(engine)
    seconds = time.perf_counter() - began
    return round(seconds, 2), digest, round((_busy() - busy) / seconds, 2)


def _render(arguments: argparse.Namespace) -> Callable[[Engine], str]:
    count = arguments.images // SHARD
    prompts = PromptSet("set", tuple(Prompt(f"{i:05d}", "stars", geneval=CLAUSES) for i in range(count)))

    def work(engine: Engine) -> str:
        with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/nami.db") as store:
            store.catalog.add_prompt_set(prompts)
            store.catalog.add_model(ModelCard("m", "shapes", {"size": arguments.size}))
            pipeline.generate(store, Path(folder) / "images", "m", prompts, samples=SHARD, engine=engine)
            return _digest(str(image.sha256) for image in store.images.find())

    return work


def _wait(arguments: argparse.Namespace) -> Callable[[Engine], str]:
    device = Device(arguments.seconds, arguments.size)
    numbers = list(range(arguments.images))
    shards = [numbers[i : i + SHARD] for i in range(0, len(numbers), SHARD)]

    def make() -> Device:
        return device

    def work(engine: Engine) -> str:
        job: Job[Device, int, str] = Job(device, make, repr, _draw, lambda number, reason: reason)
        return _digest(engine.run(job, shards))

    return work


def _draw(device: Device, numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        time.sleep(device.seconds)
        ramp = (np.arange(device.size) + number).astype(np.uint8)
        yield encode_png(Image.fromarray(ramp[:, None] + ramp))[0].sha256


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _busy() -> float:
    """Processor seconds that everything but this process has used."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:4]
    return sum(map(int, fields)) / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def _machine() -> dict[str, Any]:
    return {
        "cpu_cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "niceness": os.nice(0),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--size", type=int, default=512, help="side in pixels")
    parser.add_argument("--seconds", type=float, default=0.25, help="of waiting for each image")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

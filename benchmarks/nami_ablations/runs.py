"""One run of a variant: trained to the end, its snapshots measured, its figures in a JSON file."""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from benchmarks.nami_ablations.measure import FEATURES, Effort, best_possible, measure, reference_moments
from benchmarks.nami_ablations.variants import step_flops, variant_config
from benchmarks.nami_ablations.world import write_shard
from nami_bench.generators.nami.training.config import TrainConfig
from nami_bench.generators.nami.training.run import TrainingRun
from nami_bench.generators.nami.training.trainer import Trainer
from nami_bench.report.provenance import software

SNAPSHOTS = 4
"""How many points a convergence curve has, the finished model included."""

Progress = Callable[[str], object]


def be_quiet() -> None:
    """Silence what diffusers and transformers say when they load and save."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


class Grid:
    """Runs in the folder `out`: `shapes.tar`, the data; `runs/`; `results/`, a JSON file for each run.

    `steps` are the base's, None for base.toml's; `images` is the number of training pictures.
    """

    def __init__(self, out: Path, steps: int | None, images: int, effort: Effort, say: Progress) -> None:
        self.out, self.steps, self.effort, self._say = out, steps, effort, say
        self.shard = out / "shapes.tar"
        if not self.shard.is_file():
            say(f"drawing {images} pictures")
        write_shard(self.shard, images)
        self._reference = reference_moments(self.shard)

    def result_path(self, variant: str, seed: int) -> Path:
        """Where the figures of a run are, once it is finished and measured."""
        return self.out / "results" / f"{variant}-{seed}.json"

    def run(self, variant: str, seed: int) -> None:
        """Train and measure, or go on where that was interrupted; nothing for what is finished."""
        path = self.result_path(variant, seed)
        if path.is_file():
            return
        config = variant_config(variant, seed, self.shard, self.steps)
        folder = self.out / "runs" / f"{variant}-{seed}"
        if not (folder / "trained.json").is_file():
            self._train(config, folder, f"{variant} seed {seed}")
        curve = [self._measured(config, folder, mark) for mark in _marks(config.train.steps)]
        _write(path, {"variant": variant, "seed": seed, **_facts(config, folder), "curve": curve})

    def describe(self) -> None:
        """Write what holds for all runs: features, the best possible figures, machine and versions."""
        facts = {
            "features": FEATURES,
            "best_possible": best_possible(self._reference, self.effort),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} thread(s)",
            "software": software(),
        }
        _write(self.out / "results" / "about.json", facts)

    def _train(self, config: TrainConfig, folder: Path, name: str) -> None:
        run = TrainingRun(config, folder)
        run.prepare_bridge()
        trainer = Trainer(run)
        start = trainer.restore()
        marks, done, began = _marks(config.train.steps), start, time.process_time()

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            self._say(f"{name}: step {done} of {config.train.steps}")
            if done in marks:
                # Of the part that this process trained: a run may have been interrupted.
                rate = (done - start) * config.train.batch_size / (time.process_time() - began)
                _write(folder / "rate.json", {"images_per_cpu_second": rate})
            if done in marks[:-1]:
                with trainer.averaged():
                    run.pipeline.save_pretrained(_snapshot(folder, done))

        trainer.loop(start, advance)
        trainer.finish()
        _write(folder / "trained.json", {"steps": done})

    def _measured(self, config: TrainConfig, folder: Path, step: int) -> dict[str, Any]:
        """Figures of the snapshot after `step`, kept beside it."""
        last = step == config.train.steps
        snapshot = folder / "pipeline" if last else _snapshot(folder, step)
        kept = folder / f"measured-{step}.json"
        if not kept.is_file():
            self._say(f"{folder.name}: measuring step {step}")
            _write(kept, measure(snapshot, self._reference, self.effort))
        figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        flops = step * step_flops(config)
        return {"step": step, "images": step * config.train.batch_size, "train_flops": flops, **figures}


def _marks(steps: int) -> list[int]:
    """The steps after which a snapshot is taken, the last one included."""
    return sorted({max(1, steps * n // SNAPSHOTS) for n in range(1, SNAPSHOTS + 1)})


def _snapshot(folder: Path, step: int) -> Path:
    return folder / "snapshots" / f"step-{step:08d}"


def _facts(config: TrainConfig, folder: Path) -> dict[str, Any]:
    """What the run's log says."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    log = [json.loads(line) for line in lines]
    # A step that was done twice, because of an interruption, counts as it was done last.
    validations = {entry["step"]: entry["loss"] for entry in log if entry.get("event") == "validation"}
    bridge = [entry for entry in log if entry.get("event") == "bridge"]
    rate = json.loads((folder / "rate.json").read_text(encoding="utf-8"))
    return {
        "steps": config.train.steps,
        "images": config.train.steps * config.train.batch_size,
        "train_flops": config.train.steps * step_flops(config),
        **rate,
        "bridge_error": bridge[-1]["error"] if bridge else None,
        "bridge_upsampling_error": bridge[-1]["upsampling"] if bridge else None,
        "validation": [
            {"step": step, "loss_by_stage": [sum(row) / len(row) for row in losses]}
            for step, losses in sorted(validations.items())
        ],
    }


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)

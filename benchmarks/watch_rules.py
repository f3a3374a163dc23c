"""How often a watch is wrong: its paired test, Holm's correction and the stopping rule, by simulation.

    python -m benchmarks.watch_rules -o docs/results/watch/rules.json

Checkpoints of a run are simulated image by image. Without change all draw from the same distribution, so that
every claim of a better one is false; with progress each is better than the last by so much. Values are
GenEval's verdicts (0 or 1, six tasks) or a metric's (normal). Prompts differ in difficulty, and a share of
what is random in an image is the same for all checkpoints, as it is with equal seeds.
"""

import argparse
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nami_bench import __version__
from nami_bench.domain import GENEVAL_TASKS
from nami_bench.watching.comparison import against_best, is_overtaken
from nami_bench.watching.results import Measured, MetricResult, Settings

Floats = NDArray[np.float64]
METRIC = {"verdicts": "geneval", "values": "m"}


@dataclass(frozen=True, slots=True)
class Cell:
    """`level`: the share of right images, for verdicts. `common`: of the variance within a prompt, what all
    checkpoints share. `gain`: of a checkpoint over the one before it, in standard deviations of an image."""

    kind: str
    prompts: int
    samples: int
    level: float = 0.5
    common: float = 0.5
    checkpoints: int = 20
    gain: float = 0.0

    @property
    def settings(self) -> Settings:
        """As a watch's results file keeps them."""
        tasks = [GENEVAL_TASKS[n % 6] if self.kind == "verdicts" else None for n in range(self.prompts)]
        rows = tuple((str(n), task) for n, task in enumerate(tasks))
        return Settings("simulated", "", rows, self.samples, 0, {METRIC[self.kind]: "simulated"})


CELLS = (
    *(
        Cell("verdicts", prompts, samples, level, common)
        for prompts, samples in ((24, 1), (48, 2), (240, 1), (552, 4))
        for level in (0.05, 0.5, 0.95)
        for common in (0.0, 0.8)
    ),
    *(
        Cell("values", prompts, samples, common=common)
        for prompts, samples in ((12, 1), (48, 2), (240, 1))
        for common in (0.0, 0.8)
    ),
)
"""Without change."""
PROGRESS = tuple(
    Cell("verdicts", prompts, samples, 0.3, 0.5, gain=gain)
    for prompts, samples in ((48, 2), (240, 1), (552, 4))
    for gain in (0.02, 0.05, 0.1)
)
"""With progress."""


def simulated(cell: Cell, rng: np.random.Generator) -> list[Measured]:
    """The checkpoints of one run."""
    shape = (cell.prompts, cell.samples)
    difficulty = rng.normal(size=(cell.prompts, 1))
    shared = rng.normal(size=shape)
    found = []
    for number in range(cell.checkpoints):
        own = rng.normal(size=shape)
        latent = difficulty + np.sqrt(cell.common) * shared + np.sqrt(1 - cell.common) * own
        latent += cell.gain * number * np.sqrt(2)
        found.append(_measured(cell, number, latent))
    return found


def _measured(cell: Cell, number: int, latent: Floats) -> Measured:
    values = latent
    if cell.kind == "verdicts":
        values = (ndtr(latent / np.sqrt(2)) > 1 - cell.level).astype(float)
    by_task = [values[start::6].mean() for start in range(6)] if cell.kind == "verdicts" else [values.mean()]
    result = MetricResult(float(np.mean(by_task)), None, {}, tuple(values.ravel().tolist()))
    return Measured(str(number), number, str(number), "images", 0.0, "", 0.0, {METRIC[cell.kind]: result})


def measured(cell: Cell, runs: int, stop_after: int, seed: int) -> dict[str, Any]:
    """Shares of tests and of runs with a claim that a checkpoint is better, and when the rule stops."""
    metric, settings = METRIC[cell.kind], cell.settings
    single, any_single, any_holm, stops = [], [], [], []
    for run in range(runs):
        rows = simulated(cell, np.random.default_rng((seed, run)))
        tests = [test for test in against_best(rows, metric, settings) if test is not None]
        better = [test.is_better for test in tests]
        single.append(np.mean(better))
        any_single.append(any(better))
        any_holm.append(any(t.is_better and (t.p_adjusted or 0.0) < 0.05 for t in tests))
        stops.append(_stopped_at(rows, stop_after, metric, settings))
    at = np.array(stops)
    return asdict(cell) | {
        "claims_of_a_test": float(np.mean(single)),
        "runs_with_a_claim": float(np.mean(any_single)),
        "runs_with_a_claim_by_holm": float(np.mean(any_holm)),
        "stopped_at_once": float(np.mean(at == stop_after + 1)),
        "never_stopped": float(np.mean(at == 0)),
    }


def _stopped_at(rows: list[Measured], stop_after: int, metric: str, settings: Settings) -> int:
    """After so many checkpoints the rule stops; 0: never."""
    for count in range(stop_after + 1, len(rows) + 1):
        if is_overtaken(rows[:count], stop_after, metric, settings) is False:
            return count
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=400, help="for each cell")
    parser.add_argument("--stop-after", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    arguments = parser.parse_args()
    rows = []
    for cell in (*CELLS, *PROGRESS):
        rows.append(measured(cell, arguments.runs, arguments.stop_after, arguments.seed))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        about = {"nami_bench": __version__, "python": platform.python_version(), "numpy": np.__version__}
        options = {"runs": arguments.runs, "stop_after": arguments.stop_after, "seed": arguments.seed}
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps({**about, **options, "cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""How often a variant is wrongly called not worse, and how often rightly, by simulation.

    python -m benchmarks.noninferiority_grid -o docs/results/statistics/noninferiority.json

Two models are simulated on the same prompts and samples. At the margin the variant's true loss is the margin:
every claim that it is not worse by more is false, and by the level 2.5 % may be. At a true loss of 0 the
claim is right, at the planted loss the paired test should find the difference. Beside the method, the t
interval alone.

Verdicts are 0 or 1. `churn` of the images turn from wrong to right and as many, with the loss more, from
right to wrong. `alike` is the correlation within a prompt of what happens to its images: of whether the base
is right, and of losses and gains; at 1 a prompt loses all its images or none. Values are normal, or
have losses that come from one prompt in twenty, or are zero for nine prompts in ten.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nami_bench.evaluation.paired_prompts import PairedMean, paired_mean
from nami_bench.software import used_here

Floats = NDArray[np.float64]
GENEVAL = (80, 99, 80, 94, 100, 100)
"""Prompts of GenEval's tasks."""
PLANTED = 0.05
"""The loss to be found."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`prompts`: of each stratum; `rate`: how often the base is right, for verdicts."""

    kind: str
    prompts: tuple[int, ...]
    samples: int
    alike: float
    margin: float
    rate: float = 0.5
    churn: float = 0.0

    @property
    def count(self) -> int:
        """Prompts in all."""
        return sum(self.prompts)


def cells() -> list[Cell]:
    """The whole grid."""
    verdicts = [
        Cell("verdicts", prompts, samples, alike, margin, rate, churn)
        for prompts in ((50,), (150,), (500,), GENEVAL)
        for samples in (1, 4)
        for alike in ((0.0,) if samples == 1 else (0.0, 0.3, 1.0))
        for margin in (0.02, 0.05)
        for rate in (0.3, 0.7, 0.95)
        for churn in (0.0, 0.01, 0.05, 0.15)
        if churn <= 1 - rate and churn + margin <= rate
    ]
    values = [
        Cell(kind, prompts, samples, alike, 0.05)
        for kind in ("normal", "rare", "zeros")
        for prompts in ((20,), (50,), (150,), (500,))
        for samples in (1, 4)
        for alike in ((0.0,) if samples == 1 else (0.0, 0.3, 1.0))
    ]
    return [*verdicts, *values]


def differences(cell: Cell, loss: float, rng: np.random.Generator) -> Floats:
    """Variant less base, (prompts, samples), with a mean of -`loss`."""
    if cell.kind == "verdicts":
        return _verdicts(cell, loss, rng)
    own, shared = rng.normal(size=(cell.count, cell.samples)), rng.normal(size=(cell.count, 1))
    noise = np.sqrt(1 - cell.alike) * own + np.sqrt(cell.alike) * shared
    if cell.kind == "normal":
        return 0.2 * noise - loss
    if cell.kind == "rare":  # a twentieth of the prompts loses twenty times the loss
        return 0.05 * noise - 20 * loss * (rng.random((cell.count, 1)) < 0.05)
    some = rng.random((cell.count, 1)) < 0.1  # a metric that gives most images the same
    return np.where(some, 0.3 * noise - 10 * loss, 0.0)


def _verdicts(cell: Cell, loss: float, rng: np.random.Generator) -> Floats:
    right = _happens(cell, cell.rate, rng)
    lost = _happens(cell, (cell.churn + loss) / cell.rate, rng)
    gained = _happens(cell, cell.churn / (1 - cell.rate), rng)
    return np.where(right, -lost.astype(float), gained.astype(float))


def _happens(cell: Cell, chance: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(prompts, samples); two images of a prompt have the correlation `alike`."""
    shape = (cell.count, cell.samples)
    shared = rng.random(shape) < np.sqrt(cell.alike)
    return np.where(shared, rng.random((cell.count, 1)) < chance, rng.random(shape) < chance)


def measured(cell: Cell, runs: int, seed: int) -> dict[str, Any]:
    """Shares of runs: wrongly not worse, rightly not worse, the planted loss found."""
    rng = np.random.default_rng((seed, cell.count, cell.samples))
    at_margin, equal = (_runs(cell, loss, runs, rng) for loss in (cell.margin, 0.0))
    margin = cell.margin
    return asdict(cell) | {
        "wrong": _share(at_margin, lambda found: found.is_within(margin)),
        "wrong_by_t": _share(at_margin, lambda found: _by_t(found, margin)),
        "passed": _share(equal, lambda found: found.is_within(margin)),
        "passed_by_t": _share(equal, lambda found: _by_t(found, margin)),
        "false_difference": _share(equal, _differs),
        "found": _share(
            _runs(cell, PLANTED, runs, rng), lambda found: _differs(found) and (found.value or 0.0) < 0
        ),
    }


def _runs(cell: Cell, loss: float, runs: int, rng: np.random.Generator) -> list[PairedMean]:
    """Empty where so large a loss cannot be."""
    if cell.kind == "verdicts" and cell.churn + loss > cell.rate:
        return []
    strata = [str(n) for n, prompts in enumerate(cell.prompts) for _ in range(prompts)]
    largest = 1.0 if cell.kind == "verdicts" else None
    return [paired_mean(differences(cell, loss, rng), strata, largest=largest) for _ in range(runs)]


def _share(found: list[PairedMean], claim: Callable[[PairedMean], bool]) -> float | None:
    return float(np.mean([claim(one) for one in found])) if found else None


def _by_t(found: PairedMean, margin: float) -> bool:
    """As a t interval has it, which is a point where nothing varies."""
    low = found.interval[0] if found.interval else found.value
    return low is not None and low > -margin


def _differs(found: PairedMean) -> bool:
    return found.p_value is not None and found.p_value < 0.05


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst and the mean over cells."""
    found = {}
    for name in ("wrong", "wrong_by_t", "false_difference"):
        values = [row[name] for row in rows if row[name] is not None]
        found[name] = {"largest": max(values), "mean": float(np.mean(values)), "cells": len(values)}
    return found


def main() -> None:
    """Write the grid's figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    started = time.perf_counter()
    grid = cells()
    with Pool(arguments.processes) as pool:
        rows = pool.starmap(measured, [(cell, arguments.runs, 7) for cell in grid], chunksize=4)
    document = {
        "command": "python -m benchmarks.noninferiority_grid -o docs/results/statistics/noninferiority.json"
        + ("" if arguments.runs == 1000 else f" --runs {arguments.runs}"),
        "machine": platform.machine(),
        "software": used_here(),
        "runs": arguments.runs,
        "seconds": round(time.perf_counter() - started),
        "summary": {
            kind: summary([row for row in rows if row["kind"] == kind])
            for kind in dict.fromkeys(cell.kind for cell in grid)
        },
    }
    head = json.dumps(document, indent=1)[:-2]
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    arguments.output.write_text(f'{head},\n "cells": [\n{lines}\n ]\n}}\n')
    print(json.dumps(document["summary"], indent=1))


if __name__ == "__main__":
    main()

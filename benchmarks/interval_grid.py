"""How often intervals hold and tests are wrong, in studies of equal models, cell by cell.

    python -m benchmarks.interval_grid --studies 1400 -o docs/results/statistics

Writes intervals.json there and prints the figures as a table. A cell is a design (annotators x prompts,
overlap, share done, panel) and a kind of data; three equal models a study give three pairs. `--only TEXT`
runs the cells with that text in their name. On one core 1,400 studies a cell take about five minutes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulated_studies import KINDS, Design, simulate
from nami_bench.evaluation.human.comparisons import compare_models
from nami_bench.evaluation.human.intervals import score_intervals

_MODELS = 3
_UPPER = np.triu_indices(_MODELS, 1)

GRID: tuple[Design, ...] = (
    Design("normal", 2, 20),
    Design("normal", 2, 48, 1, panel="spread"),
    Design("normal", 3, 20),
    Design("normal", 3, 60),
    Design("normal", 3, 200, 1),
    Design("normal", 4, 48, 3, 0.2),
    Design("normal", 5, 60),
    Design("normal", 5, 300),
    Design("normal", 5, 60, None, 0.6),
    Design("normal", 5, 48, 1),
    Design("normal", 5, 200, 1.1, panel="spread"),
    Design("normal", 5, 48, 1, panel="spread"),
    Design("normal", 5, 60, 2, 0.6, "spread"),
    Design("normal", 8, 48, 3),
    Design("normal", 10, 100),
    Design("normal", 20, 48, 1.1, panel="spread"),
    Design("normal", 20, 100, 5),
    Design("normal", 20, 20),
    Design("normal", 50, 20, 2, 0.6, "spread"),
    Design("normal", 100, 100, 2),
    *(
        design
        for kind in KINDS
        for design in (
            Design(kind, 3, 48, 1, panel="spread"),
            Design(kind, 5, 20),
            Design(kind, 8, 30, 3, 0.3, "spread"),
        )
    ),
)


@dataclass(frozen=True)
class Figures:
    """What a cell showed.

    `five_percent`, `one_in_thousand`: shares of the pairs with a p-value below 0.05 and 0.001. `coverage`: of
    the 95 % intervals of means. `half_width`: the pairs' median, at 95 %. `untold`: pairs without a p-value.
    `contradictions`: pairs whose p-value and interval disagree.
    """

    cell: str
    studies: int
    pairs: int
    untold: int
    five_percent: float
    one_in_thousand: float
    coverage: float
    half_width: float
    contradictions: int


def measure(design: Design, studies: int, seed: int = 0) -> Figures:
    """So many studies of one cell."""
    rng = np.random.default_rng([seed, *str(design).encode()])
    p, half, difference, held = [], [], [], []
    for _ in range(studies):
        ratings = simulate(design, rng, _MODELS)
        found, means = compare_models(ratings), score_intervals(ratings)
        p.append(found.p_value[_UPPER])
        half.append(found.half_width[_UPPER])
        difference.append(np.abs(found.difference[_UPPER]))
        known = ~np.isnan(means.low[:, -1])
        low, high = means.low[known, -1], means.high[known, -1]
        held.append((low <= design.mean) & (design.mean <= high))
    told = ~np.isnan(p)
    values = np.array(p)[told]
    apart = np.array(difference)[told] > np.array(half)[told]
    return Figures(
        cell=str(design),
        studies=studies,
        pairs=len(values),
        untold=int((~told).sum()),
        five_percent=float((values < 0.05).mean()),
        one_in_thousand=float((values < 0.001).mean()),
        coverage=float(np.concatenate(held).mean()),
        half_width=float(np.median(np.array(half)[told])),
        contradictions=int(((values < 0.05) != apart).sum()),
    )


def faults(figures: Figures) -> list[str]:
    """What a cell promises and does not hold, in words; chance is not allowed for."""
    limits: tuple[tuple[str, float, float], ...] = (
        ("false positives at 5 %", figures.five_percent, 0.06),
        ("false positives at 0.1 %", figures.one_in_thousand, 0.003),
        ("means outside their intervals", 1 - figures.coverage, 0.065),
        ("pairs that contradict their interval", figures.contradictions, 0),
    )
    return [f"{figures.cell}: {words} {value:.4g}" for words, value, most in limits if value > most]


def markdown(found: Sequence[Figures]) -> str:
    """The figures as a table."""
    lines = [
        "| data | annotators x prompts | overlap | done | panel | pairs "
        "| 5 % | 0.1 % | coverage | half width |",
        f"|{'---|' * 10}",
    ]
    for f in found:
        kind, size, overlap, done, panel = f.cell.split()
        figures = f"{f.pairs:,} | {100 * f.five_percent:.1f} | {100 * f.one_in_thousand:.2f} | "
        figures += f"{100 * f.coverage:.1f} | {f.half_width:.1f}"
        lines.append(f"| {kind} | {size.replace('x', ' x ')} | {overlap} | {done} | {panel} | {figures} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="cells with this text in their name")
    parser.add_argument("-o", "--output", type=Path, help="folder for intervals.json")
    arguments = parser.parse_args()
    found = []
    for design in GRID:
        if arguments.only in str(design):
            found.append(measure(design, arguments.studies, arguments.seed))
            print(json.dumps(asdict(found[-1])), flush=True)
    print(markdown(found))
    wrong = [words for figures in found for words in faults(figures)]
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        report: dict[str, Any] = {
            "seed": arguments.seed,
            "cells": [asdict(f) for f in found],
            "faults": wrong,
        }
        (arguments.output / "intervals.json").write_text(json.dumps(report, indent=2) + "\n")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()

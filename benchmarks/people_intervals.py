"""Whether the intervals of `study people` hold what they say, by simulation.

    python -m benchmarks.people_intervals -o docs/results/statistics/people-intervals.json

The kinds of studies are those of `people_flags` without a fault. What an interval is for is what the figure
would be with the same people and endless other items: it is taken from a study of the same people with
`TRUTH_ITEMS` items. Counted is how often an interval holds it, over studies and all of their people.
"""

import argparse
import json
import platform
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.people_flags import CELLS, Cell, people_of, simulated
from nami_bench import __version__
from nami_bench.evaluation.human.figures import Figure
from nami_bench.evaluation.human.peers import Peers, compare_with_others

KINDS = ("agreement", "severity", "spread")
TRUTH_ITEMS = 20_000
"""Shared by all people: where each item is judged by a few of them, each person has less."""

GROUPS = 10
"""Of people, in each kind of study: finding what is true of them takes longest."""


def kinds_of_studies() -> Iterator[Cell]:
    """Those without a fault; 12 and 25 items a person, too, where intervals are hardest."""
    for cell in CELLS:
        if not cell.fault and cell.people < 50:
            yield cell
    for mode in ("rating", "buttons", "questions", "pairwise"):
        for items in (12, 25):
            yield Cell(mode, 3, items, 0, noise=0.2)


def covered(cell: Cell, studies: int, seed: int) -> dict[str, Any]:
    """By figure, in which share of the intervals of so many studies the truth lies below, within, and above,
    and of how many intervals that is known."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for group in range(GROUPS):
        rng = np.random.default_rng((seed, group, *map(ord, f"{cell}")))
        people = people_of(cell, rng)
        truths = compare_with_others(simulated(replace(cell, items=TRUTH_ITEMS), rng, people)[0])
        for number in range(studies // GROUPS):
            found = compare_with_others(simulated(cell, rng, people)[0], seed=number)
            for one, truth in zip(found, truths, strict=False):
                _count(counts, one, truth)
    return asdict(cell) | {
        "studies": studies // GROUPS * GROUPS,
        "coverage": {
            kind: {
                "below": round(three[0] / sum(three), 4),
                "within": round(three[1] / sum(three), 4),
                "above": round(three[2] / sum(three), 4),
                "intervals": sum(three),
            }
            for kind, three in counts.items()
        },
    }


def _count(counts: dict[str, list[int]], one: Peers, truth: Peers) -> None:
    for kind in KINDS:
        interval: Figure | None = getattr(one, kind)
        true: Figure | None = getattr(truth, kind)
        if interval is not None and true is not None:
            counts[kind][1 + (true.value > interval.high) - (true.value < interval.low)] += 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200, help="for each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    arguments = parser.parse_args()
    rows = []
    for cell in kinds_of_studies():
        rows.append(covered(cell, arguments.studies, arguments.seed))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        about = {"nami_bench": __version__, "python": platform.python_version(), "numpy": np.__version__}
        options = {"studies": arguments.studies, "seed": arguments.seed}
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps({**about, **options, "cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

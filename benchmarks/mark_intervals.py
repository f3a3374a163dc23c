"""How often the intervals of agreement on marks hold what other images would give, by simulation.

    python -m benchmarks.mark_intervals -o docs/results/statistics/mark-intervals.json

An image has a fault with chance `faulty`, one or two of them at random places; everybody sees each fault with
chance `sees`, and marks it as a point off by a normal error of 4 % of the height; besides everybody marks
something that nobody else sees on one image of ten. Two or three people look at every image, or two of five
at each. What is true is what the same people give on `TRUTH_IMAGES` images. How often intervals hold is
counted by how many images bear a mark of anybody (for "whether", by the fewer of those with and without), for
that is what it hangs on; intervals are reckoned here however few those are.
"""

import argparse
import json
import platform
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from nami_bench import __version__
from nami_bench.domain.marking import Marks, Region
from nami_bench.evaluation.human import mark_agreement as agreement

IMAGES, PEOPLE, FAULTY, SEES = (10, 30, 100), ((2, 2), (3, 3), (5, 2)), (0.1, 0.3, 0.7), (0.5, 0.9)
BINS = (0, 5, 10, 15, 20, 30, 1000)
TRUTH_IMAGES = 4000
OFF, ALONE = 0.04, 0.1
REPLICATES = 400


def simulated(
    images: int, people: int, look: int, faulty: float, sees: float, rng: np.random.Generator
) -> Iterator[Marks]:
    """What people mark; `look` of them at each image."""
    for image in range(images):
        faults = rng.random((int(rng.integers(1, 3)) if rng.random() < faulty else 0, 2))
        for person in sorted(rng.choice(people, look, replace=False)):
            seen = [fault + rng.normal(0, OFF, 2) for fault in faults if rng.random() < sees]
            alone = [rng.random(2)] if rng.random() < ALONE else []
            regions = tuple(Region("artifact", *map(float, np.clip(p, 0, 1))) for p in (*seen, *alone))
            yield Marks("s", f"p{person}", "m", str(image), 0, regions)


def covered(
    images: int, people: int, look: int, faulty: float, sees: float, studies: int, seed: int
) -> dict[str, Any]:
    """Of each figure, the share of intervals that hold it, and of how many studies an interval was given."""
    rng = np.random.default_rng((seed, images, people, look, int(10 * faulty), int(10 * sees)))
    cell = (people, look, faulty, sees)
    kinds = ("artifact",)
    truth = agreement.mark_agreement(simulated(TRUTH_IMAGES, *cell, rng), kinds, replicates=0).kinds[0]
    held: dict[str, list[tuple[int, bool]]] = {"f1": [], "presence": []}
    for number in range(studies):
        marks = list(simulated(images, *cell, rng))
        one = agreement.mark_agreement(marks, kinds, replicates=REPLICATES, seed=number).kinds[0]
        bearing = len({mark.image for mark in marks if mark.regions})
        for name, evidence in (("f1", bearing), ("presence", min(bearing, images - bearing))):
            ratio, true = getattr(one, name), getattr(truth, name).value
            if ratio.low is not None:
                held[name].append((evidence, ratio.low <= true <= ratio.high))
    coverage = {name: _by_evidence(pairs) for name, pairs in held.items()}
    return {
        "images": images,
        "people": people,
        "look": look,
        "faulty": faulty,
        "sees": sees,
        "true": {name: round(getattr(truth, name).value, 3) for name in held},
        "coverage": coverage,
    }


def _by_evidence(pairs: list[tuple[int, bool]]) -> dict[str, list[int]]:
    """Of how many intervals how many held, by the least evidence of their bin."""
    bins = {
        str(low): [held for evidence, held in pairs if low <= evidence < high] for low, high in pairwise(BINS)
    }
    return {low: [len(own), sum(own)] for low, own in bins.items() if own}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200, help="for each cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    arguments = parser.parse_args()
    agreement.FEWEST_IMAGES = 0
    rows = []
    for images, (people, look), faulty, sees in product(IMAGES, PEOPLE, FAULTY, SEES):
        rows.append(covered(images, people, look, faulty, sees, arguments.studies, arguments.seed))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        about = {"nami_bench": __version__, "python": platform.python_version(), "numpy": np.__version__}
        options = {"studies": arguments.studies, "seed": arguments.seed}
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps({**about, **options, "cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""How often intervals of strengths from orders, and from best and worst, hold what they are about.

    python -m benchmarks.rankings_grid --studies 200 -o docs/results/statistics

Writes rankings.json there and prints the figures as a table. Six models; each prompt's four images are put in
order by `overlap` of the annotators. Images of one prompt are better or worse than their models are on
average (standard deviation `images`), and annotators have tastes (`tastes`), both in natural-log odds. What
is to be found is the fit of endless prompts and annotators. Intervals are those that prompts alone give, and
those of prompts and annotators ("both"). On two busy cores 200 studies a cell take about fifteen minutes.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from nami_bench.evaluation.human.plackett_luce import fit_rankings
from nami_bench.evaluation.human.rankings_table import Rankings
from nami_bench.evaluation.human.ratings_array import Floats

STRENGTHS = np.array([0.8, 0.4, 0.1, -0.1, -0.4, -0.8])
SHOWN = 4
ENDLESS = 40_000
WAYS = ("prompts", "both")


@dataclass(frozen=True)
class Cell:
    """A design and a kind of data: see the top of this module; `ties`: differences below it are none."""

    mode: str
    annotators: int
    prompts: int
    images: float
    tastes: float
    overlap: int = 3
    ties: float = 0.0


@dataclass(frozen=True)
class Figures:
    """Of one cell and way: the share of intervals that hold, their median width, studies without a fit."""

    cell: Cell
    way: str
    studies: int
    failed: int
    coverage: float
    width: float


def cells() -> Iterator[Cell]:
    for mode, (annotators, prompts), (images, tastes) in product(
        ("ranking", "best_worst"),
        ((3, 60), (5, 60), (10, 60), (10, 200), (30, 60), (30, 200)),
        ((0.0, 0.0), (0.7, 0.0), (0.0, 0.5), (0.7, 0.5)),
    ):
        yield Cell(mode, annotators, prompts, images, tastes)
    yield Cell("ranking", 10, 60, 0.7, 0.5, ties=0.5)
    yield Cell("ranking", 30, 200, 0.7, 0.5, ties=0.5)


def simulate(cell: Cell, rng: np.random.Generator, *, endless: int = 0) -> Rankings:
    """A study of a cell; `endless`: so many rankings instead, each of its own prompt and annotator."""
    count = endless or cell.prompts * cell.overlap
    models = len(STRENGTHS)
    prompt = np.arange(count) if endless else np.repeat(np.arange(cell.prompts), cell.overlap)
    annotator = np.arange(count)
    if not endless:
        drawn = [rng.permutation(cell.annotators)[: cell.overlap] for _ in range(cell.prompts)]
        annotator = np.concatenate(drawn)
    image = rng.normal(0, cell.images, (prompt.max() + 1, models))
    taste = rng.normal(0, cell.tastes, (annotator.max() + 1, models))
    group = np.argsort(rng.random((prompt.max() + 1, models)), axis=1)[:, :SHOWN]
    members = np.sort(group, axis=1)[prompt]
    utility = (STRENGTHS + image[prompt] + taste[annotator])[np.arange(count)[:, None], members]
    seen = utility + rng.gumbel(size=utility.shape)
    if cell.ties:
        seen = np.floor(seen / cell.ties)
    ranks = 1 + np.array([np.unique(-row, return_inverse=True)[1].reshape(-1) for row in seen])
    if cell.mode == "best_worst":
        ranks = np.where(ranks == 1, 1, np.where(ranks == SHOWN, 3, 2))
    names = tuple(f"model-{number}" for number in range(models))
    codes = np.unique(annotator, return_inverse=True)[1].reshape(-1)
    return Rankings(names, members, ranks, prompt, codes, cell.mode == "best_worst")


def measure(cell: Cell, studies: int, seed: int = 0) -> list[Figures]:
    """So many studies of a cell, their intervals by each way."""
    rng = np.random.default_rng([seed, *repr(cell).encode()])
    truth = fit_rankings(simulate(cell, rng, endless=ENDLESS), errors="model").strength
    held: dict[str, list[Floats]] = {way: [] for way in WAYS}
    width: dict[str, list[Floats]] = {way: [] for way in WAYS}
    failed = dict.fromkeys(WAYS, 0)
    for _ in range(studies):
        study = simulate(cell, rng)
        alone = replace(study, annotator=np.zeros_like(study.annotator))
        for way, rankings in (("prompts", alone), ("both", study)):
            found = fit_rankings(rankings)
            if np.isnan(found.standard_error).any():
                failed[way] += 1
                continue
            held[way].append((found.low <= truth) & (truth <= found.high))
            width[way].append(found.high - found.low)
    return [
        Figures(
            cell,
            way,
            studies,
            failed[way],
            round(float(np.mean(held[way])), 4),
            round(float(np.median(width[way])), 4),
        )
        for way in WAYS
    ]


def markdown(found: Sequence[Figures]) -> str:
    """The figures as a table, a line for each cell."""
    lines = [
        "| mode | annotators | prompts | images | tastes | ties "
        "| coverage: prompts | both | width: prompts | both |",
        f"|{'---|' * 10}",
    ]
    for one, both in zip(found[::2], found[1::2], strict=True):
        c = one.cell
        lines.append(
            f"| {c.mode} | {c.annotators} | {c.prompts} | {c.images} | {c.tastes} | {c.ties} "
            f"| {100 * one.coverage:.1f} | {100 * both.coverage:.1f} | {one.width:.2f} | {both.width:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="cells with this text in their form")
    parser.add_argument("-o", "--output", type=Path, help="folder for rankings.json")
    arguments = parser.parse_args()
    found: list[Figures] = []
    for cell in cells():
        if arguments.only in repr(cell):
            found += measure(cell, arguments.studies, arguments.seed)
            print(json.dumps(asdict(found[-1])), flush=True)
    print(markdown(found))
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        report = {
            "seed": arguments.seed,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": f"{platform.system()} {platform.machine()}",
            "cells": [asdict(one) for one in found],
        }
        (arguments.output / "rankings.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

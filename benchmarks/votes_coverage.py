"""How often intervals of strengths, and of effects of style and side, hold what they are about, in votes.

    python -m benchmarks.votes_coverage --studies 100 --million 40 -o docs/results/votes

Writes coverage.json there and prints the figures as a table, cell by cell. Votes are on pairs of models
drawn at random, each about one of many prompts and by one of many voters, some of whom vote far more often
than others ("unequal"). Images of one prompt are better or worse than their models are on average (standard
deviation `images`), voters have tastes (`tastes`), and like a style more or less than others do (`liking`),
all in natural-log odds. Half of some models' images and a fifth of others' have the style, whose effect is
planted; so is the effect of standing left. What is to be found is the fit of endless prompts and voters,
which is reckoned without drawing: outcomes' chances are averaged over these deviations by Gauss-Hermite
quadrature. Intervals are those of prompts as clusters ("prompts"), and of prompts and voters ("two-way").
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np

from nami_bench.evaluation.human.bradley_terry import Strengths, Ties, fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.newton import Counts, fit_counts
from nami_bench.evaluation.human.ratings_array import Floats
from nami_bench.evaluation.human.strength_errors import Errors

STYLE, SIDE, LOG_TIE = 0.4, 0.15, np.log(0.4)
WAYS: dict[str, Errors] = {"prompts": "clustered", "two-way": "two-way"}
MILLION = 1_000_000


@dataclass(frozen=True)
class Cell:
    """A design and a kind of data: see the top of this module."""

    votes: int
    prompts: int
    voters: int
    images: float
    tastes: float
    liking: float = 0.0
    unequal: bool = False
    models: int = 10
    ties: Ties = "davidson"


@dataclass(frozen=True)
class Figures:
    """Of one cell and way: shares of the intervals that hold, of strengths, style and side; the median width
    of a strength's, in Elo points; seconds of one fit."""

    cell: Cell
    way: str
    studies: int
    strengths: float
    style: float
    side: float
    width: float
    seconds: float


def cells() -> Iterator[Cell]:
    for (votes, prompts, voters), (images, tastes, liking) in product(
        ((3_000, 100, 30), (10_000, 100, 300), (10_000, 1000, 30), (20_000, 500, 1000)),
        ((0.0, 0.0, 0.0), (0.7, 0.0, 0.0), (0.0, 0.5, 0.3), (0.7, 0.5, 0.3)),
    ):
        yield Cell(votes, prompts, voters, images, tastes, liking)
    yield Cell(20_000, 500, 1000, 0.7, 0.5, 0.3, unequal=True)
    yield Cell(20_000, 500, 1000, 0.7, 0.5, 0.3, ties="half")
    yield Cell(MILLION, 3000, 20_000, 0.7, 0.5, 0.3, unequal=True, models=20)


def planted(cell: Cell) -> tuple[Floats, Floats]:
    """Strengths of the models, and the shares of their images that have the style."""
    return np.linspace(1, -1, cell.models), np.where(np.arange(cell.models) % 2, 0.2, 0.5)


def _chances(d: Floats) -> Floats:
    """Of left, tie and right, shape (..., 3), by Davidson's model."""
    parts = np.stack((d / 2, np.full_like(d, LOG_TIE), -d / 2), axis=-1)
    weight = np.exp(parts - parts.max(axis=-1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True))


def truth(cell: Cell) -> Floats:
    """Strengths, side and style that endless votes of endless prompts and voters would give."""
    strengths, share = planted(cell)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    rows = []
    for i, j in product(range(cell.models), repeat=2):
        for a, b in product((0, 1), repeat=2):
            if i == j:
                continue
            chance = (share[i] if a else 1 - share[i]) * (share[j] if b else 1 - share[j])
            z = float(a - b)
            deviation = np.sqrt(2 * (cell.images**2 + cell.tastes**2) + (cell.liking * z) ** 2)
            d = strengths[i] - strengths[j] + SIDE + STYLE * z + deviation * nodes
            rows.append((i, j, z, *(chance * (weights / weights.sum()) @ _chances(d))))
    table = np.array(rows)
    left, right = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    z = np.column_stack((np.ones(len(table)), table[:, 2]))
    group = np.zeros(cell.models, dtype=np.int64)
    counts = Counts(
        cell.models, left, right, z, table[:, 3:], cell.ties == "davidson", group, np.empty(0, dtype=np.int64)
    )
    fit = fit_counts(counts)
    assert fit is not None
    return fit.parameters[: cell.models + 2]


def simulate(cell: Cell, rng: np.random.Generator) -> Comparisons:
    """The votes of one study."""
    strengths, share = planted(cell)
    left = rng.integers(0, cell.models, cell.votes)
    right = (left + rng.integers(1, cell.models, cell.votes)) % cell.models
    prompt = rng.integers(0, cell.prompts, cell.votes)
    busy = 1 / np.arange(3, cell.voters + 3) if cell.unequal else np.ones(cell.voters)
    voter = rng.choice(cell.voters, cell.votes, p=busy / busy.sum())
    image = rng.normal(0, cell.images, (cell.prompts, cell.models))
    taste = rng.normal(0, cell.tastes, (cell.voters, cell.models))
    styled = rng.random((cell.prompts, cell.models)) < share
    z = styled[prompt, left].astype(float) - styled[prompt, right]
    liking = STYLE + rng.normal(0, cell.liking, cell.voters)[voter]
    worth = [strengths[m] + image[prompt, m] + taste[voter, m] for m in (left, right)]
    chance = np.cumsum(_chances(worth[0] - worth[1] + SIDE + liking * z), axis=-1)
    outcome = (rng.random(cell.votes)[:, None] > chance).sum(axis=-1)
    names = tuple(f"m{number:02d}" for number in range(cell.models))
    return Comparisons(
        names, left, right, outcome, prompt, cell.prompts, (), {"style": z}, voter, cell.voters
    )  # fmt: skip


def _held(found: Strengths, wanted: Floats) -> tuple[Floats, bool, bool]:
    strengths = (found.low <= wanted[:-2]) & (wanted[:-2] <= found.high)
    (_, *side), (_, *style) = found.effects["left"], found.effects["style"]
    return strengths, style[0] <= wanted[-1] <= style[1], side[0] <= wanted[-2] <= side[1]


def measure(cell: Cell, studies: int, seed: int = 0) -> list[Figures]:
    """So many studies of a cell, their intervals by each way."""
    rng = np.random.default_rng([seed, *repr(cell).encode()])
    wanted = truth(cell)
    held: dict[str, list[tuple[Floats, bool, bool]]] = {way: [] for way in WAYS}
    width: dict[str, list[float]] = {way: [] for way in WAYS}
    seconds = dict.fromkeys(WAYS, 0.0)
    for _ in range(studies):
        study = simulate(cell, rng)
        for way, errors in WAYS.items():
            began = time.process_time()
            found = fit_bradley_terry(study, side=True, ties=cell.ties, errors=errors)
            seconds[way] += time.process_time() - began
            held[way].append(_held(found, wanted))
            width[way].append(float(np.median(found.high - found.low)) * 400 / np.log(10))
    return [
        Figures(
            cell,
            way,
            studies,
            *(round(float(np.mean([one[part] for one in held[way]])), 4) for part in range(3)),
            width=round(float(np.median(width[way])), 2),
            seconds=round(seconds[way] / studies, 3),
        )
        for way in WAYS
    ]


def _line(one: Figures) -> str:
    cell = one.cell
    kind = f"{cell.images:g}, {cell.tastes:g}, {cell.liking:g}{', unequal' * cell.unequal}"
    kind += ", half wins" * (cell.ties == "half")
    return (
        f"| {cell.votes:,} | {cell.prompts} | {cell.voters} | {kind} | {one.way} | "
        f"{100 * one.strengths:.1f} | {100 * one.style:.0f} | {100 * one.side:.0f} | {one.width:.1f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--million", type=int, default=40, help="studies of a million votes")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/votes"))
    options = parser.parse_args(arguments)
    assert set(WAYS.values()) <= set(get_args(Errors))
    found: list[Figures] = []
    for cell in cells():
        studies = options.million if cell.votes == MILLION else options.studies
        for one in measure(cell, studies) if studies else ():
            found.append(one)
            print(_line(one), flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    about = {"machine": platform.machine(), "python": platform.python_version(), "numpy": version("numpy")}
    document = {"about": about, "figures": [asdict(one) for one in found]}
    (options.output / "coverage.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Whether plans from a set's votes keep what they promise.

    python -m benchmarks.votes_plan_power --studies 500 -o docs/results/votes

For each cell a set of 20 models is drawn whose images differ by prompt (standard deviation `images`) and
whose voters have tastes (`tastes`), in natural-log odds. Its variance components are estimated from its
votes, and with these a study of two models is planned for a power of 80 %. So many studies of that size are
drawn, of two models that differ as planned, and tested as strengths are, with prompts and voters as clusters.
Writes plan_power.json there, and prints the figures as a table.
"""

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import optimize

from nami_bench.evaluation.human.bradley_terry import fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.ratings_array import Floats
from nami_bench.evaluation.human.vote_components import vote_components
from nami_bench.evaluation.human.vote_design import VoteLayout, share_of, vote_prompts_needed

LOG_TIE = np.log(0.3)


@dataclass(frozen=True)
class Cell:
    """A kind of votes, and what is planned with them; `votes`: on each prompt's two images."""

    images: float
    tastes: float
    elo: float
    voters: int
    votes: int


@dataclass(frozen=True)
class Figures:
    """Of one cell: prompts planned, the share of the studies that found the difference, and where there was
    none."""

    cell: Cell
    prompts: int
    power: float
    false: float


CELLS = (
    Cell(0.0, 0.0, 50, 30, 1),
    Cell(0.8, 0.0, 50, 30, 1),
    Cell(0.8, 0.0, 50, 100, 5),
    Cell(0.8, 0.4, 50, 100, 1),
    Cell(0.8, 0.4, 50, 100, 5),
    Cell(0.8, 0.4, 100, 30, 3),
    Cell(0.4, 0.4, 100, 15, 3),
    Cell(1.2, 0.2, 35, 300, 3),
)


def drawn(
    cell: Cell, gap: Floats, prompts: int, voters: int, votes: int, rng: np.random.Generator, pairs: int = 1
) -> Comparisons:
    """`votes` votes on each prompt's images of `pairs` pairs of models, which differ by `gap` log odds."""
    models = len(gap)
    image, taste = rng.normal(0, cell.images, (prompts, models)), rng.normal(0, cell.tastes, (voters, models))
    first = np.concatenate([rng.permutation(models)[: 2 * pairs].reshape(pairs, 2) for _ in range(prompts)])
    turned = rng.random((len(first), votes)) < 0.5
    left = np.where(turned, first[:, :1], first[:, 1:]).reshape(-1)
    right = np.where(turned, first[:, 1:], first[:, :1]).reshape(-1)
    prompt = np.repeat(np.arange(prompts), pairs * votes)
    voter = np.resize(rng.permutation(voters), len(left))
    worth = [gap[m] + image[prompt, m] + taste[voter, m] for m in (left, right)]
    d = worth[0] - worth[1]
    weight = np.exp(np.stack((d / 2, np.full_like(d, LOG_TIE), -d / 2), axis=-1))
    chance = np.cumsum(weight / weight.sum(axis=-1, keepdims=True), axis=-1)
    outcome = (rng.random(len(d))[:, None] > chance).sum(axis=-1)
    names = tuple(f"m{number:02d}" for number in range(models))
    return Comparisons(names, left, right, outcome, prompt, prompts, (), {}, voter, voters)


def gap_of(cell: Cell) -> float:
    """The log odds between two models of which the better wins as many votes as the difference says."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    spread = np.sqrt(2 * (cell.images**2 + cell.tastes**2)) * nodes

    def lacking(gap: float) -> float:
        d = gap + spread
        parts = np.exp(np.stack((d / 2, np.full_like(d, LOG_TIE), -d / 2)))
        share = (parts[0] + parts[1] / 2) / parts.sum(axis=0)
        return float(weights @ share / weights.sum()) - share_of(cell.elo)

    return float(optimize.brentq(lacking, 0, 10))


def _found(cell: Cell, gap: float, prompts: int, rng: np.random.Generator) -> bool:
    study = drawn(cell, np.array([gap / 2, -gap / 2]), prompts, cell.voters, cell.votes, rng)
    fit = fit_bradley_terry(study, ties="half", errors="two-way")
    return bool(fit.low[0] > 0 or fit.high[0] < 0)


def measure(cell: Cell, studies: int) -> Figures:
    """Plan with a set of the cell, then draw and test studies of the size planned."""
    rng = np.random.default_rng([1, *repr(cell).encode()])
    pilot = drawn(cell, np.linspace(0.5, -0.5, 20), 1500, 400, 10, rng, pairs=5)
    prompts = vote_prompts_needed(vote_components(pilot), cell.elo, cell.voters, VoteLayout(cell.votes))
    assert prompts is not None, cell
    gap = gap_of(cell)
    power = np.mean([_found(cell, gap, prompts, rng) for _ in range(studies)])
    false = np.mean([_found(cell, 0.0, prompts, rng) for _ in range(studies)])
    return Figures(cell, prompts, round(float(power), 4), round(float(false), 4))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/votes"))
    options = parser.parse_args(arguments)
    found = []
    for cell in CELLS:
        found.append(one := measure(cell, options.studies))
        print(
            f"| {cell.images:g}, {cell.tastes:g} | {cell.elo:g} | {cell.voters} | {cell.votes} | "
            f"{one.prompts} | {100 * one.power:.0f} | {100 * one.false:.1f} |",
            flush=True,
        )
    options.output.mkdir(parents=True, exist_ok=True)
    about = {"machine": platform.machine(), "python": platform.python_version(), "studies": options.studies}
    document = {"about": about, "figures": [asdict(one) for one in found]}
    (options.output / "plan_power.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()

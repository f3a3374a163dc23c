"""What it does to Bradley-Terry strengths and agreement that pairs end early, over a grid of studies.

    python -m benchmarks.stopping_pairs -o docs/results/statistics/stopping-pairs.json

Four models; a pair of images differs by its models' strengths and by what the two images are, which varies by
`spread` (log odds); verdicts with ties. `shrinkage`: the slope of the strengths from the verdicts that were
made on those of the same study with all of them, 1 where nothing is lost. `first`: the same from the verdicts
of each pair that came before the rule looked. Coverage: of the 95 % intervals (clustered by prompt), of the
strengths that very many verdicts would give.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nami_bench.domain import Rule, Stopping
from nami_bench.evaluation.human.agreement import krippendorff_alpha
from nami_bench.evaluation.human.bradley_terry import Strengths, fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.early_end import reason_to_end
from nami_bench.software import used_here

MODELS, PROMPTS, ANNOTATORS = 4, 60, 12
PAIRS = list(itertools.combinations(range(MODELS), 2))
NAMES = tuple(f"model-{i}" for i in range(MODELS))
VERDICTS = ("left", "tie", "right")

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """`worth`: the strengths' distance from model to model; `tie`: Davidson's nu."""

    worth: float
    spread: float
    tie: float
    overlap: int
    stopping: Stopping

    @property
    def name(self) -> str:
        """The rule in words."""
        rule = self.stopping
        if rule.rule == Rule.NONE:
            return f"fixed {self.overlap}"
        return f"{rule.agree} of {self.overlap}, from {rule.minimum}"


def grid() -> Iterator[Cell]:
    """All cells."""
    rules = [
        (3, Stopping()),
        (3, Stopping(Rule.AGREEMENT, 2, 2)),
        (5, Stopping(Rule.AGREEMENT, 3, 3)),
        (7, Stopping(Rule.AGREEMENT, 3, 4)),
    ]
    for worth, spread, tie, (overlap, rule) in itertools.product((0.0, 0.4), (0.0, 1.0, 2.0), (0.5,), rules):
        yield Cell(worth, spread, tie, overlap, rule)


def verdicts(cell: Cell, prompts: int, rng: np.random.Generator) -> Codes:
    """Everybody's, shape (prompts, pairs, annotators): places in `VERDICTS`."""
    worth = cell.worth * (np.arange(MODELS) - (MODELS - 1) / 2)
    quality = worth + rng.normal(0, cell.spread / np.sqrt(2), (prompts, MODELS))
    d = np.stack([quality[:, i] - quality[:, j] for i, j in PAIRS], axis=1)[..., None]
    odds = np.stack([np.exp(d / 2), np.full_like(d, cell.tie), np.exp(-d / 2)])
    edges = (odds / odds.sum(axis=0)).cumsum(axis=0)
    drawn = rng.random((*d.shape[:2], ANNOTATORS))
    return np.asarray((drawn > edges[0]).astype(np.int64) + (drawn > edges[1]))


def lengths(cell: Cell, found: Codes) -> Codes:
    """By pair of images, how many verdicts count."""
    counts = np.full(found.shape[:2], cell.overlap)
    if cell.stopping.rule == Rule.NONE:
        return counts
    for item in np.ndindex(*counts.shape):
        given = [VERDICTS[one] for one in found[item].tolist()]
        for count in range(cell.stopping.minimum, cell.overlap):
            if reason_to_end(cell.stopping, cell.overlap, [given[:count]]):
                counts[item] = count
                break
    return counts


def fitted(found: Codes, counted: NDArray[np.bool_]) -> Strengths:
    """Strengths from the verdicts that count."""
    prompt, pair, annotator = np.nonzero(counted)
    left, right = np.array(PAIRS).T
    return fit_bradley_terry(
        Comparisons(
            NAMES, left[pair], right[pair], found[prompt, pair, annotator], prompt, len(found), (), {}
        )
    )


def study(cell: Cell, right: NDArray[np.float64], seed: Any) -> dict[str, Any]:
    """One study."""
    found = verdicts(cell, PROMPTS, np.random.default_rng(seed))
    counts = lengths(cell, found)
    place = np.arange(ANNOTATORS)
    counted = place < counts[..., None]
    whole = fitted(found, np.ones_like(counted))
    made = fitted(found, counted)
    first = fitted(found, np.broadcast_to(place < cell.stopping.minimum, counted.shape))
    unit = np.broadcast_to(np.arange(counts.size).reshape(counts.shape)[..., None], counted.shape)

    def alpha(chosen: NDArray[np.bool_]) -> float:
        return (
            krippendorff_alpha(unit[chosen], found[chosen].astype(float), "nominal", replicates=0).alpha
            or 0.0
        )

    few = np.broadcast_to(place < cell.stopping.minimum, counted.shape)
    return {
        "verdicts": float(counts.mean()), "whole": whole.strength, "made": made.strength,
        "first": first.strength,
        "held": (made.low <= right) & (made.high >= right),
        "tie": made.tie, "tie_whole": whole.tie,
        "alpha_whole": alpha(np.ones_like(counted)), "alpha": alpha(counted), "alpha_first": alpha(few),
    }  # fmt: skip


def run(cell: Cell, studies: int, number: int) -> dict[str, Any]:
    """The means over so many studies of a cell."""
    many = verdicts(cell, 4_000, np.random.default_rng(number))
    right = fitted(many, np.ones(many.shape, dtype=bool)).strength
    rows = [study(cell, right, (number, seed)) for seed in range(studies)]

    def slope(key: str) -> float:
        x, y = (np.concatenate([row[name] for row in rows]) for name in ("whole", key))
        return float((x * y).sum() / (x * x).sum())

    def mean(key: str) -> float:
        return float(np.mean([row[key] for row in rows]))

    spread = np.mean([row["made"] for row in rows], axis=0)
    return {
        "worth": cell.worth, "spread": cell.spread, "tie": cell.tie, "rule": cell.name,
        "stopping": asdict(cell.stopping), "overlap": cell.overlap, "studies": studies,
        "verdicts": mean("verdicts"), "true": right.round(3).tolist(), "mean": spread.round(3).tolist(),
        "shrinkage": slope("made"), "shrinkage_first": slope("first"), "coverage": mean("held"),
        "fitted_tie": mean("tie"), "fitted_tie_whole": mean("tie_whole"),
        **{key: mean(key) for key in ("alpha_whole", "alpha", "alpha_first")},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    options = parser.parse_args()
    rows = []
    for number, cell in enumerate(grid()):
        rows.append(run(cell, options.studies, number))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    text = json.dumps({"software": used_here(["numpy", "scipy"]), "pairs": rows}, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""How often the intervals of the audit of judges by questions hold, cell by cell.

    python -m benchmarks.question_audit_grid --studies 200 -o docs/results/statistics

Writes question-audit.json there and prints the figures as a table. A cell is prompts x annotators x how good
the judge is x the share of answers that are right in truth. A study has two images of each prompt with three
questions each; every annotator answers them all, and the judge gives a probability.

Prompts and annotators are crossed random effects. On the scale of log odds: a prompt makes right answers more
or less frequent, is hard for people and, half as much, for the judge, and hard for the judge alone; a
question is hard for people; an annotator has a sensitivity and a specificity of their own.

Two values are there to be held. `same`: the statistic over endless prompts, each with a fresh panel of as
many annotators, of whom the majority counts. `endless`: the same with endless annotators.
"""

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.ratings_statistics import machine, versions
from nami_bench.evaluation.audit.question_results import STATISTICS
from nami_bench.evaluation.audit.questions import BINS, audit_judge
from nami_bench.evaluation.audit.statistics import RESAMPLES, Bools, Floats

IMAGES, ASKED = 2, 3
"""Images of a prompt, and questions about each of them."""
JUDGES = {"good": 2.2, "poor": 0.8}
"""Log odds that the judge is right about a question of an average prompt."""
RATE = 1.0
"""Standard deviation between prompts of the log odds of a right answer."""
PEOPLE, BETWEEN_PEOPLE, HARD_PROMPT, HARD_QUESTION = 2.5, 0.6, 0.6, 0.6
"""Log odds that an average annotator is right, and standard deviations about them."""
HARD_FOR_JUDGE, CONFIDENCE = 0.7, 1.5
"""Standard deviation of the judge's own hard prompts; its log odds are so many times too large."""
_POPULATION = 200_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A design. `right`: the share of answers that are right in truth."""

    prompts: int
    annotators: int
    judge: str
    right: float


def grid() -> Iterator[Cell]:
    """All 48 cells."""
    for values in itertools.product((20, 60, 200), (1, 2, 3, 5), JUDGES, (0.5, 0.9)):
        yield Cell(*values)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A study's answers by prompt and question: `people` (prompts, questions, annotators) says whether they
    call it right, `endless` what the majority of endless annotators does, `probability` is the judge's."""

    people: Bools
    endless: Bools
    probability: Floats


def draw(cell: Cell, rng: np.random.Generator, *, fresh: bool = False) -> Drawn:
    """One study; where `fresh`, each prompt has annotators of its own."""
    shape = (cell.prompts, IMAGES * ASKED)
    truth = rng.random(shape) < expit(_intercept(cell.right) + rng.normal(0, RATE, (cell.prompts, 1)))
    hard = rng.normal(0, HARD_PROMPT, (cell.prompts, 1))
    ease = PEOPLE - hard - rng.normal(0, HARD_QUESTION, shape)
    own = rng.normal(0, BETWEEN_PEOPLE, (2, cell.prompts if fresh else 1, 1, cell.annotators))
    correct = rng.random((*shape, cell.annotators)) < expit(
        ease[..., None] + np.where(truth[..., None], own[0], own[1])
    )
    skill = JUDGES[cell.judge] - hard / 2 - rng.normal(0, HARD_FOR_JUDGE, (cell.prompts, 1))
    sure = CONFIDENCE * (skill + rng.logistic(size=shape))
    return Drawn(correct == truth[..., None], (ease > 0) == truth, expit(np.where(truth, sure, -sure)))


def _intercept(share: float) -> float:
    """The log odds at which `share` of the answers are right, prompts' deviations taken into account."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        below = weights @ expit(middle + RATE * nodes) < share
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def values(right: Bools, probability: Floats) -> Floats:
    """`STATISTICS` of questions, (n,): whether people call them right, and a judge's probability of it."""
    judged = probability >= 0.5
    agreed, rates = (right == judged).mean(), (right.mean(), judged.mean())
    chance = rates[0] * rates[1] + (1 - rates[0]) * (1 - rates[1])
    surprise = probability - right
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    off = np.abs(np.bincount(bins, weights=surprise, minlength=BINS)).sum() / len(right)
    kappa = (agreed - chance) / (1 - chance)
    return np.array([judged[right].mean(), 1 - judged[~right].mean(), kappa, off, (surprise**2).mean()])


def population(cell: Cell, prompts: int = _POPULATION) -> dict[str, Floats]:
    """What there is to be held, by kind."""
    many = Cell(prompts, cell.annotators, cell.judge, cell.right)
    drawn = draw(many, np.random.default_rng(7), fresh=True)
    votes = 2 * drawn.people.sum(axis=2) - cell.annotators
    told = votes != 0
    return {
        "same": values(votes[told] > 0, drawn.probability[told]),
        "endless": values(drawn.endless.ravel(), drawn.probability.ravel()),
    }


def table(drawn: Drawn) -> pd.DataFrame:
    """A study as the audit takes it, a row for each annotator's answer."""
    prompts, asked, annotators = drawn.people.shape
    prompt, question, annotator = (at.ravel() for at in np.indices(drawn.people.shape))
    probability = np.repeat(drawn.probability.ravel(), annotators)
    return pd.DataFrame(
        {
            "model": np.where(question < asked // IMAGES, "a", "b"),
            "prompt_id": _names(prompts)[prompt],
            "sample": 0,
            "question": question % (asked // IMAGES),
            "annotator": _names(annotators)[annotator],
            "category": "any",
            "right": drawn.people.ravel().astype(float),
            "judged": probability >= 0.5,
            "probability": probability,
        }
    )


def _names(count: int) -> NDArray[Any]:
    return np.array([f"{number:05d}" for number in range(count)])


def study(cell: Cell, resamples: int, seed: int) -> Floats:
    """One study's value, low and high of each statistic, shape (statistics, 3); NaN where there is none."""
    rng = np.random.default_rng((seed, *json.dumps(asdict(cell)).encode()))
    found = audit_judge("simulated", cell.judge, table(draw(cell, rng)), resamples).overall
    rows = []
    for name in STATISTICS:
        estimate = getattr(found, name)
        rows.append((estimate.value, *(estimate.interval or (None, None))))
    return np.array(rows, dtype=float)


def summary(cell: Cell, studies: Floats, truth: dict[str, Floats]) -> dict[str, Any]:
    """A cell's figures, of `study`'s arrays, (studies, statistics, 3), and its `population`."""
    report: dict[str, Any] = asdict(cell)
    for at, name in enumerate(STATISTICS):
        value, low, high = studies[:, at].T
        told = ~np.isnan(low)
        inside = {kind: (low[told] <= these[at]) & (these[at] <= high[told]) for kind, these in truth.items()}
        report[name] = {
            "without_interval": int((~told).sum()),
            "mean": _rounded(np.nanmean(value)),
            "half_width": _rounded(np.mean(high[told] - low[told]) / 2),
            "same": _rounded(truth["same"][at]),
            "same_coverage": _rounded(inside["same"].mean()),
            "endless": _rounded(truth["endless"][at]),
            "endless_coverage": _rounded(inside["endless"].mean()),
        }
    return report


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def markdown(cells: Sequence[dict[str, Any]]) -> str:
    """Coverage in %, of the value with as many annotators and, behind a stroke, with endless ones."""
    lines = [
        f"| prompts | annotators | judge | right | {' | '.join(STATISTICS)} |",
        f"|{'---|' * (4 + len(STATISTICS))}",
    ]
    for cell in cells:
        held = [
            f"{100 * cell[name]['same_coverage']:.0f} / {100 * cell[name]['endless_coverage']:.0f}"
            for name in STATISTICS
        ]
        design = (str(cell[name]) for name in ("prompts", "annotators", "judge", "right"))
        lines.append(f"| {' | '.join((*design, *held))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200, help="for each cell")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="draws for an interval")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="folder for question-audit.json")
    arguments = parser.parse_args()
    started, where = time.monotonic(), machine()
    cells = []
    with ProcessPoolExecutor(arguments.workers) as workers:
        for cell in grid():
            one = partial(study, cell, arguments.resamples)
            found = np.array(list(workers.map(one, range(arguments.studies), chunksize=10)))
            cells.append(summary(cell, found, population(cell)))
            print(json.dumps(cells[-1]), flush=True)
    print(markdown(cells))
    if arguments.output:
        command = "python -m benchmarks.question_audit_grid"
        report = {
            "command": f"{command} --studies {arguments.studies} --resamples {arguments.resamples}",
            "machine": where,
            "versions": {name: versions()[name] for name in ("numpy", "scipy", "pandas")},
            "seconds": round(time.monotonic() - started),
            "cells": cells,
        }
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "question-audit.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

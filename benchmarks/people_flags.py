"""How often people of a study are flagged for nothing, and how often those are who should be, by simulation.

    python -m benchmarks.people_flags -o docs/results/statistics/people-flags.json

Each cell is a kind of study: mode, people, items, how many judge each item, even or uneven shares of the
work, and how much people differ by nature: in severity (a standard deviation of 6 points), in pace, in the
share of gold items that they pass, and, where `noise` is not 0, in how exact they are (the standard deviation
of its logarithm). Without a fault nobody should be flagged. A fault is one person's, or a tenth or a fifth of
all people's: `random` answers, the `same` answer always (both at a third of the time), `half` of the answers
at random, or 20 points `strict`.
"""

import argparse
import json
import platform
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from nami_bench import __version__
from nami_bench.evaluation.human.given_answers import GivenAnswers
from nami_bench.evaluation.human.people import Work, people_figures

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NOISE = 10.0
SEVERITY = 6.0
CRITERIA = {"rating": 2, "buttons": 2, "questions": 4, "pairwise": 1}
"""Of each mode; `buttons` are ratings on a scale from 1 to 5, with many ties."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of study; `overlap` 0: everybody judges everything. `bad`: the share of people with a fault, 0
    for one of them."""

    mode: str
    people: int
    items: int
    overlap: int
    uneven: bool = False
    noise: float = 0.0
    fault: str = ""
    bad: float = 0.0

    @property
    def faulty(self) -> int:
        """How many people have the fault; they are the first ones."""
        return 0 if not self.fault else max(1, round(self.bad * self.people))


def _null() -> tuple[Cell, ...]:
    sizes = (
        (2, 60, 0),
        (3, 30, 0),
        (3, 100, 0),
        (5, 60, 2),
        (5, 60, 0),
        (8, 100, 3),
        (15, 150, 3),
        (50, 500, 5),
    )
    return tuple(
        Cell(mode, people, items, overlap, uneven, noise)
        for mode in CRITERIA
        for people, items, overlap in sizes
        for uneven, noise in ((False, 0.0), (False, 0.2), (True, 0.2))
        if not (uneven and overlap == 0)  # who judges everything has an even share
    )


def _faults() -> tuple[Cell, ...]:
    sizes = (
        (3, 100, 0, 0.0),
        (5, 60, 0, 0.0),
        (8, 100, 3, 0.0),
        (15, 150, 3, 0.0),
        (50, 500, 5, 0.1),
        (50, 500, 5, 0.2),
    )
    return tuple(
        Cell(mode, people, items, overlap, noise=0.2, fault=fault, bad=bad)
        for mode in CRITERIA
        for people, items, overlap, bad in sizes
        for fault in ("random", "same", "half", "strict")
        if not (fault == "strict" and mode == "pairwise")
    )


CELLS = (*_null(), *_faults())


@dataclass(frozen=True, slots=True)
class People:
    """What people are by nature, each shape (people,): how noisy, how severe, and how much of the work they
    take."""

    noise: Floats
    severity: Floats
    share: Floats


def people_of(cell: Cell, rng: np.random.Generator) -> People:
    """Those of one study; uneven shares differ by a factor of about ten."""
    noise = NOISE * np.exp(rng.normal(0, cell.noise, cell.people))
    severity = rng.normal(0, SEVERITY, cell.people)
    if cell.fault == "strict":
        severity[: cell.faulty] -= 20
    share = np.exp(rng.normal(0, 0.6, cell.people)) if cell.uneven else np.ones(cell.people)
    return People(noise, severity, share)


def simulated(
    cell: Cell, rng: np.random.Generator, people: People | None = None
) -> tuple[GivenAnswers, dict[str, Work]]:
    """One study, of these people or of others."""
    people = people or people_of(cell, rng)
    noise, severity = people.noise, people.severity
    item, person = _seats(cell, people.share, rng)
    columns = [_values(cell, item, person, noise, severity, rng) for _ in range(CRITERIA[cell.mode])]
    criterion = np.repeat(np.arange(len(columns)), len(item))
    order = np.argsort(np.tile(rng.permutation(len(item)), len(columns)), kind="stable")
    rows = np.tile(np.arange(len(item)), len(columns))
    values = np.concatenate(columns)
    names = tuple(f"p{code}" for code in range(cell.people))
    person, item, criterion, values = person[rows][order], item[rows][order], criterion[order], values[order]
    counts = np.ones(len(rows), dtype=bool)
    if cell.mode == "pairwise":
        answers = GivenAnswers.of_codes(names, person, item, criterion, values.astype(np.int64), 4, counts)
    else:
        strand = np.zeros_like(criterion) if cell.mode == "questions" else criterion
        answers = GivenAnswers(names, person, item, criterion, strand, values[:, None], counts)
    return answers, _works(cell, names, person, item, values, noise, rng)


def _seats(cell: Cell, share: Floats, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """(item, person) of every judgement."""
    overlap = cell.overlap or cell.people
    keys = rng.gumbel(size=(cell.items, cell.people)) + np.log(share)  # draws without replacement
    who = np.argsort(-keys, axis=1)[:, :overlap]
    return np.repeat(np.arange(cell.items), overlap), who.reshape(-1)


def _values(
    cell: Cell, item: Integers, person: Integers, noise: Floats, severity: Floats, rng: np.random.Generator
) -> Floats:
    """One criterion's answers, as they are kept."""
    quality = rng.normal(0, 18, cell.items)[item]
    felt = (
        quality
        + (severity[person] if cell.mode != "pairwise" else 0)
        + rng.normal(0, 1, len(item)) * noise[person]
    )
    is_bad = person < (cell.faulty if cell.fault in ("random", "same", "half") else 0)
    if cell.fault == "half":
        is_bad &= rng.random(len(item)) < 0.5
    if cell.fault == "same":
        felt = np.where(is_bad, 20.0, felt)
    else:
        felt = np.where(is_bad, rng.normal(0, 25, len(item)), felt)
    if cell.mode == "rating":
        return np.asarray(np.clip(np.round(50 + felt), 0, 100), dtype=np.float64)
    if cell.mode == "buttons":
        return np.asarray(25 * np.clip(np.round((50 + felt) / 25), 0, 4), dtype=np.float64)
    if cell.mode == "questions":
        return np.where(felt > 18 * float(ndtri(0.3)), 100.0, 0.0)  # seven of ten are true
    return np.select([felt < -25, felt < -6, felt < 6], [3, 1, 2], 0).astype(np.float64)


def _works(
    cell: Cell, names: tuple[str, ...], person: Integers, item: Integers, values: Floats, noise: Floats,
    rng: np.random.Generator,
) -> dict[str, Work]:  # fmt: skip
    works = {}
    for code, name in enumerate(names):
        own = person == code
        count = len(np.unique(item[own]))
        golds, repeats = max(1, count // 8), count // 8
        careless = code < cell.faulty and cell.fault in ("random", "same")
        passes = 0.25 if careless else float(rng.beta(36, 4))
        works[name] = Work(
            seconds=np.exp(rng.normal((1 if careless else 2) + rng.normal(0, 0.3), 0.5, count)),
            gold=(int(rng.binomial(golds, passes)), golds),
            repeats=np.abs(rng.normal(0, noise[code] * np.sqrt(2), repeats)),
            lean=rng.choice((-1.0, 1.0), int(own.sum())) if cell.mode == "pairwise" else (),
        )
    return works


def measured(cell: Cell, studies: int, seed: int) -> dict[str, Any]:
    """By kind of flag: of how many studies it flagged somebody without a fault, and how many of the faulty
    people it found."""
    wrong: Counter[str] = Counter()
    right: Counter[str] = Counter()
    people = Counter[str]()
    for number in range(studies):
        rng = np.random.default_rng((seed, number, *map(ord, f"{cell}")))
        found = people_figures(*simulated(cell, rng), seed=number)
        bad, good = found[: cell.faulty], found[cell.faulty :]
        wrong.update({flag.kind for one in good for flag in one.flags})
        wrong["any"] += any(one.flags for one in good)
        people["good flagged"] += sum(bool(one.flags) for one in good)
        right.update(flag.kind for one in bad for flag in one.flags)
        right["any"] += sum(bool(one.flags) for one in bad)
    faulty = studies * cell.faulty
    return asdict(cell) | {
        "studies": studies,
        "studies_with_a_false_flag": {kind: count / studies for kind, count in sorted(wrong.items())},
        "people_flagged_falsely": people["good flagged"] / (studies * (cell.people - cell.faulty)),
        "found": {kind: count / faulty for kind, count in sorted(right.items())} if faulty else {},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=400, help="for each cell without a fault")
    parser.add_argument("--faulty-studies", type=int, default=100, help="for each cell with one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    arguments = parser.parse_args()
    rows = []
    for cell in CELLS:
        studies = arguments.faulty_studies if cell.fault else arguments.studies
        studies = studies // 3 if cell.people >= 50 else studies  # they take longest, and hold many people
        rows.append(measured(cell, studies, arguments.seed))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        about = {"nami_bench": __version__, "python": platform.python_version(), "numpy": np.__version__}
        options = {
            "studies": arguments.studies,
            "faulty_studies": arguments.faulty_studies,
            "seed": arguments.seed,
        }
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps({**about, **options, "cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

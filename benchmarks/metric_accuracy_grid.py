"""How often the intervals of metric accuracy hold, cell by cell.

    python -m benchmarks.metric_accuracy_grid --studies 100 -o docs/results/statistics

Writes metric-accuracy.json there and prints the figures as a table. A cell is prompts x people x how good the
metric is x what people do: rate four images of each prompt from 1 to 5, everybody all of them, or vote on
pairs of them, each pair by three people (by everybody where there are fewer).

An image has a quality, and a bias that the metric takes for quality. Prompts and people are random effects: a
person likes the metric's bias more or less, and a metric sees quality better on one prompt than on another.
What an interval is to cover: over prompts and people, the protocol's figure over endless prompts, each with
people of its own; over prompts, the figure over endless prompts with the very same people.
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

from benchmarks.ratings_statistics import machine, versions
from nami_bench.evaluation.audit.accuracy import accuracy_by, pooled_accuracy
from nami_bench.evaluation.audit.accuracy_results import MEANS, SINGLE, VOTES
from nami_bench.evaluation.audit.ceiling import ceilings
from nami_bench.evaluation.audit.judged_pairs import LISTS, means_of, pairs_of
from nami_bench.evaluation.audit.protocols import accuracy
from nami_bench.evaluation.audit.results import Estimate
from nami_bench.evaluation.audit.statistics import Floats

IMAGES = 4
METRICS = {"good": 1.6, "poor": 0.4}
"""How much of an image's quality the metric sees on an average prompt, beside a bias and noise of 1."""
SEES, LIKES, NOISE = 0.5, 0.6, 0.7
"""Standard deviations: between prompts of the logarithm of what the metric sees, between people of how they
like the metric's bias, and of a single judgement."""
VOTES_A_PAIR = 3
POOLED_PROMPTS = 60
"""GenAI-Bench's protocol is measured up to so many prompts: each of its intervals takes seconds above."""
_POPULATION = 6_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A design; `asks`: ratings or votes."""

    prompts: int
    people: int
    metric: str
    asks: str


def grid() -> Iterator[Cell]:
    """All 48 cells."""
    for values in itertools.product((20, 60, 200), (2, 3, 6, 12), METRICS, ("ratings", "votes")):
        yield Cell(*values)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One study's `scores`, (prompts, images), and `utility`, (prompts, images, people)."""

    scores: Floats
    utility: Floats


def draw(cell: Cell, rng: np.random.Generator, likes: Floats, *, prompts: int = 0) -> Drawn:
    """`likes`: of each person, (people,), or of each person of each prompt, (prompts, 1, people)."""
    shape = (prompts or cell.prompts, IMAGES)
    quality, bias = rng.normal(size=shape), rng.normal(size=shape)
    sees = METRICS[cell.metric] * np.exp(rng.normal(0, SEES, (shape[0], 1)))
    scores = sees * quality + bias + rng.normal(size=shape)
    noise = rng.normal(0, NOISE, (*shape, likes.shape[-1]))
    return Drawn(scores, quality[..., None] + likes * bias[..., None] + noise)


def lists(cell: Cell, drawn: Drawn, rng: np.random.Generator) -> pd.DataFrame:
    """What people said, as the audit takes it."""
    return _ratings(drawn) if cell.asks == "ratings" else _votes(drawn, rng)


def _ratings(drawn: Drawn) -> pd.DataFrame:
    """Everybody's, 1 to 5."""
    people = drawn.utility.shape[-1]
    prompt, image, person = (at.ravel() for at in np.indices(drawn.utility.shape))
    human = np.clip(np.round(3 + drawn.utility.ravel()), 1, 5)
    return _table(prompt * people + person, person, image, prompt, human)


def _votes(drawn: Drawn, rng: np.random.Generator) -> pd.DataFrame:
    """On each pair of a prompt, by some of the people; a small difference is a tie."""
    prompts, images, people = drawn.utility.shape
    one, other = np.triu_indices(images, 1)
    votes = min(VOTES_A_PAIR, people)
    who = np.argsort(rng.random((prompts, len(one), people)), axis=2)[..., :votes]
    prompt, pair = (at.ravel() for at in np.indices((prompts, len(one) * votes)))
    pair, person = pair // votes, who.reshape(-1)
    difference = drawn.utility[prompt, one[pair], person] - drawn.utility[prompt, other[pair], person]
    first = np.where(np.abs(difference) < 0.2, 0.5, difference > 0)
    listing = np.arange(len(prompt))
    both = (np.concatenate(pair_of) for pair_of in ((listing, listing), (person, person)))
    images_of, prompts_of = np.concatenate((one[pair], other[pair])), np.concatenate((prompt, prompt))
    return _table(*both, images_of, prompts_of, np.concatenate((first, 1 - first)))


def _table(listing: Any, person: Any, image: Any, prompt: Any, human: Any) -> pd.DataFrame:
    columns = (listing, _names(person), _names(image), _names(prompt), 0, human.astype(float), 1.0)
    return pd.DataFrame(dict(zip(LISTS, columns, strict=True)))


def _names(codes: Any) -> Any:
    return np.char.mod("%d", codes)


def scores_table(drawn: Drawn) -> pd.DataFrame:
    """The metric's scores as the audit takes them."""
    prompt, image = (at.ravel() for at in np.indices(drawn.scores.shape))
    return pd.DataFrame(
        {"model": _names(image), "prompt_id": _names(prompt), "sample": 0, "value": drawn.scores.ravel()}
    )


def figures(cell: Cell, drawn: Drawn, rng: np.random.Generator) -> dict[str, Estimate]:
    """By what they are of: the audit's figures of one study with their intervals."""
    said, scores = lists(cell, drawn, rng), scores_table(drawn)
    pairs = pairs_of(said, scores)
    votes = cell.asks == "votes"
    keys = ("unifiedreward-diff", "unifiedreward-all") if votes else ("imagereward", "hpsv2")
    found = {key: accuracy_by(pairs, key, VOTES if votes else SINGLE).value for key in keys}
    found["difference"] = next(ceilings(said, scores, votes=votes)).difference
    return found


def figures_of_means(cell: Cell, drawn: Drawn, rng: np.random.Generator) -> dict[str, Estimate]:
    """Those that are over prompts alone."""
    means, scores = means_of(lists(cell, drawn, rng)), scores_table(drawn)
    found = {"means": accuracy_by(pairs_of(means, scores), "imagereward", MEANS).value}
    if cell.prompts <= POOLED_PROMPTS:
        table = means.merge(scores, on=["model", "prompt_id", "sample"])
        found["genai-bench"] = pooled_accuracy(table)[0].value
    return found


def truth(cell: Cell) -> dict[str, float]:
    """What there is to be covered over endless prompts and people; a million pairs."""
    rng = np.random.default_rng(7)
    drawn = draw(cell, rng, rng.normal(0, LIKES, (_POPULATION, 1, cell.people)), prompts=_POPULATION)
    said, scores = lists(cell, drawn, rng), scores_table(drawn)
    pairs = pairs_of(said, scores)
    votes = cell.asks == "votes"
    keys = ("unifiedreward-diff", "unifiedreward-all") if votes else ("imagereward", "hpsv2")
    found = {key: accuracy(pairs, key) for key in keys}
    # Under the same names people are others in each prompt, so nothing but the value is of use.
    found["difference"] = next(ceilings(said, scores, votes=votes)).difference.value or 0.0
    return found


def truth_of_means(cell: Cell, likes: Floats) -> dict[str, float]:
    """Over endless prompts, with these very people."""
    rng = np.random.default_rng(8)
    drawn = draw(cell, rng, likes, prompts=_POPULATION)
    means, scores = means_of(_ratings(drawn)), scores_table(drawn)
    found = {"means": accuracy(pairs_of(means, scores), "imagereward")}
    if cell.prompts <= POOLED_PROMPTS:
        parts = []
        for part in range(20):  # of 250 prompts each: all pairs of a thousand images
            names = set(_names(np.arange(part * 250, part * 250 + 250)))
            table = means[means["prompt_id"].isin(names)].merge(scores, on=["model", "prompt_id", "sample"])
            parts.append(_pooled_value(table))
        found["genai-bench"] = float(np.mean(parts))
    return found


def _pooled_value(table: pd.DataFrame) -> float:
    from nami_bench.evaluation.audit.ties import pooled_pairs, tie_calibrated

    pairs = pooled_pairs(len(table))
    human, value = (table[name].to_numpy() for name in ("human", "value"))
    return tie_calibrated(
        human[pairs.first] - human[pairs.second], value[pairs.first] - value[pairs.second]
    ).accuracy


def panel(cell: Cell) -> Floats:
    """The people of the figures over prompts alone, the same in every study of a cell."""
    return np.random.default_rng((11, cell.people)).normal(0, LIKES, cell.people)


def study(cell: Cell, seed: int) -> dict[str, tuple[float, float, float]]:
    """One study's value, low and high of each figure; NaN where there is none."""
    rng = np.random.default_rng((seed, *json.dumps(asdict(cell)).encode()))
    found = figures(cell, draw(cell, rng, rng.normal(0, LIKES, cell.people)), rng)
    if cell.asks == "ratings":
        found |= figures_of_means(cell, draw(cell, rng, panel(cell)), rng)
    nan = float("nan")
    return {
        name: (nan if one.value is None else one.value, *(one.interval or (nan, nan)))
        for name, one in found.items()
    }


def summary(
    cell: Cell, studies: Sequence[dict[str, tuple[float, float, float]]], truths: dict[str, float]
) -> dict[str, Any]:
    """A cell's figures, of `study`'s results and what there is to be covered."""
    report: dict[str, Any] = asdict(cell)
    for name, aim in truths.items():
        value, low, high = np.array([one[name] for one in studies]).T
        told = ~np.isnan(low)
        inside = (low[told] <= aim) & (aim <= high[told])
        report[name] = {
            "without_interval": int((~told).sum()),
            "mean": round(float(np.nanmean(value)), 4),
            "truth": round(aim, 4),
            "half_width": round(float(np.mean(high[told] - low[told]) / 2), 4) if told.any() else None,
            "coverage": round(float(inside.mean()), 4) if told.any() else None,
        }
    return report


FIGURES = ("imagereward", "hpsv2", "unifiedreward-diff", "unifiedreward-all", "difference", "means",
           "genai-bench")  # fmt: skip


def markdown(cells: Sequence[dict[str, Any]]) -> str:
    """Coverage in %."""
    lines = [
        f"| prompts | people | metric | asks | {' | '.join(FIGURES)} |",
        f"|{'---|' * (4 + len(FIGURES))}",
    ]
    for cell in cells:
        held = [
            f"{100 * cell[name]['coverage']:.0f}" if cell.get(name, {}).get("coverage") is not None else ""
            for name in FIGURES
        ]
        design = (str(cell[name]) for name in ("prompts", "people", "metric", "asks"))
        lines.append(f"| {' | '.join((*design, *held))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=100, help="for each cell")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="folder for metric-accuracy.json")
    arguments = parser.parse_args()
    started, where = time.monotonic(), machine()
    cells = []
    with ProcessPoolExecutor(arguments.workers) as workers:
        for cell in grid():
            found = list(workers.map(partial(study, cell), range(arguments.studies), chunksize=10))
            truths = truth(cell) | (truth_of_means(cell, panel(cell)) if cell.asks == "ratings" else {})
            cells.append(summary(cell, found, truths))
            print(json.dumps(cells[-1]), flush=True)
    print(markdown(cells))
    if arguments.output:
        report = {
            "command": f"python -m benchmarks.metric_accuracy_grid --studies {arguments.studies}",
            "machine": where,
            "versions": {name: versions()[name] for name in ("numpy", "scipy", "pandas")},
            "seconds": round(time.monotonic() - started),
            "cells": cells,
        }
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "metric-accuracy.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What it does to scores, intervals, ranks and agreement that items end early, over a grid of studies.

    python -m benchmarks.stopping_grid -o docs/results/statistics/stopping.json

The rules are those of the product (`nami_bench.evaluation.human.early_end`). Each study is rated in full by
everybody; the raters of an image come in random order, and the rule decides how many of them count. So the
bias of an estimate is its mean distance from that of the full study, which a fixed overlap does not have.

Kinds of ratings: as in `benchmarks.simulated_studies`, and three models of different worth. Estimates of a
model's score: `all`, the mean over images of each image's mean over all of its ratings, which is what the
leaderboard shows; `pooled`, the mean over ratings; `first`, as `all` from the ratings of each image that came
before the rule looked. Pairs: Bradley-Terry strengths with Davidson's ties.
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

from benchmarks.simulated_studies import Effects
from nami_bench.domain import Criterion, Rule, Stopping
from nami_bench.evaluation.human.agreement import krippendorff_alpha
from nami_bench.evaluation.human.comparisons import compare_models
from nami_bench.evaluation.human.early_end import reason_to_end
from nami_bench.evaluation.human.intervals import score_intervals
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.software import used_here

Array = NDArray[np.float64]
MEANS = {"ceiling": (80.0, 86.0, 92.0)}
USUAL_MEANS = (48.0, 54.0, 66.0)
KINDS = ("normal", "likert", "heavy", "ceiling", "severity", "noise")
ANNOTATORS, PROMPTS = 12, 100


@dataclass(frozen=True)
class Cell:
    """A rule, and what is rated; of the `block` first prompts everybody rates all images."""

    kind: str
    overlap: int
    stopping: Stopping
    level: str
    block: int = 0

    @property
    def name(self) -> str:
        """The rule in words."""
        rule = self.stopping
        if rule.rule == Rule.AGREEMENT:
            return f"{rule.agree} of {self.overlap} within {rule.within:g}, from {rule.minimum}"
        if rule.rule == Rule.INTERVAL:
            return f"half width {rule.half_width:g}, {rule.minimum} to {self.overlap}"
        return f"fixed {self.overlap}" + (f", block of {3 * self.block} images" if self.block else "")


def grid() -> Iterator[Cell]:
    """All cells: kinds x rules x (models of different worth, models alike), and calibration blocks."""
    rules = [
        (3, Stopping()),
        (5, Stopping()),
        (5, Stopping(Rule.AGREEMENT, 2, 2, 10.0)),
        (5, Stopping(Rule.AGREEMENT, 3, 3, 10.0)),
        (10, Stopping(Rule.AGREEMENT, 3, 4, 15.0)),
        (6, Stopping(Rule.INTERVAL, 3, half_width=22.0)),
        (10, Stopping(Rule.INTERVAL, 4, half_width=15.0)),
    ]
    for kind, (overlap, rule), level in itertools.product(KINDS, rules, ("different", "alike")):
        yield Cell(kind, overlap, rule, level)
    for kind, level in itertools.product(KINDS, ("different", "alike")):
        yield Cell(kind, 2, Stopping(minimum=2), level, block=4)


def values(cell: Cell, rng: np.random.Generator) -> Array:
    """What everybody would say of every image, shape (models, prompts, annotators)."""
    effects = Effects.of(cell.kind if cell.kind in ("likert", "severity", "noise") else "normal")
    means = np.array(MEANS.get(cell.kind, USUAL_MEANS))
    if cell.level == "alike":
        means = np.full(3, means[1])
    m, p, a = 3, PROMPTS, ANNOTATORS

    def effect(deviation: float, *shape: int) -> Array:
        return rng.normal(0.0, deviation, shape)

    rest = effect(effects.rest, m, p, a)
    if cell.kind == "heavy":
        rest = effects.rest * rng.standard_t(3, (m, p, a)) / np.sqrt(3)
    raw = (
        means[:, None, None] + effect(effects.prompt, 1, p, 1) + effect(effects.annotator, 1, 1, a)
        + effect(effects.model_prompt, m, p, 1) + effect(effects.model_annotator, m, 1, a)
        + effect(effects.prompt_annotator, 1, p, a) + rest
    )  # fmt: skip
    if cell.kind == "likert":
        raw = 25.0 * np.rint(raw / 25.0)
    return np.clip(np.rint(raw), 0.0, 100.0)


def truth(cell: Cell) -> Array:
    """The score of each model that all prompts and annotators of the kind would give."""
    rng = np.random.default_rng(1)
    return np.mean([values(cell, rng).mean(axis=(1, 2)) for _ in range(300)], axis=0)


def lengths(cell: Cell, ordered: Array) -> NDArray[np.int64]:
    """By image, how many of its ratings, shape (models, prompts, annotators), count."""
    found = np.full(ordered.shape[:2], cell.overlap)
    found[:, : cell.block] = ANNOTATORS
    if cell.stopping.rule == Rule.NONE:
        return found
    for image in np.ndindex(*found.shape):
        given = ordered[image].tolist()
        for count in range(cell.stopping.minimum, cell.overlap):
            if reason_to_end(cell.stopping, cell.overlap, [given[:count]]):
                found[image] = count
                break
    return found


def ratings_array(rated: NDArray[np.bool_], found: Array) -> RatingsArray:
    """The ratings that were made."""
    model, prompt, annotator = np.nonzero(rated)
    return RatingsArray(
        models=tuple(f"model-{i}" for i in range(found.shape[0])),
        prompts=tuple(f"{i:04d}" for i in range(found.shape[1])),
        annotators=tuple(f"annotator-{i:02d}" for i in range(found.shape[2])),
        criteria=(Criterion("quality", 1.0),),
        model=model, prompt=prompt, sample=np.zeros_like(model), annotator=annotator,
        values=found[rated][:, None], withheld=np.zeros((len(model), 1), dtype=bool),
    )  # fmt: skip


def study(cell: Cell, right: Array, rng: np.random.Generator) -> dict[str, Any]:
    """One study: what each estimate is off, whether intervals hold, and agreement."""
    found = values(cell, rng)
    order = rng.random(found.shape).argsort(axis=2)
    ordered = np.take_along_axis(found, order, axis=2)
    counts = lengths(cell, ordered)
    within = np.arange(ANNOTATORS)[None, None, :] < counts[..., None]
    rated = np.zeros(found.shape, dtype=bool)
    np.put_along_axis(rated, order, within, axis=2)
    whole = found.mean(axis=(1, 2))
    images = (ordered * within).sum(axis=2) / counts
    first = ordered[..., : cell.stopping.minimum].mean(axis=2)
    pooled = (ordered * within).sum(axis=(1, 2)) / counts.sum(axis=1)
    array = ratings_array(rated, found)
    intervals = score_intervals(array)
    held = (intervals.low[:, 0] <= right) & (intervals.high[:, 0] >= right)
    differences = compare_models(array, column="quality")
    error = differences.difference - (right[:, None] - right[None, :])
    pairs = np.triu_indices(3, 1)
    return {
        "ratings": float(counts.mean()),
        "all": images.mean(axis=1) - whole,
        "first": first.mean(axis=1) - whole,
        "pooled": pooled - whole,
        "held": held,
        "half_width": intervals.high[:, 0] - intervals.low[:, 0],
        "off": images.mean(axis=1) - right,
        "difference_held": np.abs(error[pairs]) <= differences.half_width[pairs],
        "ranked": float(np.all(np.diff(images.mean(axis=1)) > 0)),
        **alphas(found, ordered, within, cell.stopping.minimum),
    }


def alphas(found: Array, ordered: Array, within: NDArray[np.bool_], minimum: int) -> dict[str, float]:
    """Alpha of all ratings there could be, of those that were made, and of the first of each image."""
    unit = np.arange(ordered[..., 0].size).reshape(ordered.shape[:2])[..., None]
    unit = np.broadcast_to(unit, ordered.shape)

    def alpha(chosen: NDArray[np.bool_], of: Array) -> float:
        return krippendorff_alpha(unit[chosen], of[chosen], replicates=0).alpha or 0.0

    few = np.broadcast_to(np.arange(ordered.shape[2]) < minimum, ordered.shape)
    return {"alpha_whole": alpha(np.ones_like(within), found), "alpha": alpha(within, ordered),
            "alpha_first": alpha(few, ordered)}  # fmt: skip


def run(cell: Cell, studies: int, number: int) -> dict[str, Any]:
    """The means over so many studies of a cell."""
    right = truth(cell)
    rows = [study(cell, right, np.random.default_rng((number, seed))) for seed in range(studies)]

    def mean(key: str) -> Any:
        return np.mean([row[key] for row in rows], axis=0)

    bias = {key: mean(key) for key in ("all", "first", "pooled")}
    noise = np.std([row["all"] for row in rows], axis=0) / np.sqrt(studies)
    return {
        "kind": cell.kind, "level": cell.level, "rule": cell.name, "stopping": asdict(cell.stopping),
        "overlap": cell.overlap, "studies": studies, "ratings": float(mean("ratings")),
        **{f"bias_{key}": one.round(3).tolist() for key, one in bias.items()},
        "bias_error": noise.round(3).tolist(),
        "coverage": float(np.mean(mean("held"))), "half_width": float(np.mean(mean("half_width"))) / 2,
        "difference_coverage": float(np.mean(mean("difference_held"))),
        "root_mean_square": float(np.sqrt(np.mean([row["off"] ** 2 for row in rows]))),
        "ranked": float(mean("ranked")),
        **{key: float(mean(key)) for key in ("alpha_whole", "alpha", "alpha_first")},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--only", default="", help="cells whose kind, level and rule hold the text")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    options = parser.parse_args()
    rows = []
    for number, cell in enumerate(grid()):
        if options.only in f"{cell.kind} {cell.level} {cell.name}":
            rows.append(run(cell, options.studies, number))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    text = json.dumps({"software": used_here(["numpy", "scipy"]), "ratings": rows}, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()

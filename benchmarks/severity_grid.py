"""Adjusted scores beside raw ones, against the truth, over a grid of simulated studies.

    python -m benchmarks.severity_grid -o docs/results/statistics/severity.json

The grid: annotators x images x overlap x panel x deviation of severity x deviation of spread x what one
annotator is like x scale, every combination that can be. Five models between 45 and 78, images with a
standard deviation of 12 about them, ratings with one of 10 about what is expected, in whole points within
0-100 or in grades 1-5. In an unbalanced panel each annotator rates more of the images of some models.

Then the designs that look worst once more, with fresh studies; and how often the adjusted scores' intervals
hold the mean that other prompts and other annotators of the same kind would give. Some ten minutes.
"""

import argparse
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.estimates import estimate_scores
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.severity import adjust_severity

MEANS = np.array([45.0, 53.0, 60.0, 70.0, 78.0])
IMAGE, NOISE = 12.0, 10.0
KINDS = ("equal", "noisy", "random", "straight-liner")
SEEDS = {50: 3, 400: 2, 2000: 1}


@dataclass(frozen=True, slots=True)
class Study:
    """A cell of the grid. `overlap`: annotators for each image; `kind`: what the first annotator is like."""

    annotators: int
    images: int
    overlap: int
    unbalanced: bool
    severity: float
    spread: float
    kind: str = "equal"
    grades: bool = False
    taste: float = 0.0

    @property
    def crossed(self) -> bool:
        """Whether everybody rates everything."""
        return self.overlap == self.annotators


def grid() -> Iterator[Study]:
    """All 4,968 cells."""
    for annotators, images in itertools.product((2, 3, 5, 10, 30), (50, 400, 2000)):
        panels = [
            (overlap, panel) for overlap in (2, 3, 5) if overlap < annotators for panel in (False, True)
        ]
        cells = itertools.product(
            [*panels, (annotators, False)], (0, 5, 15), (0, 0.15, 0.4), KINDS, (False, True)
        )
        for (overlap, unbalanced), severity, spread, kind, grades in cells:
            yield Study(annotators, images, overlap, unbalanced, severity, spread, kind, grades)


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A study's ratings and its truth: `quality` by image, shape (prompts, models)."""

    ratings: RatingsArray
    quality: np.ndarray


def simulate(study: Study, rng: np.random.Generator) -> Simulated:
    """One study of that kind."""
    models, prompts, annotators = len(MEANS), study.images // len(MEANS), study.annotators
    quality = MEANS + rng.normal(0, IMAGE, (prompts, models))
    keenness = rng.normal(0, 1.5 * study.unbalanced, (models, annotators))
    order = rng.gumbel(size=(prompts, models, annotators)) + keenness
    chosen = order.argsort(axis=2).argsort(axis=2) >= annotators - study.overlap
    severity = rng.normal(0, study.severity, annotators) + rng.normal(0, study.taste, (1, models, annotators))
    spread = np.clip(rng.normal(1, study.spread, annotators), 0.1, None)
    noise = np.full(annotators, NOISE)
    if study.kind == "noisy":
        noise[0] *= 3
    centre = MEANS.mean()
    values = centre + severity + spread * (quality[..., None] - centre)
    values = values + rng.normal(size=values.shape) * noise
    if study.kind == "random":
        values[..., 0] = rng.uniform(0, 100, values.shape[:2])
    if study.kind == "straight-liner":
        values[..., 0] = rng.normal(60, 1, values.shape[:2])
    return Simulated(_ratings(_on_scale(values, study.grades), chosen), quality)


def _on_scale(values: np.ndarray, grades: bool) -> np.ndarray:
    step = 25.0 if grades else 1.0
    return np.clip(step * np.rint(values / step), 0, 100)


def _ratings(values: np.ndarray, chosen: np.ndarray) -> RatingsArray:
    model, prompt, annotator = np.nonzero(chosen.transpose(1, 0, 2))
    return RatingsArray(
        models=tuple(f"model-{i}" for i in range(values.shape[1])),
        prompts=tuple(f"{i:05d}" for i in range(values.shape[0])),
        annotators=tuple(f"annotator-{i}" for i in range(values.shape[2])),
        criteria=(Criterion("quality", 1.0),),
        model=model,
        prompt=prompt,
        sample=np.zeros(len(model), dtype=np.int64),
        annotator=annotator,
        values=values.transpose(1, 0, 2)[chosen.transpose(1, 0, 2)][:, None],
        withheld=np.zeros((len(model), 1), dtype=bool),
    )


def errors(study: Study, rng: np.random.Generator) -> dict[str, Any]:
    """Mean squared errors of raw and adjusted scores, of models' means, their differences, and images."""
    simulated = simulate(study, rng)
    adjustment = adjust_severity(simulated.ratings)
    truth = simulated.quality.mean(axis=0)
    row: dict[str, Any] = asdict(study)
    if np.isnan(adjustment.scores).any():
        return row | {"shown": False, "notes": adjustment.notes}
    for name, ratings in (("raw", simulated.ratings), ("adjusted", adjustment.ratings)):
        away = estimate_scores(ratings).scores[:, 0] - truth
        image = ratings.image()
        means = np.bincount(image, weights=ratings.values[:, 0]) / np.bincount(image)
        row |= {
            f"{name}_means": float(np.mean(away**2)),
            f"{name}_differences": 2 * float(away.var(ddof=1)),
            f"{name}_images": float(np.mean((means - simulated.quality.T.ravel()) ** 2)),
        }
    return row | {"shown": True}


Row = dict[str, Any]
PARTS: dict[str, Callable[[Row], bool]] = {
    "all": lambda r: True,
    "equal, crossed, spread 0": lambda r: _equal(r) and _crossed(r) and r["spread"] == 0,
    "equal, crossed, spread 0.15": lambda r: _equal(r) and _crossed(r) and r["spread"] == 0.15,
    "equal, crossed, spread 0.4": lambda r: _equal(r) and _crossed(r) and r["spread"] == 0.4,
    "equal, balanced panel, nothing to find": lambda r: _nothing(r) and not r["unbalanced"],
    "equal, unbalanced panel, nothing to find": lambda r: _nothing(r) and r["unbalanced"],
    "equal, unbalanced, severity 5, spread <= 0.15": lambda r: _unbalanced(r, 5) and r["spread"] < 0.2,
    "equal, unbalanced, severity 15, spread <= 0.15": lambda r: _unbalanced(r, 15) and r["spread"] < 0.2,
    "equal, unbalanced, severity 0, spread 0.4": lambda r: _unbalanced(r, 0) and r["spread"] == 0.4,
    **{
        f"one {kind}: {'crossed' if crossed else 'panel'}": (
            lambda r, kind=kind, crossed=crossed: r["kind"] == kind and _crossed(r) == crossed
        )
        for kind in KINDS[1:]
        for crossed in (True, False)
    },
    "3 annotators, crossed": lambda r: r["annotators"] == 3 and _crossed(r),
}
WHAT = ("means", "differences", "images")


def _crossed(row: Row) -> bool:
    return bool(row["overlap"] == row["annotators"])


def _equal(row: Row) -> bool:
    return bool(row["kind"] == "equal")


def _nothing(row: Row) -> bool:
    return _equal(row) and not _crossed(row) and row["severity"] == 0 and row["spread"] == 0


def _unbalanced(row: Row, severity: float) -> bool:
    return _equal(row) and bool(row["unbalanced"]) and row["severity"] == severity


def ratio(rows: list[Row], what: str) -> tuple[float, float]:
    """Root mean squared error of raw scores, and that of adjusted ones as a share of it."""
    raw, adjusted = (
        np.sqrt(np.mean([row[f"{name}_{what}"] for row in rows])) for name in ("raw", "adjusted")
    )
    return float(raw), float(adjusted / raw)


def summary(rows: list[Row]) -> Row:
    """Of the studies in which adjusted scores are shown, by part of the grid."""
    shown = [row for row in rows if row["shown"]]
    parts = {}
    for name, holds in PARTS.items():
        of = [row for row in shown if holds(row)]
        parts[name] = {"studies": len(of)} | {what: ratio(of, what) for what in WHAT if of}
    possible = [row for row in rows if row["annotators"] > 2]
    return {
        "studies": len(rows),
        "shown": len(shown),
        "shown_of_two_annotators": sum(row["shown"] for row in rows if row["annotators"] == 2),
        "absent_share_of_three_or_more": 1 - sum(row["shown"] for row in possible) / len(possible),
        "absent_of_three_or_more": _counted(
            f"{row['annotators']} annotators, {row['images']} images: {'; '.join(row['notes'])}"
            for row in possible
            if not row["shown"]
        ),
        "parts": parts,
        "designs": _by_design(shown),
    }


def _counted(texts: Iterable[str]) -> dict[str, int]:
    return dict(Counter(texts).most_common())


def _by_design(rows: list[Row]) -> Row:
    """Share of designs (cells but for images and scale) in which the ratio to raw is at most 1.05."""
    names = ("annotators", "overlap", "unbalanced", "severity", "spread", "kind")
    designs: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        designs.setdefault(tuple(row[name] for name in names), []).append(row)
    enough = {key: of for key, of in designs.items() if len(of) >= 4}
    found: Row = {"designs": len(enough)}
    for what in WHAT:
        ratios = {key: ratio(of, what)[1] for key, of in enough.items()}
        worst = sorted(ratios.items(), key=lambda pair: -pair[1])[:8]
        found[what] = {
            "at_most_1.05": float(np.mean([r <= 1.05 for r in ratios.values()])),
            "worst": [(dict(zip(names, key, strict=True)), r) for key, r in worst],
        }
    return found


def worst_again(report: Row, studies: int) -> list[Row]:
    """The designs that look worst in a `summary`, with fresh studies: few make a ratio that chance made."""
    worst = {json.dumps(design): design for what in WHAT for design, _ in report["designs"][what]["worst"]}
    found = []
    for number, design in enumerate(worst.values()):
        rows = []
        for seed in range(studies):
            cell = Study(images=(50, 400)[seed % 2], grades=seed % 4 > 1, **design)
            rows.append(errors(cell, np.random.default_rng((1, number, seed))))
        shown = [row for row in rows if row["shown"]]
        found.append(design | {"studies": len(shown)} | {what: ratio(shown, what)[1] for what in WHAT})
    return found


COVERED = (
    Study(3, 300, 3, False, 8, 0.1),
    Study(5, 300, 5, False, 8, 0.1),
    Study(5, 300, 5, False, 8, 0.1, taste=4),
    Study(10, 300, 3, True, 8, 0),
    Study(10, 300, 3, True, 15, 0.3),
    Study(10, 300, 3, True, 15, 0, taste=4),
    Study(30, 300, 3, True, 8, 0),
    Study(30, 300, 3, True, 8, 0, taste=4),
)


def coverage(studies: int) -> list[Row]:
    """How often 95 % intervals hold the models' means over all prompts and annotators."""
    found = []
    for number, study in enumerate(COVERED):
        inside: list[bool] = []
        widths: list[float] = []
        for seed in range(studies):
            rng = np.random.default_rng((number, seed))
            adjustment = adjust_severity(simulate(study, rng).ratings)
            low, high = adjustment.low[:, 0], adjustment.high[:, 0]
            if not np.isnan(low).any():
                inside += ((low <= MEANS) & (high >= MEANS)).tolist()
                widths += ((high - low) / 2).tolist()
        found.append(
            asdict(study) | {"coverage": float(np.mean(inside)), "half_width": float(np.mean(widths))}
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    arguments = parser.parse_args()
    cells = [(cell, seed) for cell in grid() for seed in range(SEEDS[cell.images])]
    rows = []
    for number, (cell, seed) in enumerate(cells):
        rows.append(errors(cell, np.random.default_rng((number, seed))))
        if number % 500 == 0:
            print(f"{number} of {len(cells)}", file=sys.stderr, flush=True)
    report = summary(rows)
    report |= {"worst_again": worst_again(report, 80), "coverage": coverage(150)}
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""Whether a plan's promise holds: studies of the planned size, simulated and tested as real ones are.

    python -m benchmarks.plan_power -o docs/results/statistics/plan_power.json

For each design the planner is told the true variances and says how many prompts find a difference with a
power of 80 %. Studies of that size are drawn, the first model's images better by the difference, and the
first two models compared. The share of studies in which they are told apart should be 80 %.
"""

import argparse
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulated_studies import Design, Effects, Kind, Panel, simulate
from nami_bench.evaluation.human.comparisons import compare_models
from nami_bench.evaluation.human.components import VarianceComponents
from nami_bench.evaluation.human.design import Layout, power, prompts_needed


@dataclass(frozen=True, slots=True)
class Planned:
    """A difference, in points, to be found by so many annotators, `overlap` of whom rate each image."""

    kind: Kind
    difference: float
    annotators: int
    overlap: int
    panel: Panel = "crossed"
    models: int = 2

    @property
    def components(self) -> VarianceComponents:
        """Of the kind of study, before values are rounded and cut."""
        parts = Effects.of(self.kind)
        names = ("prompt", "annotator", "model_prompt", "model_annotator", "prompt_annotator", "rest")
        return VarianceComponents(**{name: getattr(parts, name) ** 2 for name in names})

    @property
    def layout(self) -> Layout:
        """What the planner is told besides."""
        return Layout(self.overlap, self.panel, self.models)


DESIGNS = (
    Planned("noise", 8, 5, 1),
    Planned("noise", 8, 5, 1, "spread", 6),
    Planned("noise", 10, 5, 5),
    Planned("normal", 8, 8, 1),
    Planned("normal", 8, 8, 3),
    Planned("normal", 6, 20, 2, "spread", 6),
    Planned("normal", 6, 5, 5),
    Planned("normal", 10, 3, 3),
    Planned("normal", 4, 20, 20),
    Planned("normal", 8, 12, 2, "spread", 2),
    Planned("severity", 12, 10, 2, "spread", 4),
    Planned("severity", 8, 10, 2, "crossed", 4),
    Planned("taste", 14, 8, 3, "spread", 4),
    Planned("taste", 10, 20, 5),
    Planned("likert", 12, 8, 3, "spread", 3),
)
"""Dense and sparse, with few annotators and many, in both kinds of panel."""


def measured(planned: Planned, studies: int, seed: int = 0) -> dict[str, Any]:
    """What the plan says, and the share of simulated studies that find the difference."""
    prompts = prompts_needed(planned.components, planned.difference, planned.annotators, planned.layout)
    assert prompts is not None
    design = Design(planned.kind, planned.annotators, prompts, planned.overlap, panel=planned.panel)
    found = [_finds(design, planned, np.random.default_rng((seed, number))) for number in range(studies)]
    promised = power(planned.components, planned.difference, prompts, planned.annotators, planned.layout)
    return asdict(planned) | {"prompts": prompts, "planned": promised, "simulated": float(np.mean(found))}


def _finds(design: Design, planned: Planned, rng: np.random.Generator) -> bool:
    ratings = simulate(design, rng, planned.models)
    better = (ratings.model == 0)[:, None]
    ratings = replace(ratings, values=ratings.values + planned.difference * better)
    pair = compare_models(ratings, correction="none").of("model-0", "model-1")
    return pair.significant and pair.difference is not None and pair.difference > 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=500, help="for each design")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for what is printed")
    arguments = parser.parse_args()
    rows = []
    for planned in DESIGNS:
        rows.append(measured(planned, arguments.studies))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""The simulation of flags on people, in small, and what the statistics quote of it."""

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.people_flags import CELLS, Cell, measured

KEPT = Path(__file__).parents[2] / "docs/results/statistics/people-flags.json"


def test_who_answers_the_same_is_found_and_nobody_of_three_is_named():
    same = measured(Cell("pairwise", 8, 60, 3, fault="same"), studies=2, seed=0)
    assert same["found"]["any"] == 1.0
    three = measured(Cell("rating", 3, 30, 0), studies=2, seed=0)
    assert three["people_flagged_falsely"] == 0.0


def test_the_kept_figures_are_of_these_cells_and_as_the_statistics_say():
    cells = json.loads(KEPT.read_text())["cells"]
    assert [{key: cell[key] for key in asdict(CELLS[0])} for cell in cells] == [
        asdict(cell) for cell in CELLS
    ]
    still = [cell for cell in cells if not cell["fault"]]
    assert len(still) == 80
    rates = [
        rate for c in still if c["people"] < 50
        for kind, rate in c["studies_with_a_false_flag"].items() if kind != "any"
    ]  # fmt: skip
    assert max(rates) <= 0.095
    assert max(cell["people_flagged_falsely"] for cell in still) <= 0.0235
    same = [cell["found"]["any"] for cell in cells if cell["fault"] == "same" and cell["people"] > 3]
    assert min(same) == 1.0

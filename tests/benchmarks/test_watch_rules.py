"""The simulation of a watch's rules, in small."""

from benchmarks.watch_rules import CELLS, Cell, measured


def test_without_change_the_rule_stops_and_with_much_it_does_not():
    still = measured(Cell("verdicts", 48, 1, checkpoints=8), runs=4, stop_after=3, seed=0)
    assert still["never_stopped"] == 0.0
    assert still["runs_with_a_claim_by_holm"] == 0.0
    moving = measured(Cell("values", 48, 2, gain=1.0, checkpoints=8), runs=4, stop_after=3, seed=0)
    assert moving["never_stopped"] == moving["runs_with_a_claim_by_holm"] == 1.0


def test_the_kept_figures_are_of_these_cells():
    import json
    from dataclasses import asdict
    from pathlib import Path

    kept = json.loads((Path(__file__).parents[2] / "docs/results/watch/rules.json").read_text())
    assert [{key: cell[key] for key in asdict(CELLS[0])} for cell in kept["cells"]][: len(CELLS)] == [
        asdict(cell) for cell in CELLS
    ]

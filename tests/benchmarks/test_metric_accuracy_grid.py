"""The simulated studies of metric accuracy are what the grid says, and the audit takes them."""

import numpy as np
import pytest


def test_the_grid_has_all_its_cells() -> None:
    from benchmarks.metric_accuracy_grid import grid

    cells = list(grid())
    assert len(cells) == len(set(cells)) == 48


def test_people_vote_so_often_and_rate_everything() -> None:
    from benchmarks.metric_accuracy_grid import IMAGES, Cell, draw, lists

    rng = np.random.default_rng(1)
    for people, votes in ((2, 2), (6, 3)):
        cell = Cell(20, people, "good", "votes")
        found = lists(cell, draw(cell, rng, np.zeros(people)), rng)
        assert len(found) == 2 * 20 * 6 * votes and set(found["human"]) == {0.0, 0.5, 1.0}
        assert not found.duplicated(["annotator", "prompt_id", "model", "listing"]).any()
        pairs = found.groupby("listing")["model"].agg(lambda names: "-".join(sorted(names)))
        each = found.drop_duplicates("listing").assign(pair=pairs.to_numpy())
        assert not each.duplicated(["annotator", "prompt_id", "pair"]).any()
    cell = Cell(20, 6, "good", "ratings")
    rated = lists(cell, draw(cell, rng, np.zeros(6)), rng)
    assert len(rated) == 20 * IMAGES * 6 and rated["human"].between(1, 5).all()


def test_a_better_metric_agrees_more_and_bias_divides_people() -> None:
    from benchmarks.metric_accuracy_grid import Cell, draw, lists, scores_table
    from nami_bench.evaluation.audit.judged_pairs import pairs_of
    from nami_bench.evaluation.audit.protocols import accuracy

    rng = np.random.default_rng(2)
    found = {}
    for metric in ("good", "poor"):
        cell = Cell(500, 3, metric, "votes")
        drawn = draw(cell, rng, np.zeros(3))
        found[metric] = accuracy(pairs_of(lists(cell, drawn, rng), scores_table(drawn)), "unifiedreward-diff")
    assert found["good"] > found["poor"] + 0.1 > 0.6
    cell = Cell(500, 2, "poor", "ratings")
    drawn = draw(cell, rng, np.array([1.5, -1.5]))
    pairs = pairs_of(lists(cell, drawn, rng), scores_table(drawn))
    likes, dislikes = (accuracy(pairs.of(pairs.person == code), "imagereward") for code in (0, 1))
    assert likes > dislikes + 0.15


def test_one_study_and_its_summary() -> None:
    from benchmarks.metric_accuracy_grid import FIGURES, Cell, markdown, study, summary

    cell = Cell(20, 3, "good", "ratings")
    one = study(cell, 0)
    assert set(one) == {"imagereward", "hpsv2", "difference", "means", "genai-bench"} <= set(FIGURES)
    assert all(low <= value <= high for value, low, high in one.values())
    found = summary(cell, [one, one], {"imagereward": one["imagereward"][0], "hpsv2": -1.0})
    assert (found["imagereward"]["coverage"], found["hpsv2"]["coverage"]) == (1.0, 0.0)
    assert "| 20 | 3 | good | ratings | 100 | 0 |" in markdown([found])
    assert study(cell, 0)["hpsv2"] == pytest.approx(one["hpsv2"])

"""The simulated studies of the audit by questions are what the grid says, and the audit takes them."""

import numpy as np
import pytest


def test_the_grid_has_all_its_cells() -> None:
    from benchmarks.question_audit_grid import grid

    cells = list(grid())
    assert len(cells) == len(set(cells)) == 48


@pytest.mark.parametrize(("judge", "rate"), [("good", 0.88), ("poor", 0.67)])
@pytest.mark.parametrize("right", [0.5, 0.9])
def test_endless_people_are_nearly_the_truth(judge: str, rate: float, right: float) -> None:
    """The majority of endless people is right but about what most of them get wrong, some 1 in 600."""
    from benchmarks.question_audit_grid import Cell, draw

    drawn = draw(Cell(5000, 3, judge, right), np.random.default_rng(1), fresh=True)
    assert drawn.endless.mean() == pytest.approx(right, abs=0.02)
    assert ((drawn.probability >= 0.5) == drawn.endless).mean() == pytest.approx(rate, abs=0.02)
    three = drawn.people.sum(axis=2) > 1
    one, more = ((word == drawn.endless).mean() for word in (drawn.people[..., 0], three))
    assert 0.85 < one < more < 0.98


def test_annotators_differ_and_prompts_are_alike_hard_for_all() -> None:
    from benchmarks.question_audit_grid import Cell, draw

    drawn = draw(Cell(2000, 5, "good", 0.5), np.random.default_rng(2))
    errs = drawn.people != drawn.endless[..., None]
    by_annotator = errs.mean(axis=(0, 1))
    assert np.ptp(by_annotator) > 4 * np.sqrt(by_annotator.mean() / errs[..., 0].size)
    assert np.corrcoef(errs[:, :3, 0].mean(axis=1), errs[:, 3:, 1].mean(axis=1))[0, 1] > 0.05


def test_the_audit_finds_what_the_grid_computes() -> None:
    from benchmarks.question_audit_grid import Cell, draw, study, table, values
    from nami_bench.evaluation.audit.question_results import STATISTICS
    from nami_bench.evaluation.audit.questions import audit_judge

    cell = Cell(20, 3, "good", 0.9)
    drawn = draw(cell, np.random.default_rng(3))
    found = audit_judge("simulated", "good", table(drawn), 50).overall
    right = drawn.people.sum(axis=2).ravel() > 1
    expected = values(right, drawn.probability.ravel())
    assert [getattr(found, name).value for name in STATISTICS] == pytest.approx(expected)
    value, low, high = study(cell, 50, 0).T
    assert (low <= value).all() and (value <= high).all()
    assert (study(cell, 50, 0) == study(cell, 50, 0)).all()


def test_a_cell_is_summed_up() -> None:
    from benchmarks.question_audit_grid import Cell, markdown, population, summary

    one = np.tile([0.5, 0.0, 1.0], (5, 1))
    none = one.copy()
    none[1] = np.nan
    cell = Cell(20, 3, "good", 0.5)
    found = summary(cell, np.stack([one, none]), population(cell, 2000))
    assert (found["specificity"]["without_interval"], found["kappa"]["without_interval"]) == (1, 0)
    assert found["specificity"]["same_coverage"] == 1.0
    assert found["brier"]["half_width"] == 0.5
    assert "| 20 | 3 | good | 0.5 | 100 / 100 |" in markdown([found])

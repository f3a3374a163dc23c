"""What docs/statistics.md says of items that end early, on cells of its grid."""

from typing import Any

import numpy as np
import pytest

from nami_bench.domain import Rule, Stopping


@pytest.mark.slow
def test_scores_keep_their_level_and_a_mean_over_ratings_would_not() -> None:
    from benchmarks.stopping_grid import Cell, run

    cell = Cell("ceiling", 5, Stopping(Rule.AGREEMENT, 2, 2, 10.0), "different")
    found = run(cell, 60, 0)
    assert np.abs(found["bias_all"]).max() < 0.6
    assert np.abs(found["bias_first"]).max() < 0.3
    assert np.mean(found["bias_pooled"]) < -0.25
    assert found["coverage"] > 0.88
    assert found["alpha"] - found["alpha_whole"] > 0.02 > abs(found["alpha_first"] - found["alpha_whole"])


@pytest.mark.slow
def test_strengths_from_everything_shrink_and_agreement_looks_better_than_it_is() -> None:
    from benchmarks.stopping_pairs import Cell, run

    found: dict[str, Any] = run(Cell(0.4, 2.0, 0.3, 5, Stopping(Rule.AGREEMENT, 3, 3)), 20, 0)
    assert found["shrinkage"] < 0.97
    assert found["shrinkage"] < found["shrinkage_first"]


@pytest.mark.slow
def test_a_block_that_all_rate_moves_no_score() -> None:
    from benchmarks.stopping_grid import Cell, run

    found = run(Cell("normal", 2, Stopping(minimum=2), "different", block=4), 60, 1)
    assert np.abs(found["bias_all"]).max() < 0.5 and found["coverage"] > 0.88

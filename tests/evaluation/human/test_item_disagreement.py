"""How far annotators disagree about an item, against numbers worked out by hand and by pandas."""

import numpy as np
import pandas as pd
import pytest

from nami_bench.evaluation.human.item_disagreement import rating_spread, verdict_spread


def test_ratings_by_hand() -> None:
    unit = np.array([0, 0, 1, 1, 1, 2, 3, 3])
    value = np.array([1.0, 5.0, 3.0, 3.0, 3.0, 4.0, 2.0, np.nan])
    found = rating_spread(unit, value, 4.0, 5)
    assert found.values.tolist() == [2, 3, 1, 1, 0]
    assert found.figure[:2] == pytest.approx([np.sqrt(0.5), 0.0])
    assert found.width[:2] == pytest.approx([1.0, 0.0])
    assert np.isnan(found.figure[2:]).all() and np.isnan(found.width[2:]).all()


def test_ratings_as_pandas_has_them() -> None:
    rng = np.random.default_rng(3)
    unit, value = rng.integers(0, 300, 1500), rng.uniform(0, 100, 1500)
    found = rating_spread(unit, value, 100.0, 300)
    groups = pd.Series(value / 100).groupby(unit)
    np.testing.assert_allclose(found.figure, groups.std().reindex(range(300)), atol=1e-12)
    np.testing.assert_allclose(
        found.width,
        (groups.max() - groups.min()).where(groups.count() > 1).reindex(range(300)),
        atol=1e-12,
    )


def test_verdicts_by_hand() -> None:
    unit = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3])
    verdict = np.array([0, 0, 1, 1, 0, 1, 2, 3, 2, 2, 0])
    found = verdict_spread(unit, verdict, 4, 5)
    assert found.figure[:3] == pytest.approx([1.0, 2.0, 0.0])
    assert found.width[:3] == pytest.approx([0.5, 0.75, 0.0])
    assert found.values.tolist() == [4, 4, 2, 1, 0]
    assert np.isnan(found.figure[3:]).all()


def test_a_tiny_difference_of_large_numbers_is_not_lost() -> None:
    found = rating_spread(np.zeros(2, dtype=int), np.array([1e9, 1e9 + 1]), 1.0, 1)
    assert found.figure[0] == pytest.approx(np.sqrt(0.5))

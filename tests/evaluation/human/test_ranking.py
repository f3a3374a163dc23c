from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.evaluation.human.bootstrap import bootstrap_scores
from nami_bench.evaluation.human.comparisons import Differences, compare_models
from nami_bench.evaluation.human.ranking import rank_models, tie_groups


def differences(scores: list[float], apart: set[tuple[int, int]]) -> Differences:
    """Comparisons in which exactly the pairs of `apart` are significant."""
    n = len(scores)
    p = np.full((n, n), 0.5)
    for i, j in apart:
        p[i, j] = p[j, i] = 1e-9
    np.fill_diagonal(p, np.nan)
    values = np.array(scores)
    difference = values[:, None] - values[None]
    return Differences(
        tuple(f"m{i}" for i in range(n)), "total", values, difference, np.ones((n, n)), np.ones((n, n)),
        np.ones((n, n)), p, p, np.ones((n, n), dtype=np.int64), np.full((n, n), ""), "both", "holm", 0.95, (),
    )  # fmt: skip


def test_tie_groups_may_overlap() -> None:
    found = tie_groups(differences([3.0, 2.0, 1.0], {(0, 2)}))
    assert found == {"m0": ("a",), "m1": ("a", "b"), "m2": ("b",)}


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda p: p[0] < p[1])))
def test_models_share_a_group_exactly_if_they_were_not_told_apart(apart: set[tuple[int, int]]) -> None:
    scores = [float(10 - i) for i in range(7)]
    found = tie_groups(differences(scores, apart))
    for i in range(7):
        for j in range(i + 1, 7):
            assert bool(set(found[f"m{i}"]) & set(found[f"m{j}"])) == ((i, j) not in apart)


def test_ranks_run_from_those_significantly_better_to_those_significantly_worse() -> None:
    ranks = rank_models(differences([4.0, 3.0, 2.0, 1.0], {(0, 2), (0, 3), (1, 3)}))
    assert [(r.model, r.rank, r.low, r.high) for r in ranks] == [
        ("m0", 1, 1, 2), ("m1", 2, 1, 3), ("m2", 3, 2, 4), ("m3", 4, 3, 4),
    ]  # fmt: skip


def test_equal_scores_share_a_rank_and_models_without_come_last() -> None:
    ranks = rank_models(differences([1.0, np.nan, 2.0, 2.0], set()))
    assert [(r.model, r.rank) for r in ranks] == [("m2", 1), ("m3", 1), ("m0", 3), ("m1", None)]
    assert ranks[-1].ties == ()
    assert ranks[0].high == 3


@pytest.mark.slow
def test_rank_intervals_hold_the_true_ranks_of_all_models_at_once(world: Any, ratings_of: Any) -> None:
    rng = np.random.default_rng(2)
    means = np.array([50.0, 50.5, 53.0, 60.0])
    wrong = 0
    for _ in range(100):
        ratings = ratings_of(world().values(means, 60, 6, rng))
        ranks = rank_models(compare_models(ratings, correction="none"))
        truth = {"m3": 1, "m2": 2, "m1": 3, "m0": 4}
        wrong += any(not r.low <= truth[r.model] <= r.high for r in ranks)  # type: ignore[operator]
    assert wrong <= 13  # binomial(100, 0.05) exceeds it once in two thousand


def test_the_probability_of_being_first_comes_from_the_bootstrap(study: Any, ratings_of: Any) -> None:
    ratings = ratings_of(study(3, 40, 5))
    ranks = rank_models(compare_models(ratings), bootstrap_scores(ratings))
    assert sum(r.first_probability or 0 for r in ranks) == pytest.approx(1.0)
    assert rank_models(compare_models(ratings))[0].first_probability is None

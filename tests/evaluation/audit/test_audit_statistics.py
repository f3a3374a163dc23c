"""Kappa, AUC and rank correlations against known answers, intervals against known designs."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, mannwhitneyu, spearmanr

from nami_bench.evaluation.audit import statistics
from nami_bench.evaluation.audit.statistics import area_under_curve, cohen_kappa, estimates, rank_correlations


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 200)


def raters(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return a, b


def test_kappa_of_a_table_worked_out_by_hand() -> None:
    """p_o = 35/50; rates 25/50 and 30/50, so p_e = 0.3 + 0.2; (0.7 - 0.5) / 0.5 = 0.4."""
    assert cohen_kappa(*raters(20, 5, 10, 15)) == pytest.approx(0.4)
    assert cohen_kappa(*raters(30, 0, 0, 20)) == 1.0
    assert cohen_kappa(*raters(0, 25, 25, 0)) == -1.0
    assert cohen_kappa(*raters(10, 10, 10, 10)) == pytest.approx(0.0)
    assert math.isnan(cohen_kappa(*raters(9, 0, 0, 0)))
    assert cohen_kappa(*raters(9, 1, 0, 0)) == 0.0


def test_area_under_curve_by_counting_pairs_and_by_scipy() -> None:
    scores, positive = np.array([10.0, 20, 20, 30]), np.array([False, True, False, True])
    # Pairs (20, 10), (20, 20), (30, 10), (30, 20): 1 + 0.5 + 1 + 1 of 4.
    assert area_under_curve(scores, positive) == 3.5 / 4
    assert math.isnan(area_under_curve(scores, np.ones(4, dtype=bool)))
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores, positive = rng.integers(0, 8, 40).astype(float), rng.random(40) < 0.4
        expected = mannwhitneyu(scores[positive], scores[~positive]).statistic
        assert area_under_curve(scores, positive) == pytest.approx(
            expected / positive.sum() / (~positive).sum()
        )


def test_rank_correlations_are_scipys_and_undefined_for_constants() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 5, (2, 60)).astype(float)
    expected = (spearmanr(a, b).statistic, kendalltau(a, b).statistic)
    assert rank_correlations(a, b) == pytest.approx(expected, abs=1e-12)
    # 1 2 3 against 1 3 2: one discordant pair of three.
    rho, tau = rank_correlations(np.array([1.0, 2, 3]), np.array([1.0, 3, 2]))
    assert (rho, tau) == (pytest.approx(0.5), pytest.approx(1 / 3))
    assert all(map(math.isnan, rank_correlations(np.ones(3), np.arange(3.0))))


def test_whole_clusters_are_drawn_within_strata() -> None:
    clusters = np.array([0, 0, 0, 1, 2, 2, 3])
    strata = np.array([0, 0, 0, 0, 1, 1, 1])
    seen = []

    def record(rows: np.ndarray) -> tuple[float]:
        seen.append(rows)
        return (0.0,)

    estimates(record, clusters, strata)
    sizes = np.bincount(clusters)
    for rows in seen[1:]:
        drawn = np.bincount(clusters[rows], minlength=4) / sizes
        assert (drawn == drawn.round()).all()
        assert (drawn[:2].sum(), drawn[2:].sum()) == (2, 2)
    assert len({tuple(np.sort(rows)) for rows in seen}) == 9


@pytest.mark.slow
def test_intervals_cover_the_truth_at_their_rate_where_images_of_a_prompt_agree() -> None:
    """60 prompts of 4 like images: intervals over single images would cover far less."""
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(60), 4)
    covered = 0
    for _ in range(200):
        values = np.repeat(rng.random(60) < 0.3, 4).astype(float)
        (found,) = estimates(lambda rows: (values[rows].mean(),), clusters)  # noqa: B023
        assert found.interval is not None
        covered += found.interval[0] <= 0.3 <= found.interval[1]
    assert 0.88 <= covered / 200 <= 0.99


def test_no_interval_for_one_cluster_or_a_statistic_that_is_often_undefined() -> None:
    (one,) = estimates(lambda rows: (0.5,), np.zeros(5, dtype=np.int64))
    assert (one.value, one.interval) == (0.5, None)
    single, positive = np.arange(5), np.array([True, False, False, False, False])
    (rare,) = estimates(lambda rows: (area_under_curve(np.arange(5.0)[rows], positive[rows]),), single)
    assert rare.value == 0.0 and rare.interval is None
    (never,) = estimates(lambda rows: (float("nan"),), single)
    assert (never.value, never.interval) == (None, None)

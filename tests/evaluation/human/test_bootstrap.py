from typing import Any

import numpy as np
import pytest

from nami_bench.domain import Criterion
from nami_bench.errors import InputError
from nami_bench.evaluation.human import bootstrap
from nami_bench.evaluation.human.bootstrap import bootstrap_scores
from nami_bench.evaluation.human.intervals import score_intervals

TWO = (Criterion("a", 1.0), Criterion("b", 0.0))


def test_a_replicate_weighs_prompts_and_annotators(study: Any, ratings_of: Any) -> None:
    values = study(2, 6, 3)
    samples = bootstrap_scores(ratings_of(values), replicates=50, seed=4).samples
    # The same draws, counted by hand.
    rng = np.random.default_rng(4)
    prompts, annotators = rng.integers(0, 6, (50, 6)), rng.integers(0, 3, (50, 3))
    for replicate in (0, 17, 49):
        chosen = values[:, prompts[replicate]][:, :, annotators[replicate]]
        np.testing.assert_allclose(samples[replicate, :, -1], chosen.mean(axis=(1, 2)))


def test_missing_values_take_another_way_to_the_same_replicates(study: Any, ratings_of: Any) -> None:
    complete = np.stack((study(3, 20, 4), study(3, 20, 4, 1)), axis=-1)
    gappy = complete.copy()
    gappy[0, 0, 0, 1] = np.nan  # of the criterion without weight
    one, other = (bootstrap_scores(ratings_of(v, TWO)).samples for v in (complete, gappy))
    np.testing.assert_allclose(one[:, :, 0], other[:, :, 0], atol=1e-9)
    np.testing.assert_allclose(one[:, :, 2], other[:, :, 2], atol=1e-9)


def test_replicates_do_not_depend_on_the_pieces_they_are_computed_in(
    study: Any, ratings_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = study(3, 20, 4)
    values[0, 3, 2] = np.nan
    whole = bootstrap_scores(ratings_of(values)).samples
    monkeypatch.setattr(bootstrap, "_CHUNK", 70)
    np.testing.assert_allclose(bootstrap_scores(ratings_of(values)).samples, whole)


def test_its_standard_error_is_what_the_theory_says(study: Any, ratings_of: Any) -> None:
    # McCullagh (2000): annotators' and prompts' parts (n - 1) / n of their size, the rest about three times.
    values = study(
        1, 200, 8, rest=0.0, prompt_annotator=0.0, model_annotator=0.0, prompt=0.0, model_prompt=0.0
    )
    samples = bootstrap_scores(ratings_of(values), replicates=4000)
    means = values[0].mean(axis=0)
    assert samples.standard_error[0, -1] == pytest.approx(means.std() / np.sqrt(8), rel=0.05)


def test_the_probabilities_of_being_first_sum_to_one_and_ties_are_split(ratings_of: Any, study: Any) -> None:
    values = study(4, 30, 4)
    assert bootstrap_scores(ratings_of(values)).first_probability().sum() == pytest.approx(1.0)
    same = np.repeat(study(1, 30, 4), 2, axis=0)
    assert bootstrap_scores(ratings_of(same)).first_probability().tolist() == [0.5, 0.5]


def test_one_way_replicates_keep_the_other_kind(study: Any, ratings_of: Any) -> None:
    values = study(1, 30, 4)
    over_prompts = bootstrap_scores(ratings_of(values), over="prompts", replicates=4000)
    expected = values[0].mean(axis=1).std() / np.sqrt(30)
    assert over_prompts.standard_error[0, -1] == pytest.approx(expected, rel=0.05)


def test_bca_moves_a_skewed_interval_away_from_the_long_tail(ratings_of: Any) -> None:
    rng = np.random.default_rng(0)
    values = np.minimum(rng.exponential(8.0, (1, 40, 1)) + rng.exponential(1.0, (1, 40, 20)), 100)
    plain, corrected = (
        score_intervals(ratings_of(values), method=method, replicates=4000)
        for method in ("percentile", "bca")
    )  # type: ignore[misc]
    assert corrected.low[0, -1] > plain.low[0, -1]
    assert corrected.high[0, -1] > plain.high[0, -1]


def test_replicates_that_leave_a_model_without_ratings_are_counted(ratings_of: Any) -> None:
    values = np.full((2, 4, 3), 50.0)
    values[1, 1:] = np.nan
    found = bootstrap_scores(ratings_of(values), replicates=500)
    assert "left a model without ratings" in found.notes[0]


def test_too_many_or_too_few_replicates_are_refused(ratings_of: Any) -> None:
    ratings = ratings_of(np.random.default_rng(0).uniform(0, 100, (10_000, 2, 2)))
    with pytest.raises(InputError, match="do not fit into memory"):
        bootstrap_scores(ratings, replicates=10_000)
    with pytest.raises(InputError, match="too few"):
        bootstrap_scores(ratings, replicates=10)

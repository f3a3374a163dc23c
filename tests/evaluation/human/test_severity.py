"""Scores adjusted for annotators: what is found of them, and when nothing is adjusted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nami_bench.domain import Criterion
from nami_bench.errors import InputError
from nami_bench.evaluation.human import severity_equations
from nami_bench.evaluation.human.estimates import estimate_scores
from nami_bench.evaluation.human.moderation import variance_between, variance_prior
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.severity import SeverityAdjustment, adjust_severity


def rated(
    rng: np.random.Generator,
    prompts: int,
    *,
    severity: Any = 0.0,
    spread: Any = 1.0,
    noise: Any = 10.0,
    means: Any = (45.0, 55.0, 65.0),
) -> np.ndarray:
    """Values (models, prompts, annotators), neither rounded nor cut; the parameters by annotator."""
    size = np.broadcast(np.atleast_1d(severity), np.atleast_1d(spread), np.atleast_1d(noise)).size
    quality = np.asarray(means)[:, None] + rng.normal(0, 12, (len(means), prompts))
    away = np.asarray(spread) * (quality[..., None] - np.mean(means))
    values: np.ndarray = np.mean(means) + severity + away + rng.normal(size=(*quality.shape, size)) * noise
    return values


def raw_scores(ratings: RatingsArray) -> np.ndarray:
    return estimate_scores(ratings).scores


@pytest.mark.parametrize("annotators", [3, 4])
def test_each_annotators_severity_and_inconsistency_are_found_in_points(
    annotators: int, ratings_of: Any
) -> None:
    severity = np.array([-8.0, 0.0, 3.0, 5.0])[:annotators]
    noise = np.array([2.0, 4.0, 8.0, 16.0])[:annotators]
    values = rated(np.random.default_rng(0), 400, severity=severity, noise=noise)
    found = adjust_severity(ratings_of(values))
    np.testing.assert_allclose(found.severity[:, 0], severity - severity.mean(), atol=0.8)
    np.testing.assert_allclose(found.inconsistency[:, 0], noise, rtol=0.3)
    np.testing.assert_allclose(found.spread, 1.0, atol=0.02)


@pytest.mark.parametrize("annotators", [3, 5])
def test_no_annotator_becomes_the_quality(annotators: int, ratings_of: Any) -> None:
    # Equal annotators: three with grades as of 0, 1/2, 1; five with tempers as the demo's.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rated(
            rng, 40, severity=rng.normal(0, 6, annotators), spread=rng.normal(1, 0.1, annotators), noise=8.0
        )
        values = np.clip(50 * np.rint(values / 50) if annotators == 3 else np.rint(values), 0, 100)
        found = adjust_severity(ratings_of(values))
        assert found.notes == ()
        assert found.inconsistency.max() < 2 * found.inconsistency.min(), seed
        quality = found.ratings.values[:, 0].reshape(-1, annotators).mean(axis=1)
        likeness = [np.corrcoef(quality, rating)[0, 1] for rating in values.reshape(-1, annotators).T]
        assert max(likeness) < 0.99
        assert np.abs(found.scores - raw_scores(ratings_of(values))).max() < 2.5


def test_shifts_in_a_complete_crossed_design_change_no_score(ratings_of: Any) -> None:
    criteria = (Criterion("quality", 0.7), Criterion("beauty", 0.3))
    rng = np.random.default_rng(1)
    values = np.stack([rated(rng, 60, severity=shift * np.arange(-2, 3)) for shift in (4.0, 9.0)], axis=-1)
    assert values.min() < 0 or values.max() > 100  # single values beyond the scale are not cut
    ratings = ratings_of(values, criteria)
    found = adjust_severity(ratings)
    assert found.notes == ()
    np.testing.assert_allclose(found.scores, raw_scores(ratings), atol=1e-9)
    np.testing.assert_allclose(found.severity[:, 1], 9.0 * np.arange(-2, 3), atol=2.5)
    np.testing.assert_allclose(found.severity.sum(axis=0), 0.0, atol=1e-9)


def test_the_mean_of_adjusted_values_is_the_images_quality_and_single_ones_are_not_cut(
    ratings_of: Any,
) -> None:
    rng = np.random.default_rng(2)
    values = np.clip(rated(rng, 80, severity=[-30.0, 0.0, 30.0, 5.0], means=(15.0, 85.0)), 0, 100)
    found = adjust_severity(ratings_of(values))
    adjusted = found.ratings.values
    assert adjusted.min() < 0 and adjusted.max() > 100
    np.testing.assert_allclose(found.scores, raw_scores(found.ratings), atol=1e-9)


def test_where_annotators_rated_different_images_adjustment_undoes_their_severity(
    study: Any, ratings_of: Any
) -> None:
    values = study(2, 300, 4, annotator=0.0, model_annotator=0.0)
    truth = values[1].mean() - values[0].mean()
    severe = values - np.array([0.0, 0.0, 0.0, 20.0])
    severe[0, :200, 3] = np.nan  # the strict one saw more of m1 than of m0
    severe[1, :, 0] = np.where(np.arange(300) < 150, severe[1, :, 0], np.nan)
    ratings = ratings_of(np.clip(severe, 0, 100))
    found = adjust_severity(ratings)
    raw, adjusted = (float(np.diff(scores[:, 0])[0]) for scores in (raw_scores(ratings), found.scores))
    assert abs(raw - truth) > 4
    assert abs(adjusted - truth) < 0.8
    np.testing.assert_allclose(found.severity[:, 0], [5, 5, 5, -15], atol=1)


def test_spread_is_found_where_annotators_differ_in_it(ratings_of: Any) -> None:
    rng = np.random.default_rng(0)
    quality = rng.normal(50, 10, (2, 100, 1))
    values = 50 + (quality - 50) * np.array([0.3, 1.0, 1.0, 1.5]) + rng.normal(0, 1, (2, 100, 4))
    found = adjust_severity(ratings_of(np.clip(values, 0, 100)))
    np.testing.assert_allclose(found.spread[:, 0], [0.32, 1.05, 1.05, 1.58], atol=0.03)
    # On the scale of the average annotator, whose spread is 0.95 of what was put in.
    truth = 50 + 0.95 * (quality[..., 0] - 50)
    means = found.ratings.values[:, 0].reshape(2, 100, 4).mean(axis=2)
    assert np.abs(means - truth).mean() < 1


def test_who_does_not_follow_the_images_is_named_and_hardly_counts(ratings_of: Any) -> None:
    rng = np.random.default_rng(3)
    values = rated(rng, 60, severity=[0.0, 2.0, -2.0, 1.0, 0.0])
    values[..., 4] = rng.normal(62, 1, values.shape[:2])  # always the same answer
    found = adjust_severity(ratings_of(values))
    assert found.notes == (
        "adjusted: 1 of 5 annotators do not follow the images and hardly count: a4 (quality)",
    )
    without = raw_scores(ratings_of(values[..., :4]))
    # The level holds the straight-liner's share of the panel; the differences do not.
    np.testing.assert_allclose(np.diff(found.scores[:, 0]), np.diff(without[:, 0]), atol=0.2)


def _apart(values: np.ndarray) -> np.ndarray:
    values[:, :20, :3] = np.nan
    values[:, 20:, 3:] = np.nan
    return values


def _alone(values: np.ndarray) -> np.ndarray:
    chosen = np.arange(values.shape[1])[:, None] % values.shape[2] == np.arange(values.shape[2])
    return np.where(chosen, values, np.nan)


def _copies(values: np.ndarray) -> np.ndarray:
    values[..., 1:4] = values[..., :1]
    return values


def _asleep(values: np.ndarray) -> np.ndarray:
    values[..., :3] = np.random.default_rng(0).normal(50, 10, values[..., :3].shape)
    return values


def _one_did_it_all(values: np.ndarray) -> np.ndarray:
    values[:, 12:, 1:] = np.nan
    return np.concatenate((values, np.random.default_rng(0).normal(50, 15, (3, 300, 6))), axis=1) * np.where(
        np.arange(6) < 1, 1.0, np.where(np.arange(340)[:, None] < 40, 1.0, np.nan)
    )


@pytest.mark.parametrize(
    ("annotators", "change", "reason"),
    [
        (2, np.copy, "fewer than 3 annotators have 10 images in common with others"),
        (1, np.copy, "no two annotators rated the same image"),
        (6, _alone, "no two annotators rated the same image"),
        (6, _apart, "annotators fall into 2 groups without an image in common"),
        (4, np.ones_like, "annotators never differ: there is nothing to adjust"),
        (6, _copies, "half of the annotators or more agree to the point, as copies do"),
        (6, _asleep, "half of the annotators or more do not follow the images"),
        (6, _one_did_it_all, "one annotator would carry over 80% of the weight"),
    ],
)
def test_without_something_to_trust_there_is_no_adjusted_score_and_one_note(
    annotators: int, change: Callable[[np.ndarray], np.ndarray], reason: str, ratings_of: Any
) -> None:
    values = rated(np.random.default_rng(5), 40, noise=np.full(annotators, 8.0))
    found = adjust_severity(ratings_of(change(values)))
    assert found.notes == (f"no adjusted scores: {reason}",)
    for part in (found.scores, found.low, found.high, found.severity, found.ratings.values):
        assert np.isnan(part).all()
    assert found.of("m0") == [None, None]


def test_a_criterion_that_cannot_be_adjusted_takes_the_total_along_if_it_carries_weight(
    ratings_of: Any,
) -> None:
    rng = np.random.default_rng(6)
    values = np.stack([rated(rng, 40, noise=np.full(4, 8.0)) for _ in range(2)], axis=-1)
    values[..., 1:, 1] = np.nan
    criteria = (Criterion("quality", 1.0), Criterion("beauty", 1.0))
    found = adjust_severity(ratings_of(values, criteria))
    assert found.notes == (
        "no adjusted scores of beauty (no two annotators rated the same image), and so none of the total",
    )
    assert [np.isnan(column).all() for column in found.scores.T] == [False, True, True]
    weightless = adjust_severity(ratings_of(values, (criteria[0], Criterion("beauty", 0.0))))
    assert [np.isnan(column).all() for column in weightless.scores.T] == [False, True, False]
    assert "total" not in weightless.notes[0]


def test_a_few_annotators_without_a_link_to_the_others_keep_their_ratings(ratings_of: Any) -> None:
    values = rated(np.random.default_rng(7), 100, severity=[-6.0, 0.0, 6.0, 0.0])
    values[:, :, 3] = np.nan
    values[:, 96:, :3] = np.nan
    values[:, 96:, 3] = 99.0
    found = adjust_severity(ratings_of(values))
    assert found.notes == ()
    own = found.ratings.annotator == 3
    np.testing.assert_allclose(found.ratings.values[own], 99.0)


@pytest.mark.slow
def test_intervals_tell_of_other_prompts_and_of_other_annotators(ratings_of: Any) -> None:
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values = rated(rng, 60, severity=rng.normal(0, 8, 8))
        missing = rng.random(values.shape).argsort(axis=2).argsort(axis=2) >= 3
        values[missing] = np.nan
        found = adjust_severity(ratings_of(values))
        held += ((found.low[:, 0] < [45, 55, 65]) & (found.high[:, 0] > [45, 55, 65])).tolist()
    assert 0.88 < np.mean(held) <= 1.0


def test_images_of_one_prompt_are_one_cluster(ratings_of: Any) -> None:
    rng = np.random.default_rng(8)
    ratings = ratings_of(rated(rng, 50, severity=np.zeros(4)))
    twice = replace(
        ratings,
        **{
            name: np.concatenate((getattr(ratings, name), getattr(ratings, name)))
            for name in ("model", "prompt", "annotator", "values", "withheld")
        },
        sample=np.repeat([0, 1], len(ratings.model)),
    )
    order = np.lexsort((twice.annotator, twice.sample, twice.prompt, twice.model))
    rows = ("model", "prompt", "sample", "annotator", "values", "withheld")
    twice = replace(twice, **{name: getattr(twice, name)[order] for name in rows})
    once, again = (adjust_severity(r).standard_error[:, 0] for r in (ratings, twice))
    np.testing.assert_allclose(again, once, rtol=0.02)


def test_a_model_with_one_prompt_has_a_score_and_no_interval(ratings_of: Any) -> None:
    values = rated(np.random.default_rng(9), 30, noise=np.full(4, 8.0))
    values[0, 1:] = np.nan
    found: SeverityAdjustment = adjust_severity(ratings_of(values))
    score, total = found.of("m0")
    assert score is not None and score.low is None and score.high is None
    assert total is not None and total.estimate == pytest.approx(score.estimate)
    for level in (0, 1):
        with pytest.raises(InputError, match="level"):
            adjust_severity(ratings_of(values), level=level)


def test_variances_are_pulled_together_only_as_far_as_chance_explains_them() -> None:
    rng = np.random.default_rng(0)
    freedom = np.full(400, 8.0)
    truths = 5.0 * 12 / rng.chisquare(12, 400)
    prior, scale = variance_prior(truths * rng.chisquare(8, 400) / 8, freedom)
    assert prior == pytest.approx(12, rel=0.4) and scale == pytest.approx(5, rel=0.1)
    equal, scale = variance_prior(5.0 * rng.chisquare(8, 400) / 8, freedom)
    assert np.isinf(equal) and scale == pytest.approx(5, rel=0.1)
    assert np.isinf(variance_prior(np.array([1.0, 90.0]), np.array([50.0, 50.0]))[0])


def test_slopes_differ_only_where_chance_does_not_explain_it() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.01, 0.04, 300)
    noise = rng.normal(size=300) * np.sqrt(errors)
    assert variance_between(1 + noise, errors) == 0
    assert variance_between(rng.normal(1, 0.3, 300) + noise, errors) == pytest.approx(0.09, rel=0.25)
    assert variance_between(np.array([0.0, 9.0]), np.array([0.1, 0.1])) == 0


def test_many_annotators_are_solved_sparsely_to_the_same_scores(
    monkeypatch: pytest.MonkeyPatch, ratings_of: Any
) -> None:
    rng = np.random.default_rng(4)
    annotators = 60
    severity = rng.normal(0, 8, annotators)
    values = np.full((2, 10 * annotators, annotators), np.nan)
    whole = rated(rng, 10 * annotators, severity=np.zeros(3), means=(45.0, 60.0))
    for prompt in range(values.shape[1]):
        chosen = (prompt + np.array([0, 1, 7])) % annotators
        values[:, prompt, chosen] = whole[:, prompt] + severity[chosen]
    dense = adjust_severity(ratings_of(values))
    monkeypatch.setattr(severity_equations, "MOST_DENSE", 50)
    sparse = adjust_severity(ratings_of(values))
    assert dense.notes == sparse.notes == ()
    error = dense.severity[:, 0] - (severity - severity.mean())
    assert np.sqrt((error**2).mean()) < 2.5
    np.testing.assert_allclose(sparse.severity, dense.severity, atol=0.1)
    np.testing.assert_allclose(sparse.scores, dense.scores, atol=0.02)
    np.testing.assert_allclose(sparse.standard_error, dense.standard_error, rtol=0.1)

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evaluation.human.annotators import gold_accuracy, repeat_consistency, summarize_annotators
from evaluation.human.rasch import fit_rasch
from evaluation.human.scores import model_scores
from evaluation.human.severity import adjust_severity, fit_subjective_model
from nami_bench.domain import Criterion
from nami_bench.errors import InputError, UnknownNameError

FIVE = (Criterion("grade", 1.0, 0, 4),)


def test_an_annotator_is_summarized_beside_the_others(study: Any, ratings_of: Any) -> None:
    values = study(3, 20, 4)
    values[:, :, 1] = np.clip(values[:, :, 1] - 10, 0, 100)
    summary = summarize_annotators(ratings_of(values), "quality")[1]
    own = values[:, :, 1].ravel()
    others = np.delete(values, 1, axis=2).reshape(60, 3)
    assert (summary.annotator, summary.ratings, summary.shared, summary.withheld) == ("a1", 60, 60, 0)
    assert summary.severity == pytest.approx((own - others.mean(axis=1)).mean())
    assert summary.correlation == pytest.approx(stats.pearsonr(own, others.mean(axis=1)).statistic)
    assert summary.rank_correlation == pytest.approx(stats.spearmanr(own, others.mean(axis=1)).statistic)
    assert summary.spread == pytest.approx(own.std() / others.std())


def test_an_annotator_alone_is_beside_nobody(study: Any, ratings_of: Any) -> None:
    (summary,) = summarize_annotators(ratings_of(study(2, 5, 1)), "quality")
    assert (summary.ratings, summary.shared) == (10, 0)
    assert (summary.correlation, summary.severity, summary.spread) == (None, None, None)
    flat = summarize_annotators(ratings_of(np.full((2, 5, 3), 50.0)), "quality")[0]
    assert (flat.correlation, flat.severity, flat.spread) == (None, 0.0, None)
    with pytest.raises(UnknownNameError, match="quality"):
        summarize_annotators(ratings_of(study(2, 5, 1)), "beauty")


def test_gold_items_and_repeats() -> None:
    gold = pd.DataFrame({
        "annotator": ["a", "a", "b", "b"], "value": [10.0, 80.0, 50.0, np.nan],
        "low": [0.0, 0.0, 40.0, 0.0], "high": [20.0, 20.0, 60.0, 100.0],
    })  # fmt: skip
    assert [(g.annotator, g.seen, g.passed, g.share) for g in gold_accuracy(gold)] == [
        ("a", 2, 1, 0.5), ("b", 1, 1, 1.0),
    ]  # fmt: skip
    repeats = pd.DataFrame({"annotator": "a", "first": [1.0, 5.0, 3.0], "second": [3.0, 5.0, 2.0]})
    (found,) = repeat_consistency(repeats)
    assert (found.repeats, found.difference, found.drift) == (3, pytest.approx(1.0), pytest.approx(1 / 3))
    assert found.deviation == pytest.approx(np.sqrt(5 / 6))
    with pytest.raises(InputError, match="low, high"):
        gold_accuracy(gold[["annotator", "value"]])


def test_the_subjective_model_finds_biases_and_the_inconsistent_annotator() -> None:
    rng = np.random.default_rng(0)
    images, bias = 400, np.array([-8.0, 0.0, 3.0, 5.0])
    noise = np.array([2.0, 4.0, 8.0, 16.0])
    image, annotator = np.repeat(np.arange(images), 4), np.tile(np.arange(4), images)
    truth = rng.normal(50, 10, images)
    value = truth[image] + bias[annotator] + rng.normal(0, 1, image.size) * noise[annotator]
    model = fit_subjective_model(image, annotator, value)
    assert model.converged
    np.testing.assert_allclose(model.bias, bias, atol=1.5)
    assert (np.diff(model.inconsistency) > 0).all()
    plain = np.bincount(image, weights=value) / 4
    # The erratic annotator counts less, so quality is nearer the truth than the plain mean.
    assert np.abs(model.quality - truth).mean() < np.abs(plain - truth).mean()


def test_where_annotators_rated_different_images_adjustment_undoes_their_severity(
    study: Any, ratings_of: Any
) -> None:
    values = study(2, 300, 4, annotator=0.0, model_annotator=0.0)
    truth = values[1].mean() - values[0].mean()
    severe = values - np.array([0.0, 0.0, 0.0, 20.0])
    severe[0, :200, 3] = np.nan  # the strict one saw more of m1 than of m0
    severe[1, :, 0] = np.where(np.arange(300) < 150, severe[1, :, 0], np.nan)
    ratings = ratings_of(np.clip(severe, 0, 100))
    adjustment = adjust_severity(ratings)
    raw, adjusted = (
        float(np.subtract(*[s.total for s in reversed(model_scores(r))]))  # type: ignore[arg-type]
        for r in (ratings, adjustment.ratings)
    )
    assert abs(adjusted - truth) < abs(raw - truth) / 2
    assert adjustment.bias[3, 0] < -10
    assert np.nanmax(adjustment.spread) < 1.3


def test_spread_is_made_equal(ratings_of: Any) -> None:
    rng = np.random.default_rng(0)
    quality = rng.normal(50, 10, (2, 100, 1))
    values = 50 + (quality - 50) * np.array([0.3, 1.0, 1.0, 1.5]) + rng.normal(0, 1, (2, 100, 4))
    adjusted = adjust_severity(ratings_of(np.clip(values, 0, 100)))
    assert (np.diff(adjusted.spread[[0, 1, 3], 0]) > 0.2).all()
    deviations = adjusted.ratings.values.reshape(200, 4).std(axis=0)
    assert deviations.max() / deviations.min() < 1.05
    unstretched = adjust_severity(ratings_of(np.clip(values, 0, 100)), spread=False)
    assert np.isnan(unstretched.spread).all()


def test_adjusting_equal_or_no_ratings_changes_nothing(ratings_of: Any) -> None:
    flat = ratings_of(np.full((2, 5, 3), 40.0))
    np.testing.assert_allclose(adjust_severity(flat).ratings.values, 40.0)
    with pytest.raises(InputError, match="no ratings"):
        fit_subjective_model(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0))


def rasch_study(
    models: np.ndarray, prompts: np.ndarray, annotators: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """Grades 0-4, rescaled to 0-100, drawn from the model itself."""
    rng = np.random.default_rng(3)
    logit = models[:, None, None] - prompts[None, :, None] - annotators[None, None]
    k = np.arange(5)
    exponent = k * logit[..., None] - np.concatenate(([0.0], np.cumsum(steps)))
    share = np.exp(exponent) / np.exp(exponent).sum(axis=-1, keepdims=True)
    return 25.0 * (rng.random(logit.shape)[..., None] > np.cumsum(share, axis=-1)).sum(axis=-1)


def test_rasch_recovers_what_grades_were_drawn_from(ratings_of: Any) -> None:
    rng = np.random.default_rng(1)
    models, annotators = np.linspace(-1, 1, 6), np.array([-0.8, -0.2, 0.0, 0.3, 0.7])
    steps = np.array([-1.2, -0.3, 0.4, 1.1])
    values = rasch_study(models, rng.normal(0, 0.7, 400), annotators, steps)
    fit = fit_rasch(ratings_of(values, FIVE), "grade")
    assert fit.converged
    np.testing.assert_allclose(fit.models.measure - fit.models.measure.mean(), models, atol=0.15)
    np.testing.assert_allclose(fit.annotators.measure, annotators - annotators.mean(), atol=0.15)
    np.testing.assert_allclose(fit.thresholds, steps, atol=0.15)
    np.testing.assert_allclose(fit.models.infit, 1.0, atol=0.15)
    assert (np.diff(fit.fair_score) > 0).all()


def test_rasch_measures_reproduce_the_observed_scores(study: Any, ratings_of: Any) -> None:
    # The joint likelihood's equations: expected equals observed, for each element.
    values = np.rint(study(3, 30, 4) / 25) * 25
    fit = fit_rasch(ratings_of(values, FIVE), "grade")
    logit = (
        fit.models.measure[:, None, None] - fit.prompts.measure[:, None] - fit.annotators.measure[None, None]
    )
    grades = np.unique(values)
    k = np.arange(len(grades))
    exponent = k * logit[..., None] - np.concatenate(([0.0], np.cumsum(fit.thresholds)))
    share = np.exp(exponent) / np.exp(exponent).sum(axis=-1, keepdims=True)
    observed = np.searchsorted(grades, values)
    np.testing.assert_allclose((share @ k).sum(axis=(1, 2)), observed.sum(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose((share @ k).sum(axis=(0, 1)), observed.sum(axis=(0, 1)), rtol=1e-4)


def test_rasch_says_what_it_did_with_scales_and_extremes(study: Any, ratings_of: Any) -> None:
    values = study(2, 30, 3)
    values[:, 0] = 100.0
    fit = fit_rasch(ratings_of(values), "quality")
    assert fit.notes[0] == "values are cut into 5 categories of equal width"
    assert any("1 prompts have one end of the scale only" in note for note in fit.notes)
    assert np.isfinite(fit.prompts.measure).all()
    assert fit.prompts.extreme[0]
    with pytest.raises(InputError, match="one category"):
        fit_rasch(ratings_of(np.full((2, 3, 3), 50.0)), "quality")
    with pytest.raises(UnknownNameError, match="quality"):
        fit_rasch(ratings_of(values), "q")

from typing import Any

import numpy as np
import pytest
from scipy import stats

from nami_bench.domain import Criterion
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.comparisons import MOST_MODELS, adjusted_p_values, compare_models
from nami_bench.evaluation.human.intervals import score_intervals
from nami_bench.evaluation.human.ratings_array import RatingsArray


def test_over_prompts_it_is_the_paired_t_test(study: Any, ratings_of: Any) -> None:
    values = study(3, 40, 5)
    found = compare_models(ratings_of(values), over="prompts", correction="none")
    expected = stats.ttest_rel(values[1].mean(axis=1), values[0].mean(axis=1))
    pair = found.of("m1", "m0")
    assert pair.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (pair.low, pair.high) == pytest.approx(expected.confidence_interval(), rel=1e-9)
    assert pair.difference == pytest.approx(values[1].mean() - values[0].mean())
    assert pair.images == 40


def test_over_both_it_is_the_interval_of_the_differences(study: Any, ratings_of: Any) -> None:
    values = study(3, 40, 5)
    pair = compare_models(ratings_of(values)).of("m2", "m0")
    of_difference = score_intervals(ratings_of(50 + (values[2] - values[0])[None] / 2)).of("m0")
    assert of_difference is not None
    assert of_difference.low is not None
    assert of_difference.high is not None
    assert pair.low == pytest.approx(2 * (of_difference.low - 50))
    assert pair.high == pytest.approx(2 * (of_difference.high - 50))


def test_what_two_models_share_does_not_widen_their_difference(study: Any, ratings_of: Any) -> None:
    values = study(2, 40, 5, prompt=0.0, annotator=0.0, prompt_annotator=0.0) / 2 + 20
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 5, (1, 40, 1)) + rng.normal(0, 5, (1, 1, 5))
    plain, shifted = (compare_models(ratings_of(v)) for v in (values, values + shared))
    np.testing.assert_allclose(plain.standard_error, shifted.standard_error)


def test_models_on_different_images_are_compared_on_shared_ones(study: Any, ratings_of: Any) -> None:
    values = study(3, 40, 5)
    values[0, :10] = np.nan
    values[1, 35:] = np.nan
    found = compare_models(ratings_of(values))
    alone = compare_models(ratings_of(values[:2, 10:35]))
    assert found.of("m0", "m1").images == 25
    for name in ("difference", "low", "high", "p_value"):
        assert getattr(found.of("m0", "m1"), name) == pytest.approx(getattr(alone.of("m0", "m1"), name))
    assert "different images" in found.notes[0]


def test_criteria_can_be_compared_one_by_one(study: Any, ratings_of: Any) -> None:
    criteria = (Criterion("a", 1.0), Criterion("b", 3.0))
    values = np.stack((study(2, 20, 4), study(2, 20, 4, 1)), axis=-1)
    ratings = ratings_of(values, criteria)
    difference = [compare_models(ratings, column=c).of("m1", "m0").difference for c in ("a", "b", "total")]
    assert None not in difference
    assert difference[2] == pytest.approx(0.25 * difference[0] + 0.75 * difference[1])  # type: ignore[operator]
    with pytest.raises(UnknownNameError, match="'a'"):
        compare_models(ratings, column="aa")


@pytest.mark.parametrize("correction", ["holm", "benjamini-hochberg"])
def test_corrections(correction: Any) -> None:
    p = np.array([0.04, np.nan, 0.01, 0.03, 0.005, 0.6])
    found = adjusted_p_values(p, correction)
    if correction == "holm":
        expected = [0.09, np.nan, 0.04, 0.09, 0.025, 0.6]
    else:
        known = stats.false_discovery_control(p[~np.isnan(p)])
        expected = np.insert(known, 1, np.nan).tolist()
    np.testing.assert_allclose(found, expected)


def _family(world: Any, ratings_of: Any, models: int, shape: tuple[int, int], studies: int) -> np.ndarray:
    """p-values of studies in which no model differs, (studies, pairs)."""
    rng = np.random.default_rng(5)
    upper = np.triu_indices(models, 1)
    found = []
    for _ in range(studies):
        ratings = ratings_of(world().values(np.full(models, 50.0), *shape, rng))
        found.append(compare_models(ratings, correction="holm").p_value[upper])
    return np.array(found)


@pytest.mark.slow
def test_false_positives_are_as_rare_as_the_level_says(world: Any, ratings_of: Any) -> None:
    p_values = _family(world, ratings_of, 2, (60, 5), 400)
    assert stats.binomtest(int((p_values < 0.05).sum()), 400, 0.05).pvalue > 0.001


@pytest.mark.slow
def test_holm_bounds_the_chance_of_any_false_claim(world: Any, ratings_of: Any) -> None:
    families = _family(world, ratings_of, 5, (40, 5), 300)
    claims = sum((adjusted_p_values(p, "holm") <= 0.05).any() for p in families)
    assert claims <= stats.binom.ppf(0.999, 300, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(60, 5), (300, 5), (100, 10)])
def test_false_positive_rates_over_thousands_of_studies(
    world: Any, ratings_of: Any, shape: tuple[int, int]
) -> None:
    p_values = _family(world, ratings_of, 2, shape, 3000)
    assert 0.02 <= (p_values < 0.05).mean() <= 0.06
    families = _family(world, ratings_of, 6, shape, 1000)
    claims = np.mean([(adjusted_p_values(p, "holm") <= 0.05).any() for p in families])
    assert claims <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_pairs_come_once_with_the_better_model_first(study: Any, ratings_of: Any) -> None:
    pairs = list(compare_models(ratings_of(study(4, 30, 4))).pairs())
    assert len(pairs) == 6
    assert all(pair.difference is not None and pair.difference >= 0 for pair in pairs)
    assert {frozenset((pair.first, pair.second)) for pair in pairs} == {
        frozenset((f"m{i}", f"m{j}")) for i in range(4) for j in range(i)
    }


def test_equal_models_have_p_one_and_no_difference(study: Any, ratings_of: Any) -> None:
    values = np.repeat(study(1, 20, 4), 2, axis=0)
    pair = compare_models(ratings_of(values)).of("m0", "m1")
    assert (pair.difference, pair.p_value, pair.significant) == (0.0, 1.0, False)


def test_pairs_that_share_nothing_are_not_compared_and_counted(study: Any, ratings_of: Any) -> None:
    values = study(2, 20, 4)
    values[0, :10] = np.nan
    values[1, 10:] = np.nan
    found = compare_models(ratings_of(values))
    pair = found.of("m0", "m1")
    assert (pair.difference, pair.p_value, pair.p_adjusted, pair.images) == (None, None, None, 0)
    assert any("1 pair" in note for note in found.notes)


def test_single_ratings_are_not_compared(study: Any, ratings_of: Any) -> None:
    found = compare_models(ratings_of(study(2, 1, 1)))
    assert found.of("m0", "m1").p_value is None
    assert any("cannot be compared" in note for note in found.notes)


def test_too_many_models_and_unknown_names_are_refused(study: Any, ratings_of: Any) -> None:
    many = ratings_of(np.random.default_rng(0).uniform(0, 100, (MOST_MODELS + 1, 2, 2)))
    with pytest.raises(InputError, match="too many to compare"):
        compare_models(many)
    ratings = ratings_of(study(2, 5, 3))
    with pytest.raises(UnknownNameError, match="holm"):
        compare_models(ratings, correction="home")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="m0"):
        compare_models(ratings).of("m0", "m9")


def test_a_study_without_ratings_has_no_pairs(table_of: Any, study: Any) -> None:
    empty = RatingsArray.from_table(table_of(study(1, 2, 2))[:0], (Criterion("quality", 1.0),))
    assert list(compare_models(empty).pairs()) == []

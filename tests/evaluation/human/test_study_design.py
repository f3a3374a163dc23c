from typing import Any

import numpy as np
import pytest

from evaluation.human.comparisons import compare_models
from evaluation.human.components import (
    DifferenceComponents,
    assumed_components,
    difference_components,
    variance_components,
)
from evaluation.human.design import detectable_difference, plan_study, power, prompts_needed
from nami_bench.errors import InputError

PILOT = DifferenceComponents(prompt=128.0, annotator=8.0, rest=162.0)  # what `World` has by default


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_components_are_estimated_without_bias(world: Any, ratings_of: Any, missing: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    names = ("prompt", "annotator", "model_prompt", "model_annotator", "prompt_annotator", "rest")
    for _ in range(60):
        values = world().values(np.full(4, 50.0), 60, 6, rng)
        values[rng.random(values.shape) < missing] = np.nan
        components = variance_components(ratings_of(values))
        found.append([getattr(components, name) for name in names])
    # Rounding to whole points adds 1/12 to the rest.
    truth = np.array([64.0, 25.0, 64.0, 4.0, 16.0, 81.0 + 1 / 12])
    error = np.std(found, axis=0) / np.sqrt(60)
    np.testing.assert_array_less(np.abs(np.mean(found, axis=0) - truth), 4 * error + 0.05 * truth)


def test_shares_sum_to_one_and_nothing_varies_without_variation(study: Any, ratings_of: Any) -> None:
    assert sum(variance_components(ratings_of(study(3, 30, 4))).shares.values()) == pytest.approx(1.0)
    flat = variance_components(ratings_of(np.full((2, 5, 3), 50.0)))
    assert set(flat.shares.values()) == {0.0}


def test_a_pilot_predicts_the_standard_error_of_its_own_size(study: Any, ratings_of: Any) -> None:
    ratings = ratings_of(study(2, 50, 5))
    components = difference_components(ratings)
    error = compare_models(ratings).standard_error[0, 1]
    predicted = components.prompt / 50 + components.annotator / 5 + components.rest / 250
    assert error == pytest.approx(np.sqrt(predicted))


def test_power_is_the_share_of_studies_that_find_the_difference(world: Any, ratings_of: Any) -> None:
    rng = np.random.default_rng(3)
    means = np.array([48.0, 52.5])
    found = [
        compare_models(ratings_of(world().values(means, 60, 6, rng))).of("m1", "m0").significant
        for _ in range(300)
    ]
    expected = power(PILOT, 4.5, 60, 6)
    assert np.mean(found) == pytest.approx(expected, abs=0.09)


def test_power_of_no_difference_is_the_level_at_most() -> None:
    assert 0.03 < power(PILOT, 0.0, 100, 8) <= 0.05
    assert 0.001 < power(PILOT, 0.0, 100, 8, pairs=10) <= 0.005


def test_the_detectable_difference_has_the_power_asked_for() -> None:
    found = detectable_difference(PILOT, 200, 5, wanted=0.9)
    assert power(PILOT, found, 200, 5) == pytest.approx(0.9, abs=1e-4)
    assert detectable_difference(PILOT, 200, 5, pairs=45) > found
    assert detectable_difference(PILOT, 200, 5, overlap=2) > detectable_difference(PILOT, 200, 5)


def test_the_prompts_needed_are_the_fewest() -> None:
    needed = prompts_needed(PILOT, 5.0, 6)
    assert needed is not None
    assert power(PILOT, 5.0, needed, 6) >= 0.8 > power(PILOT, 5.0, needed - 1, 6)


def test_where_annotators_disagree_no_number_of_prompts_is_enough() -> None:
    assert prompts_needed(PILOT, 2.0, 3) is None
    assert prompts_needed(PILOT, 2.0, 60) is not None


def test_a_plan_has_every_combination() -> None:
    plan = list(plan_study(PILOT, 3.0, prompts=(50, 100), annotators=(3, 5), overlap=4))
    assert [(p.prompts, p.annotators, p.overlap, p.ratings) for p in plan] == [
        (50, 3, 3, 300), (100, 3, 3, 600), (50, 5, 4, 400), (100, 5, 4, 800),
    ]  # fmt: skip
    assert plan[0].power < plan[3].power
    assert plan[0].detectable > plan[3].detectable


def test_assumptions_are_stated() -> None:
    assumed = assumed_components(20.0)
    assert assumed.prompt + assumed.annotator + assumed.rest == pytest.approx(800.0)
    assert "assumed, not measured" in assumed.notes[0]
    with pytest.raises(InputError, match="within 0 to 1"):
        assumed_components(prompt=0.9, annotator=0.2)


def test_what_cannot_be_planned_is_refused(study: Any, ratings_of: Any) -> None:
    for shape in ((1, 5, 3), (2, 1, 3), (2, 5, 1)):
        with pytest.raises(InputError, match="at least"):
            variance_components(ratings_of(study(*shape)))
    with pytest.raises(InputError, match="two prompts and two annotators"):
        power(PILOT, 1.0, 1, 5)
    with pytest.raises(InputError, match="above zero"):
        prompts_needed(PILOT, 0.0, 5)
    with pytest.raises(InputError, match="between 0 and 1"):
        detectable_difference(PILOT, 10, 5, wanted=80)
    apart = study(2, 10, 4)
    apart[0, :, :2] = np.nan
    apart[1, :, 2:] = np.nan
    with pytest.raises(InputError, match="no two models share"):
        difference_components(ratings_of(apart))

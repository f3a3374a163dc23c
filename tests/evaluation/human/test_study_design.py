from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.errors import InputError
from nami_bench.evaluation.human.comparisons import compare_models
from nami_bench.evaluation.human.components import (
    AssumedShares,
    VarianceComponents,
    assumed_components,
    lone_annotator_deviation,
    variance_components,
)
from nami_bench.evaluation.human.design import (
    Layout,
    detectable_difference,
    plan_study,
    power,
    prompts_needed,
)
from nami_bench.evaluation.leaderboard.plan import PlanOptions, plan_from_pilot

PILOT = VarianceComponents(64.0, 25.0, 64.0, 4.0, 16.0, 81.0)  # what `World` has by default


@pytest.mark.slow
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


def test_a_pilot_predicts_the_standard_error_of_its_own_size(study: Any, ratings_of: Any) -> None:
    ratings = ratings_of(study(2, 50, 5))
    components = variance_components(ratings)
    error = compare_models(ratings).standard_error[0, 1]
    predicted = (
        2 * components.model_prompt / 50 + 2 * components.model_annotator / 5 + 2 * components.rest / 250
    )
    assert error == pytest.approx(np.sqrt(predicted))
    assert (components.prompt_freedom, components.annotator_freedom) == (49, 4)


def test_nothing_varies_without_variation(ratings_of: Any) -> None:
    flat = variance_components(ratings_of(np.full((2, 5, 3), 50.0)))
    assert replace(flat, prompt_freedom=None, annotator_freedom=None) == VarianceComponents(0, 0, 0, 0, 0, 0)
    assert power(flat, 1.0, 10, 3) == 1.0 and power(flat, 0.0, 10, 3) == 0.0
    assert detectable_difference(flat, 10, 3) == 0.0


@pytest.mark.slow
def test_power_is_the_share_of_studies_that_find_the_difference(world: Any, ratings_of: Any) -> None:
    rng = np.random.default_rng(3)
    means = np.array([48.0, 52.5])
    found = [
        compare_models(ratings_of(world().values(means, 60, 6, rng))).of("m1", "m0").significant
        for _ in range(300)
    ]
    expected = power(PILOT, 4.5, 60, 6)
    assert np.mean(found) == pytest.approx(expected, abs=0.09)


@pytest.mark.parametrize(
    ("components", "difference", "annotators", "layout", "prompts"),
    [
        # By hand-made simulation with the actual test, 300 to 500 studies each: 75 to 80 % of the asked 80.
        (VarianceComponents(0, 0, 0, 0, 0, 144.0), 8, 5, Layout(overlap=1), 65),
        (PILOT, 8, 8, Layout(overlap=1), 59),
        (PILOT, 8, 8, Layout(overlap=3), 32),
        (PILOT, 6, 20, Layout(overlap=2, panel="spread", models=6), 69),
    ],
)
def test_sparse_studies_get_as_many_prompts_as_they_need(
    components: VarianceComponents, difference: float, annotators: int, layout: Layout, prompts: int
) -> None:
    # A plan by signed variances asked for 3 or 4 prompts, with which the power is 5 to 9 %.
    assert prompts_needed(components, difference, annotators, layout) == pytest.approx(prompts, abs=2)


def test_power_of_no_difference_is_the_level_at_most() -> None:
    assert 0.03 < power(PILOT, 0.0, 100, 8) <= 0.05
    assert 0.001 < power(PILOT, 0.0, 100, 8, Layout(pairs=10)) <= 0.005


def test_the_detectable_difference_has_the_power_asked_for() -> None:
    found = detectable_difference(PILOT, 200, 5, Layout(wanted=0.9))
    assert power(PILOT, found, 200, 5) == pytest.approx(0.9, abs=1e-4)
    assert detectable_difference(PILOT, 200, 5, Layout(pairs=45)) > found
    assert detectable_difference(PILOT, 200, 5, Layout(overlap=2)) > detectable_difference(PILOT, 200, 5)


def test_the_prompts_needed_are_the_fewest() -> None:
    needed = prompts_needed(PILOT, 5.0, 6)
    assert needed is not None
    assert power(PILOT, 5.0, needed, 6) >= 0.8 > power(PILOT, 5.0, needed - 1, 6)


def test_where_annotators_disagree_no_number_of_prompts_is_enough() -> None:
    assert prompts_needed(PILOT, 2.0, 3) is None
    assert prompts_needed(PILOT, 2.0, 60) is not None


variances = st.floats(0.0, 200.0)
some = st.builds(VarianceComponents, variances, variances, variances, st.floats(0.0, 20.0), variances,
                 st.floats(1.0, 200.0))  # fmt: skip
panels = st.sampled_from(["crossed", "spread"])
sizes = {"annotators": st.integers(3, 25), "overlap": st.integers(1, 24), "prompts": st.integers(2, 400)}


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(components=some, difference=st.floats(0.5, 25.0), panel=panels, models=st.integers(2, 6), **sizes)
def test_power_rises_with_everything_that_makes_a_study_larger(
    components: VarianceComponents, difference: float, panel: str, models: int, annotators: int,
    overlap: int, prompts: int,
) -> None:  # fmt: skip
    overlap = min(overlap, annotators)
    prompts = max(prompts, annotators + 2)  # below, it matters which of the two is scarcer
    layout = Layout(overlap=overlap, panel=panel, models=models)
    found = power(components, difference, prompts, annotators, layout)
    assert power(components, difference + 0.5, prompts, annotators, layout) >= found
    assert power(components, difference, prompts, annotators, replace(layout, pairs=3)) <= found
    assert power(components, difference, prompts, annotators, replace(layout, level=0.9)) >= found
    assert power(components, difference, prompts, annotators, replace(layout, models=models + 1)) >= found
    larger = [power(components, difference, prompts + 1, annotators, layout)]
    if overlap < annotators:
        more = replace(layout, overlap=overlap + 1)
        larger.append(power(components, difference, prompts, annotators, more))
    if panel == "crossed":  # in a spread one more people see less in common
        larger.append(power(components, difference, prompts + 1, annotators + 1, layout))
    # Where hardly anything is found, fewer degrees of freedom may find a little more.
    assert min(larger) >= found - (0.002 if found > 0.3 else 0.03)


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(components=some, difference=st.floats(1.0, 25.0), panel=panels, models=st.integers(2, 6), **sizes)
def test_fewer_prompts_are_needed_by_larger_studies_and_for_larger_differences(
    components: VarianceComponents, difference: float, panel: str, models: int, annotators: int,
    overlap: int, prompts: int,
) -> None:  # fmt: skip
    overlap = min(overlap, annotators)
    layout = Layout(overlap=overlap, panel=panel, models=models)

    def needed(difference: float, annotators: int, layout: Layout) -> float:
        found = prompts_needed(components, difference, annotators, layout)
        return np.inf if found is None else found

    found = needed(difference, annotators, layout)
    assert needed(difference + 1.0, annotators, layout) <= found
    assert needed(difference, annotators, replace(layout, level=0.9)) <= found
    assert needed(difference, annotators, replace(layout, pairs=10)) >= found
    assert needed(difference, annotators, replace(layout, wanted=0.9)) >= found
    # Which of the two is scarcer changes where there are as many prompts as annotators.
    slack = 1 if found <= annotators + 2 else 0
    if overlap < annotators:
        assert needed(difference, annotators, replace(layout, overlap=overlap + 1)) <= found + slack
    if panel == "crossed":
        # The same ratings by more people tell a little less about prompts, if people do not differ.
        assert needed(difference, annotators + 1, layout) <= found * 1.05 + slack
    everybody = replace(layout, overlap=None)
    by_all = needed(difference, annotators, everybody)
    assert by_all <= found + slack
    assert needed(difference, annotators + 1, everybody) <= by_all + (by_all <= annotators + 2)


def test_with_few_annotators_more_prompts_never_find_less() -> None:
    # The test's own half width grows a little there: prompts' part, of which more is known, makes way.
    few = VarianceComponents(0.0, 0.0, 29.0, 2.3, 0.0, 15.0)
    layout = Layout(pairs=10)
    found = [detectable_difference(few, prompts, 3, layout) for prompts in (10, 50, 200, 2000)]
    assert (np.diff(found) < 1e-4).all()


def test_different_people_for_each_image_need_more_prompts_and_other_models_help() -> None:
    crossed, spread = (Layout(overlap=2, panel=panel, models=2) for panel in ("crossed", "spread"))
    alone = prompts_needed(PILOT, 5.0, 12, spread)
    among_six = prompts_needed(PILOT, 5.0, 12, replace(spread, models=6))
    together = prompts_needed(PILOT, 5.0, 12, crossed)
    assert together is not None and among_six is not None and alone is not None
    assert together < among_six < alone
    assert prompts_needed(PILOT, 5.0, 12, replace(spread, overlap=None)) == prompts_needed(PILOT, 5.0, 12)


def test_a_plan_has_every_combination() -> None:
    plan = list(plan_study(PILOT, 3.0, prompts=(50, 100), annotators=(3, 5), layout=Layout(overlap=4)))
    assert [(p.prompts, p.annotators, p.overlap, p.ratings) for p in plan] == [
        (50, 3, 3, 300), (100, 3, 3, 600), (50, 5, 4, 400), (100, 5, 4, 800),
    ]  # fmt: skip
    assert plan[0].power < plan[3].power
    assert plan[0].detectable > plan[3].detectable


def test_assumptions_are_stated() -> None:
    assumed = assumed_components(20.0)
    assert assumed.model_prompt + assumed.model_annotator + assumed.rest == pytest.approx(400.0)
    assert assumed.annotator == pytest.approx(200.0)
    assert "assumed, not measured" in assumed.notes[0]
    assert "severity" in assumed.notes[0]
    with pytest.raises(InputError, match="within 0 to 1"):
        AssumedShares(prompt=0.9, annotator=0.2)
    for deviation in (0.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="positive"):
            assumed_components(deviation)
    for wrong in ({"prompt": float("nan")}, {"annotator": float("nan")}, {"severity": float("inf")}):
        with pytest.raises(InputError, match="within 0 to 1"):
            AssumedShares(**wrong)


def test_one_annotator_shows_how_far_ratings_deviate_and_no_more(world: Any, ratings_of: Any) -> None:
    ratings = ratings_of(world().values(np.full(4, 50.0), 400, 1, np.random.default_rng(0)))
    found = lone_annotator_deviation(ratings, "total", AssumedShares(annotator=0.05))
    assert found == pytest.approx(np.sqrt((64 + 81) / 0.95), rel=0.05)
    with pytest.raises(InputError, match="two annotators"):
        variance_components(ratings)
    with pytest.raises(InputError, match="leaves nothing"):
        lone_annotator_deviation(ratings, "total", AssumedShares(prompt=0.0, annotator=1.0))
    with pytest.raises(InputError, match="no two models share"):
        lone_annotator_deviation(ratings.of_prompts(ratings.prompts[:1]), "total", AssumedShares())


def test_what_cannot_be_planned_is_refused(study: Any, ratings_of: Any) -> None:
    for shape in ((1, 5, 3), (2, 1, 3), (2, 5, 1)):
        with pytest.raises(InputError, match="at least"):
            variance_components(ratings_of(study(*shape)))
    with pytest.raises(InputError, match="two prompts and two annotators"):
        power(PILOT, 1.0, 1, 5)
    for difference in (0.0, float("nan"), 101.0):
        with pytest.raises(InputError, match="above zero and at most 100"):
            prompts_needed(PILOT, difference, 5)
    with pytest.raises(InputError, match="no more than chance"):
        Layout(wanted=0.05)
    with pytest.raises(InputError, match="every rating agrees"):
        plan_from_pilot(ratings_of(np.full((2, 10, 4), 50.0)), "study flat", PlanOptions())
    for wrong in ({"wanted": 80}, {"level": 0}, {"overlap": 0}, {"models": 1}, {"pairs": 0}):
        with pytest.raises(InputError):
            Layout(**wrong)
    apart = study(2, 10, 4)
    apart[0, :, :2] = np.nan
    apart[1, :, 2:] = np.nan
    with pytest.raises(InputError, match="no two models share"):
        variance_components(ratings_of(apart))

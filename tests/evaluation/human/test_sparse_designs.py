"""What intervals and tests promise whoever rated whatever."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.simulated_studies import Design, simulate
from nami_bench.domain import Criterion
from nami_bench.evaluation.human.comparisons import Differences, compare_models
from nami_bench.evaluation.human.intervals import score_intervals
from nami_bench.evaluation.human.paired import paired_differences
from nami_bench.evaluation.human.ratings_array import RatingsArray

LEVELS = (0.5, 0.9, 0.95, 0.999)
SHAPES = ("sparse", "disjoint annotators", "one dominant annotator", "nearly all of one prompt", "complete")


def arranged(codes: np.ndarray, values: np.ndarray, models: int = 2) -> RatingsArray:
    """Rows in any order, codes (4, rows) of models, prompts, samples, annotators, as ratings."""
    order = np.lexsort(codes[::-1])
    model, prompt, sample, annotator = codes[:, order]
    prompts, prompt = np.unique(prompt, return_inverse=True)
    annotators, annotator = np.unique(annotator, return_inverse=True)
    return RatingsArray(
        models=tuple(f"m{i}" for i in range(max(int(model.max(initial=0)) + 1, models))),
        prompts=tuple(f"{i:03d}" for i in prompts),
        annotators=tuple(f"a{i}" for i in annotators),
        criteria=tuple(Criterion(f"c{i}", 1.0 + i) for i in range(values.shape[1])),
        model=model,
        prompt=prompt,
        sample=sample,
        annotator=annotator,
        values=values[order],
        withheld=np.zeros(values.shape, dtype=bool),
    )


@st.composite
def studies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Codes (4, rows) and values (rows, criteria) of a small study, seldom a tidy one."""
    sizes = [draw(st.integers(low, high)) for low, high in ((2, 4), (1, 10), (1, 2), (1, 6))]
    shape, criteria = draw(st.sampled_from(SHAPES)), draw(st.integers(1, 2))
    step = draw(st.sampled_from((1.0, 1.0, 25.0, 100.0)))
    missing = draw(st.sampled_from((0.0, 0.0, 0.3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    m, p, s, a = np.indices(sizes).reshape(4, -1)
    chance = np.full(len(m), draw(st.sampled_from((0.15, 0.4, 0.8))))
    if shape == "complete":
        chance[:] = 1.0
    if shape == "disjoint annotators":
        chance = np.where(a % sizes[0] == m, 2 * chance, 0.0)
    if shape == "one dominant annotator":
        chance = np.where(a == 0, 1.0, chance / 4)
    if shape == "nearly all of one prompt":
        chance = np.where(p == 0, chance, chance / 10)
    kept = rng.random(len(m)) < chance
    effects = [rng.normal(0, rng.choice([0, 5, 15]), n) for n in (*sizes, len(m))]
    raw = 50 + sum(
        effect[code] for effect, code in zip(effects, (m, p, s, a, np.arange(len(m))), strict=True)
    )
    values = np.stack([raw + rng.normal(0, 5, len(m)) for _ in range(criteria)], axis=1)[kept]
    values = np.clip(step * np.rint(values / step), 0, 100)
    values[rng.random(values.shape) < missing] = np.nan
    return np.stack((m, p, s, a))[:, kept], values


def assert_dual(study: tuple[np.ndarray, np.ndarray]) -> None:
    ratings = arranged(*study)
    for level in LEVELS:
        found = compare_models(ratings, level=level, correction="none")
        for pair in found.pairs():
            if pair.p_value is None:
                assert pair.low is None
                assert pair.reason
                continue
            assert pair.low is not None
            assert pair.high is not None
            if abs(pair.p_value + level - 1) > 1e-9:  # t with one degree of freedom is 1 at exactly 50 %
                assert (pair.p_value < 1 - level) == (pair.low > 0 or pair.high < 0)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(studies())
def test_p_is_below_alpha_exactly_where_the_interval_leaves_zero_out(
    study: tuple[np.ndarray, np.ndarray],
) -> None:
    assert_dual(study)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(studies())
def test_p_values_and_intervals_agree_in_ten_thousand_designs(study: tuple[np.ndarray, np.ndarray]) -> None:
    assert_dual(study)


@settings(max_examples=50, deadline=None)
@given(studies(), st.sampled_from(("both", "prompts", "annotators")))
def test_parts_are_never_negative_and_p_falls_as_the_difference_grows(
    study: tuple[np.ndarray, np.ndarray], over: Any
) -> None:
    found = paired_differences(arranged(*study), study[1].shape[1], over)
    spread = found.spread
    known = spread.known
    assert (spread.parts[known] >= 0).all()
    assert (known == (found.reason == 0) & ~np.eye(len(known), dtype=bool)).all()
    width = [spread.half_width(share)[known] for share in (0.5, 0.05, 1e-3, 1e-9, 1e-100)]
    varies = width[0] > 0
    assert all((wider > narrower)[varies].all() for narrower, wider in pairwise(width))
    p = [spread.p_value(np.full(known.shape, points))[known] for points in (0.0, 0.1, 1.0, 10.0, 1000.0)]
    assert (p[0] == 1).all()
    assert all((less <= more).all() for more, less in pairwise(p))


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(studies(), st.integers(0, 2**32))
def test_other_names_of_prompts_annotators_and_models_change_nothing(
    study: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    codes, values = study
    rng = np.random.default_rng(seed)
    ratings = arranged(codes, values, 4)
    sizes = (4, 10, 2, 6)
    names = [rng.permutation(n) for n in sizes]
    renamed = arranged(np.stack([name[code] for name, code in zip(names, codes, strict=True)]), values, 4)
    model = np.ix_(names[0], names[0])
    before, after = compare_models(ratings), compare_models(renamed)
    for name in ("difference", "half_width", "p_value"):
        np.testing.assert_allclose(
            getattr(after, name)[model], getattr(before, name), rtol=1e-5, atol=1e-7, err_msg=name
        )
    scores = [score_intervals(part) for part in (renamed, ratings)]
    np.testing.assert_allclose(scores[0].high[names[0]], scores[1].high, rtol=1e-6)


@pytest.mark.parametrize(("prompts", "annotators"), [(40, 5), (12, 12), (6, 30)])
def test_without_gaps_the_variance_is_that_of_the_analysis_of_variance(
    study: Any, ratings_of: Any, prompts: int, annotators: int
) -> None:
    values = study(2, prompts, annotators, model_annotator=8.0)
    apart = values[1] - values[0]
    by_prompt, by_annotator = (apart.mean(axis=axis) - apart.mean() for axis in (1, 0))
    rest = apart - apart.mean() - by_prompt[:, None] - by_annotator
    squares = (
        annotators * (by_prompt @ by_prompt) / (prompts - 1),
        prompts * (by_annotator @ by_annotator) / (annotators - 1),
        (rest**2).sum() / ((prompts - 1) * (annotators - 1)),
    )
    assert min(squares[:2]) > squares[2]  # no share is below zero
    found = compare_models(ratings_of(values)).standard_error[1, 0]
    assert found**2 == pytest.approx((squares[0] + squares[1] - squares[2]) / apart.size)


def false_positives(design: Design, studies: int, models: int = 2) -> tuple[int, int]:
    """How many pairs of equal models are told apart at 5 % before any correction, and how many there are."""
    rng = np.random.default_rng(7)
    upper = np.triu_indices(models, 1)
    p = np.array([compare_models(simulate(design, rng, models)).p_value[upper] for _ in range(studies)])
    return int((p < 0.05).sum()), p.size


@pytest.mark.slow
@pytest.mark.parametrize(
    "design",
    [
        Design("noise", 5, 40, overlap=1, panel="spread"),
        Design("noise", 4, 40, overlap=3, done=0.2, panel="spread"),
        Design("noise", 8, 40, overlap=3, done=0.3, panel="spread"),
        Design("noise", 3, 40, overlap=1),
    ],
    ids=str,
)
def test_equal_models_are_seldom_told_apart_where_images_have_about_one_rating(design: Design) -> None:
    found, pairs = false_positives(design, 300)
    assert found <= stats.binom.ppf(0.999, pairs, 0.05)


def sparse_pair(rng: np.random.Generator, rater: np.ndarray) -> Differences:
    """Two equal models of 40 prompts, rated by `rater` (models, prompts)."""
    codes = np.stack(
        (np.repeat([0, 1], 40), np.tile(np.arange(40), 2), np.zeros(80, dtype=int), rater.ravel())
    )
    return compare_models(arranged(codes, np.clip(rng.normal(50, 20, (80, 1)), 0, 100)))


def test_a_model_that_one_annotator_rated_is_not_compared_and_that_is_said(rng: np.random.Generator) -> None:
    rater = np.stack((np.zeros(40, dtype=int), np.arange(40) % 3))
    found = sparse_pair(rng, rater)
    pair = found.of("m0", "m1")
    assert pair.difference is not None
    assert (pair.low, pair.p_value) == (None, None)
    assert pair.reason == "a model was rated by one annotator only: taste and worth cannot be told apart"
    assert any("which is not to be alike" in note for note in found.notes)


def test_disjoint_annotators_give_a_wide_interval_and_a_note(rng: np.random.Generator) -> None:
    rater = np.stack((np.arange(40) % 3, 3 + np.arange(40) % 3))
    found = sparse_pair(rng, rater)
    assert found.half_width[0, 1] > 5
    assert any("had different annotators" in note for note in found.notes)


@pytest.mark.parametrize(("annotators", "words"), [(2, "two annotators"), (3, "so few annotators")])
def test_few_annotators_are_said_to_tell_large_differences_only(
    rng: np.random.Generator, annotators: int, words: str
) -> None:
    found = sparse_pair(rng, np.tile(np.arange(40) % annotators, (2, 1)))
    assert any(f"with {words}" in note and "very large" in note for note in found.notes)


def test_two_models_without_variation_differ_by_an_unknown_amount() -> None:
    codes = np.indices((2, 5, 1, 3)).reshape(4, -1)
    pair = compare_models(arranged(codes, 60.0 + 5.0 * codes[0][:, None])).of("m1", "m0")
    assert pair.difference == pytest.approx(5.0)
    assert (pair.low, pair.p_value, pair.significant) == (None, None, False)
    assert pair.reason == "the ratings do not vary"


def test_the_interval_of_a_difference_stays_on_the_scale_however_little_is_known() -> None:
    values = np.array([20.0, 90.0, 35.0, 60.0, 70.0, 30.0, 10.0, 95.0])[:, None]
    pair = compare_models(arranged(np.indices((2, 2, 1, 2)).reshape(4, -1), values)).of("m0", "m1")
    assert (pair.low, pair.high) == (-100.0, 100.0)
    assert pair.p_value is not None
    assert pair.p_value > 0.05


@pytest.mark.parametrize("first", [0, 1])
def test_samples_that_cancel_in_their_prompt_are_no_variation_whatever_rounding_leaves(first: int) -> None:
    codes = np.array([[0] * 3, [first, first, 1 - first], [0, 1, 1], [0] * 3])
    found = score_intervals(arranged(codes, np.array([[75.0], [25.0], [50.0]])))
    assert (np.isnan(found.low) | (found.low < found.high)).all()
    assert np.isnan(found.low[0]).all()


def test_one_prompt_in_common_gives_a_difference_only(rng: np.random.Generator) -> None:
    codes = np.indices((2, 6, 1, 4)).reshape(4, -1)
    kept = (codes[1] == 0) | (codes[0] == codes[1] % 2)
    values = rng.uniform(0, 100, (int(kept.sum()), 1))
    pair = compare_models(arranged(codes[:, kept], values)).of("m0", "m1")
    assert (pair.images, pair.low, pair.p_value) == (1, None, None)
    assert pair.reason
    assert "one prompt only" in pair.reason


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)

from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.agreement import krippendorff_alpha, ratings_alphas
from nami_bench.evaluation.human.icc import fleiss_kappa, intraclass_correlations, ratings_icc

LEVELS = ("nominal", "ordinal", "interval", "ratio")
_ = np.nan
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, 12 units.
WORKED = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
])  # fmt: skip
# Shrout & Fleiss (1979), table 2: six targets by four judges.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]])


def alpha_of(table: np.ndarray, level: Any, **options: Any) -> Any:
    """Alpha of a table of observers by units."""
    units = np.broadcast_to(np.arange(table.shape[1]), table.shape)
    return krippendorff_alpha(units.ravel(), table.ravel(), level, **options)


@pytest.mark.parametrize(
    ("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorffs_worked_example(level: Any, expected: float) -> None:
    found = alpha_of(WORKED, level)
    assert found.alpha == pytest.approx(expected, abs=0.0006)
    assert (found.units, found.values) == (11, 40)
    assert found.low <= found.alpha <= found.high


def test_krippendorffs_worked_example_of_two_observers_and_nominal_data() -> None:
    # Ibid., section B: alpha = 0.692 for nominal data of twelve units, five categories.
    a, b = "aabbdcccedda", "babbbccceddd"
    codes = np.array([[ord(x) for x in a], [ord(x) for x in b]], dtype=float)
    assert alpha_of(codes, "nominal").alpha == pytest.approx(0.692, abs=0.0006)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 0.01]), st.booleans())
def test_it_equals_the_krippendorff_package(level: Any, seed: int, step: float, zeros: bool) -> None:
    rng = np.random.default_rng(seed)
    table = np.round(rng.gamma(2, 4, (1, 30)) + rng.gamma(2, 2, (5, 30)), 2) // step * step
    table[rng.random(table.shape) < 0.25] = np.nan
    if zeros:
        table[rng.random(table.shape) < 0.05] = 0.0
    expected = krippendorff.alpha(table, level_of_measurement=level)
    assert alpha_of(table, level, replicates=0).alpha == pytest.approx(expected, abs=1e-9)


def test_ratio_alpha_holds_over_many_orders_of_magnitude() -> None:
    rng = np.random.default_rng(0)
    table = np.exp(rng.normal(0, 6, (1, 25)) + rng.normal(0, 2, (4, 25)))
    expected = krippendorff.alpha(table, level_of_measurement="ratio")
    assert alpha_of(table, "ratio", replicates=0).alpha == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_its_interval_resamples_units(level: Any) -> None:
    rng = np.random.default_rng(1)
    table = np.rint(rng.gamma(3, 3, (1, 60)) + rng.gamma(3, 1, (4, 60)))
    found = alpha_of(table, level, replicates=200, seed=3)
    draws = np.random.default_rng(3).integers(0, 60, (200, 60))
    by_hand = [krippendorff.alpha(table[:, draw], level_of_measurement=level) for draw in draws]
    assert (found.low, found.high) == pytest.approx(np.quantile(by_hand, (0.025, 0.975)), abs=1e-9)


def test_alpha_that_is_not_defined_is_none_with_a_reason() -> None:
    same = alpha_of(np.full((3, 4), 7.0), "interval")
    assert same.alpha is None
    assert "all values are equal" in same.notes[0]
    alone = alpha_of(np.array([[1.0, 2.0, 3.0]]), "nominal")
    assert (alone.alpha, alone.units) == (None, 0)
    assert "no unit has two values" in alone.notes[0]
    single = alpha_of(np.array([[1.0], [2.0]]), "interval")
    assert single.alpha == pytest.approx(0.0)
    assert "cannot be resampled" in single.notes[0]
    assert krippendorff_alpha(np.zeros(0, dtype=int), np.zeros(0)).alpha is None


def test_bad_input_to_alpha_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="interval"):
        alpha_of(WORKED, "intervall")
    with pytest.raises(InputError, match="from zero up"):
        alpha_of(-WORKED, "ratio")
    with pytest.raises(InputError, match="finite"):
        alpha_of(np.array([[1.0, np.inf], [1.0, 2.0]]), "interval")


def test_units_of_ratings_are_images(study: Any, ratings_of: Any) -> None:
    values = study(2, 10, 4)
    (found,) = ratings_alphas(ratings_of(values), ["quality"], replicates=0)
    expected = krippendorff.alpha(values.reshape(20, 4).T, level_of_measurement="interval")
    assert found.alpha == pytest.approx(expected, abs=1e-9)
    with pytest.raises(UnknownNameError, match="quality"):
        ratings_alphas(ratings_of(values), ["qualitty"])


def test_shrout_and_fleiss_table() -> None:
    found = {c.name: c.value for c in intraclass_correlations(JUDGES)}
    expected = {"ICC(1,1)": 0.17, "ICC(2,1)": 0.29, "ICC(3,1)": 0.71,
                "ICC(1,k)": 0.44, "ICC(2,k)": 0.62, "ICC(3,k)": 0.91}  # fmt: skip
    assert found == {name: pytest.approx(value, abs=0.005) for name, value in expected.items()}


def test_shrout_and_fleiss_intervals() -> None:
    # As R's psych::ICC prints them for the same table.
    found = {c.name: (c.low, c.high) for c in intraclass_correlations(JUDGES)}
    assert found["ICC(1,1)"] == pytest.approx((-0.133, 0.723), abs=0.001)
    assert found["ICC(2,1)"] == pytest.approx((0.019, 0.761), abs=0.001)
    assert found["ICC(3,1)"] == pytest.approx((0.342, 0.946), abs=0.001)
    assert found["ICC(1,k)"] == pytest.approx((-0.884, 0.912), abs=0.001)
    assert found["ICC(2,k)"] == pytest.approx((0.071, 0.927), abs=0.001)
    assert found["ICC(3,k)"] == pytest.approx((0.676, 0.986), abs=0.001)


def test_incomplete_targets_are_left_out_and_counted() -> None:
    table = np.vstack((JUDGES, [[1, np.nan, 2, 3]]))
    with_gap, without = intraclass_correlations(table)[0], intraclass_correlations(JUDGES)[0]
    assert with_gap.value == without.value
    assert with_gap.notes == ("1 of 7 targets lack a rater's value and are left out",)


def test_icc_without_variation_or_with_one_rater_is_none_with_a_reason(study: Any, ratings_of: Any) -> None:
    for table, reason in (
        (np.ones((5, 3)), "equal"),
        (JUDGES[:, :1], "two raters"),
        (JUDGES[:0], "two raters"),
    ):
        for coefficient in intraclass_correlations(table):
            assert coefficient.value is None
            assert reason in coefficient.notes[-1]
    whole = ratings_icc(ratings_of(study(2, 10, 4)), "quality")
    assert (whole[1].targets, whole[1].raters) == (20, 4)


def test_identical_raters_agree_perfectly_which_is_not_certain_of_others() -> None:
    table = np.repeat(JUDGES[:, :1], 3, axis=1)
    for coefficient in intraclass_correlations(table):
        assert coefficient.value == pytest.approx(1.0)
        assert (coefficient.low, coefficient.high) == (None, None)
        assert "not certainty" in coefficient.notes[-1]
    unit, value = np.repeat(np.arange(6), 3), np.repeat(np.arange(6.0) % 4, 3)
    alpha = krippendorff_alpha(unit, value)
    assert (alpha.alpha, alpha.low, alpha.high) == (1.0, None, None)
    assert "not certainty" in alpha.notes[-1]
    kappa = fleiss_kappa(np.array([[3, 0], [0, 3], [3, 0], [0, 3], [3, 0], [0, 3]]))
    assert (kappa.value, kappa.low, kappa.high) == (1.0, None, None)
    assert "not certainty" in kappa.notes[-1]


@pytest.mark.parametrize(
    "table",
    [[[20.0, 80.0], [80.0, 21.0]], [[10.0, 90.0], [90.0, 10.0], [30.0, 71.0]], [[1.0, 99.0], [50.0, 48.0]]],
)
def test_two_raters_who_contradict_each_other_get_finite_numbers_or_none_and_a_reason(
    table: list[list[float]],
) -> None:
    found = {coefficient.name: coefficient for coefficient in intraclass_correlations(np.array(table))}
    for coefficient in found.values():
        assert coefficient.value is None or np.isfinite(coefficient.value)
        assert coefficient.high is None or np.isfinite(coefficient.high)
        assert coefficient.value is not None or "is not defined" in coefficient.notes[-1]
    assert found["ICC(2,k)"].value is None


def test_fleiss_kappa_of_a_published_table() -> None:
    # The worked example of Fleiss' kappa that textbooks carry: ten targets, fourteen raters, kappa 0.210.
    counts = np.array([
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ])  # fmt: skip
    found = fleiss_kappa(counts)
    assert found.value == pytest.approx(0.20993, abs=1e-5)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_kappa_that_is_not_defined_is_none_with_a_reason() -> None:
    assert "one category" in fleiss_kappa(np.array([[3, 0], [3, 0]])).notes[0]
    lone = fleiss_kappa(np.array([[1, 0], [0, 1]]))
    assert lone.value is None
    assert "fewer than two raters" in lone.notes[0]
    with pytest.raises(InputError, match="counts"):
        fleiss_kappa(np.array([[-1, 2]]))

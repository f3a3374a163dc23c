"""The paired test between checkpoints, and the rule that stops."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_rel

from nami_bench.watching.comparison import against_best, best_of, difference, is_overtaken
from nami_bench.watching.results import Measured, MetricResult, Settings, placed


def settings(prompts, samples=1, metric="m", tasks=None, lower=()):
    rows = tuple((f"prompt {n}", None if tasks is None else tasks[n]) for n in range(prompts))
    return Settings("s", "0" * 64, rows, samples, 0, {metric: "i"}, lower)


def measured(name, values, metric="m", step=None, value=None, modified=0.0):
    values = tuple(None if v is None or np.isnan(v) else float(v) for v in values)
    there = [v for v in values if v is not None]
    mean = value if value is not None else float(np.mean(there)) if there else None
    result = MetricResult(mean, None, {}, values)
    return Measured(name, step, name, "images", modified, "", 0.0, {metric: result})


def test_one_sample_of_each_prompt_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(2, 30))
    found = difference(measured("new", new), measured("old", old), "m", settings(30))
    expected = ttest_rel(new, old)
    interval = expected.confidence_interval()
    assert found.value == pytest.approx((new - old).mean())
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx((interval.low, interval.high))


def test_samples_of_a_prompt_count_as_one():
    rng = np.random.default_rng(1)
    old, new = rng.normal(size=(2, 20))
    once = difference(measured("new", new), measured("old", old), "m", settings(20))
    copied = [measured(name, np.repeat(values, 4)) for name, values in (("new", new), ("old", old))]
    again = difference(*copied, "m", settings(20, samples=4))
    assert again.p_value == pytest.approx(once.p_value)
    assert again.interval == pytest.approx(once.interval)


def test_images_without_a_value_in_either_are_left_out():
    old, new = [1, 2, None, 4, 5], [2, 2, 9, None, 7]
    found = difference(measured("new", new), measured("old", old), "m", settings(5))
    assert found.prompts == 3
    assert found.value == pytest.approx(1.0)


def test_genevals_difference_is_that_of_its_tasks_means():
    tasks = ["a"] * 8 + ["b"] * 2
    old, new = np.zeros(10), np.array([1, 1, 0, 0, 0, 0, 0, 0, 1, 0])
    found = difference(
        measured("new", new, "geneval"),
        measured("old", old, "geneval"),
        "geneval",
        settings(10, metric="geneval", tasks=tasks),
    )
    assert found.value == pytest.approx((0.25 + 0.5) / 2)
    variances = np.array([new[:8].var(ddof=1) / 8, new[8:].var(ddof=1) / 2]) / 4
    freedom = variances.sum() ** 2 / (variances**2 / [7, 1]).sum()
    from scipy.stats import t

    p = 2 * t.sf(found.value / np.sqrt(variances.sum()), freedom)
    assert found.p_value == pytest.approx(p)


def test_checkpoints_that_never_differ_are_told_apart_by_nothing():
    found = difference(measured("new", [1, 0, 1]), measured("old", [1, 0, 1]), "m", settings(3))
    assert (found.value, found.p_value, found.is_better) == (0.0, 1.0, False)


def test_a_checkpoint_that_is_right_wherever_the_other_is_wrong_is_better():
    found = difference(measured("new", [1] * 10), measured("old", [0] * 10), "m", settings(10))
    assert found.p_value == pytest.approx(2 * 0.5**10)
    assert found.is_better


def test_lower_values_of_a_distance_are_better():
    low, high = measured("low", [1, 2, 1, 2]), measured("high", [5, 7, 6, 8])
    distance = settings(4, lower=("m",))
    assert best_of([high, low], "m", distance) is low
    assert difference(low, high, "m", distance).value > 0


def test_a_metric_of_whole_sets_has_no_test():
    pair = [replace(measured("x", []), scores={"m": MetricResult(v)}) for v in (3.0, 2.0)]
    found = difference(*pair, "m", settings(4))
    assert (found.value, found.p_value) == (1.0, None)
    assert "no values by image" in found.reason


def test_each_is_tested_against_the_best_before_it_and_holm_counts_the_tests():
    rng = np.random.default_rng(2)
    base = rng.normal(size=40)
    rows = [measured(str(n), base + 0.4 * n + rng.normal(size=40)) for n in (0, 2, 1, 3)]
    tests = against_best(rows, "m", settings(40))
    assert [test and test.against for test in tests] == [None, "0", "2", "2"]
    p = [test.p_value for test in tests[1:]]
    adjusted = [test.p_adjusted for test in tests[1:]]
    assert min(adjusted) == pytest.approx(min(1.0, 3 * min(p)))
    assert all(a >= b for a, b in zip(adjusted, p, strict=True))


def test_the_rule_waits_for_more_checkpoints_than_it_looks_at():
    rows = [measured(str(n), [0, 1, 0, 1]) for n in range(3)]
    assert is_overtaken(rows[:2], 2, "m", settings(4)) is None
    assert is_overtaken(rows, 2, "m", settings(4)) is False


def test_slow_progress_counts_over_the_checkpoints_that_the_rule_looks_at():
    rng = np.random.default_rng(3)
    base = rng.normal(size=60)
    rows = [measured(str(n), base + 0.12 * n + rng.normal(scale=0.3, size=60)) for n in range(8)]
    assert not any(test.p_adjusted < 0.01 for test in against_best(rows, "m", settings(60))[1:3])
    assert is_overtaken(rows, 4, "m", settings(60)) is True


def test_a_set_metric_is_overtaken_by_a_better_figure():
    rows = [replace(measured(str(n), []), scores={"m": MetricResult(float(n))}) for n in (5, 4, 4, 3)]
    lower = settings(4, lower=("m",))
    assert is_overtaken(rows, 1, "m", lower) is True
    assert is_overtaken(rows[:3], 1, "m", lower) is False


def test_what_has_no_step_stands_after_what_was_written_before_it():
    rows = [
        measured("a", [1], step=100, modified=1.0),
        measured("last", [1], modified=5.0),
        measured("b", [1], step=200, modified=2.0),
        measured("best", [1], modified=1.5),
    ]
    assert [(step, one.name) for step, one in placed(rows)] == [
        (100, "a"),
        (100, "best"),
        (200, "b"),
        (200, "last"),
    ]
    assert [step for step, _ in placed([replace(row, step=None) for row in rows])] == [1, 2, 3, 4]

"""Each person of a study beside the others: figures against formulas, flags against made-up people."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nami_bench.evaluation.human.figures import mean_figure, median_figure, share_figure
from nami_bench.evaluation.human.given_answers import GivenAnswers
from nami_bench.evaluation.human.habits import habits_of
from nami_bench.evaluation.human.peers import compare_with_others
from nami_bench.evaluation.human.people import Work, note_of, people_figures
from nami_bench.evaluation.human.standing_out import standing_out

Floats = NDArray[np.float64]


def numbers(table: Any, counts: Any = None) -> GivenAnswers:
    """Everybody's values (people, items) by one criterion; NaN where there is none."""
    table = np.asarray(table, dtype=float)
    person, item = np.nonzero(~np.isnan(table))
    zero = np.zeros_like(person)
    used = np.ones(len(person), bool) if counts is None else np.asarray(counts)[person]
    names = tuple(f"p{code}" for code in range(len(table)))
    return GivenAnswers(names, person, item, zero, zero, table[person, item][:, None], used)


def panel(people: int, items: int, seed: int = 0, noise: float = 8.0) -> Floats:
    rng = np.random.default_rng(seed)
    quality, severity = rng.normal(50, 18, items), rng.normal(0, 6, people)
    return np.clip(quality + severity[:, None] + rng.normal(0, noise, (people, items)), 0, 100)


def test_agreement_and_severity_are_those_of_the_formulas() -> None:
    table = panel(3, 40)
    table[1, :15] = np.nan  # others count together as one, however many they are
    own = table[0]
    mean, square = np.nanmean(table[1:], axis=0), np.nanmean(table[1:] ** 2, axis=0)
    kappa = 2 * np.mean((own - own.mean()) * (mean - mean.mean()))
    kappa /= own.var() + square.mean() - mean.mean() ** 2
    found = compare_with_others(numbers(table))[0]
    assert found.items == 40
    assert found.agreement is not None and found.severity is not None and found.spread is not None
    assert found.agreement.value == pytest.approx(kappa)
    assert found.agreement.low < kappa < found.agreement.high
    assert found.severity.value == pytest.approx((own - mean).mean())
    assert found.spread.value == pytest.approx(own.std() / np.sqrt(square.mean() - mean.mean() ** 2))

    stricter = table - np.array([[20.0], [0], [0]])
    moved = compare_with_others(numbers(stricter))[0]
    assert moved.agreement is not None and moved.severity is not None
    assert moved.agreement.value == pytest.approx(kappa)  # strictness is no disagreement
    assert moved.severity.value == pytest.approx(found.severity.value - 20)


def test_of_two_people_verdicts_have_cohens_kappa() -> None:
    """Cohen (1960), with his formula's observed and expected shares."""
    rng = np.random.default_rng(1)
    first = rng.integers(0, 4, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 4, 200))
    item = np.tile(np.arange(200), 2)
    zero = np.zeros(400, dtype=np.int64)
    answers = GivenAnswers.of_codes(
        ("a", "b"), np.repeat([0, 1], 200), item, zero, np.concatenate((first, second)), 4, np.ones(400, bool)
    )
    observed = np.mean(first == second)
    expected = sum(np.mean(first == code) * np.mean(second == code) for code in range(4))
    for one in compare_with_others(answers):
        assert one.agreement is not None and one.severity is None
        assert one.agreement.value == pytest.approx((observed - expected) / (1 - expected))


def test_nobody_is_held_against_excluded_people_but_they_against_the_others() -> None:
    table = panel(4, 60)
    table[3] = np.random.default_rng(5).uniform(0, 100, 60)
    without = people_figures(numbers(table[:3]), {})
    found = people_figures(numbers(table, counts=[True, True, True, False]), {}, excluded=frozenset({"p3"}))
    for one, same in zip(found[:3], without, strict=True):
        assert one.peers.agreement is not None and same.peers.agreement is not None
        assert one.peers.agreement.value == pytest.approx(same.peers.agreement.value)
    outcast = found[3]
    assert outcast.peers.agreement is not None and outcast.peers.agreement.value < 0.3
    assert (outcast.counts, outcast.flags) == (False, ())


def test_too_little_is_no_figure() -> None:
    alone = people_figures(numbers(panel(1, 50)), {"p0": Work(seconds=[3.0] * 20)})
    assert (alone[0].peers.items, alone[0].peers.agreement, alone[0].flags) == (0, None, ())
    assert alone[0].habits is not None and alone[0].pace is not None
    assert "nobody" in note_of(alone)
    two = people_figures(numbers(panel(2, 50)), {})
    assert "of two people nobody can tell" in note_of(two)
    assert not any(one.flags for one in two)
    assert note_of(people_figures(numbers(panel(3, 50)), {})) == ""
    few = people_figures(numbers(panel(3, 9)), {})
    assert all(one.peers.agreement is None for one in few)
    flat = people_figures(numbers(np.full((3, 50), 70.0)), {})
    assert all(one.peers.agreement is None and not one.flags for one in flat)
    nothing = GivenAnswers((), *(np.zeros(0, dtype=np.int64),) * 4, np.zeros((0, 1)), np.zeros(0, dtype=bool))
    assert people_figures(nothing, {}) == ()


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (
            lambda row, rng: rng.uniform(0, 100, len(row)),
            "agreement",
            "agrees less with the others than they do",
        ),
        (lambda row, rng: np.clip(row - 45, 0, 100), "severity", "is stricter than the others"),
        (lambda row, rng: np.full_like(row, 50), "repetition", "gives different items the same answers"),
    ],
)
def test_who_differs_is_flagged_and_nobody_else(fault: Any, kind: str, words: str) -> None:
    table = np.round(panel(9, 80, seed=3))
    assert not any(one.flags for one in people_figures(numbers(table), {}))
    table[2] = fault(table[2], np.random.default_rng(0))
    found = people_figures(numbers(table), {})
    assert [one.name for one in found if one.flags] == ["p2"]
    flag = next(flag for flag in found[2].flags if flag.kind == kind)
    assert flag.words.startswith(words)
    assert "of the rest (" in flag.words and "8 people)" in flag.words


def test_what_is_known_beside_the_answers_is_compared_too() -> None:
    rng = np.random.default_rng(2)
    names = [f"p{code}" for code in range(8)]
    works = {
        name: Work(
            seconds=np.exp(rng.normal(2, 0.4, 60)),
            gold=(18, 20),
            repeats=np.abs(rng.normal(0, 8, 15)),
            lean=rng.choice([-1.0, 1.0], 60),
        )
        for name in names
    }
    table = numbers(panel(8, 60, seed=4))
    assert not any(one.flags for one in people_figures(table, works))
    works["p1"] = replace(works["p1"], seconds=np.full(60, 0.8))
    works["p2"] = replace(works["p2"], gold=(3, 20))
    works["p3"] = replace(works["p3"], repeats=np.full(15, 45.0) + rng.normal(0, 5, 15))
    works["p4"] = replace(works["p4"], lean=np.ones(60))
    found = {one.name: [flag.kind for flag in one.flags] for one in people_figures(table, works)}
    assert {name: kinds for name, kinds in found.items() if kinds} == {
        "p1": ["pace"], "p2": ["gold"], "p3": ["repeats"], "p4": ["lean"],
    }  # fmt: skip


def test_several_who_stand_out_do_not_hide_one_another() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate((rng.normal(0.6, 0.03, 16), [0.1, 0.08, 0.12]))
    out = standing_out(values, np.full(19, 0.0004), "low")
    assert out.nonzero()[0].tolist() == [16, 17, 18]
    assert not standing_out(values, np.full(19, 0.0004), "high").any()
    # Who is uncertain may well be so by chance.
    assert not standing_out(np.array([0.6, 0.62, 0.58, 0.2]), np.array([1e-4, 1e-4, 1e-4, 0.2]), "low").any()
    assert not standing_out(np.array([0.6, 0.1]), np.full(2, 1e-6), "low").any()
    assert not standing_out(np.array([np.nan, 0.5, np.nan]), np.full(3, 1e-6), "both").any()


def test_habits_of_a_person() -> None:
    habits = habits_of(np.array([4, 4, 4, 2, 4, 1, 1, 3]))
    assert habits is not None and habits.repetition is not None
    assert (habits.top_share, habits.longest_run) == (0.5, 3)
    assert habits.entropy == pytest.approx(1.75)
    assert habits.repetition.value == pytest.approx((6 + 1) / 28)
    constant = habits_of(np.zeros(30, dtype=np.int64))
    assert constant is not None and constant.repetition is not None
    assert (constant.longest_run, constant.run_by_chance, constant.entropy) == (30, 30, 0.0)
    assert habits_of(np.zeros(0, dtype=np.int64)) is None
    rng = np.random.default_rng(0)
    runs = []
    for _ in range(300):
        one = habits_of(rng.integers(0, 3, 100))
        assert one is not None
        runs.append(one.longest_run > one.run_by_chance)
    assert np.mean(runs) <= 0.06


def test_intervals_of_single_figures() -> None:
    """Wilson's ends are the shares from which 8 of 10 lie 1.96 of their own standard errors away."""
    share = share_figure(8, 10)
    assert share is not None
    for end in (share.low, share.high):
        assert abs(0.8 - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 10), rel=1e-5)
    assert share_figure(0, 0) is None
    mean = mean_figure([1.0, 2.0, 3.0])
    assert mean is not None and mean.high == pytest.approx(2 + 4.302653 / np.sqrt(3), abs=1e-5)
    assert mean_figure([1.0]) is None
    median = median_figure(np.arange(1.0, 11.0))  # of ten: the second and the ninth, 97.9 %
    assert median is not None and (median.value, median.low, median.high) == (5.5, 2.0, 9.0)
    assert median_figure([1.0] * 5) is None

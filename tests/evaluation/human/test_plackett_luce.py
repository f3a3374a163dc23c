"""Strengths from orders, and from best and worst: published numbers, another optimizer, the edges."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from nami_bench.domain import Ranking
from nami_bench.evaluation.human.bradley_terry import fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.plackett_luce import fit_rankings
from nami_bench.evaluation.human.rankings_table import Rankings

FRUITS = ("apple", "banana", "orange")


def ranked(models: Any, ranks: Any, prompt: int = 0, annotator: str = "ann", **more: Any) -> Ranking:
    return Ranking("s", annotator, f"{prompt:05d}", 0, "c", tuple(models), tuple(ranks), **more)


def drawn(seed: int, count: int, *, best_worst: bool = False, ties: float = 0.0) -> list[Ranking]:
    """Rankings of four of six models."""
    rng = np.random.default_rng(seed)
    found = []
    for prompt in range(count):
        shown = rng.choice(6, 4, replace=False)
        seen = np.linspace(0.8, -0.8, 6)[shown] + rng.gumbel(size=4)
        places = -np.floor(seen / ties) if ties else -seen
        ranks = [1 + sorted(set(places)).index(place) for place in places]
        if best_worst:
            ranks = [1 if r == 1 else 3 if r == 4 else 2 for r in ranks]
        models = [f"m{model}" for model in shown]
        found.append(ranked(models, ranks, prompt, f"a{prompt % 7}", best_worst=best_worst))
    return found


def test_the_published_example_of_orders_with_ties() -> None:
    """The six orders of three fruits that the R package PlackettLuce tests itself with (version 0.4.3).

    There half a win and half a loss against a ghost are added for each fruit; here all is doubled, which has
    the same fit.
    """
    orders = [(1, 2, 0), (3, 1, 2), (2, 1, 1), (1, 2, 3), (2, 1, 1), (1, 0, 2)]
    found = []
    for prompt, order in enumerate(orders * 2):
        there = [(fruit, rank) for fruit, rank in zip(FRUITS, order, strict=True) if rank]
        found.append(ranked(*zip(*there, strict=True), prompt))
    for prompt, fruit in enumerate(FRUITS * 2, 20):
        found.append(ranked((fruit, "ghost"), (1, 2) if prompt < 23 else (2, 1), prompt))
    fit = fit_rankings(Rankings.of(found), errors="model")
    strength = dict(zip(fit.models, fit.strength, strict=True))
    assert [strength[fruit] - strength["apple"] for fruit in FRUITS] == pytest.approx(
        [0, 0.2867987, -0.4636687], abs=1e-6
    )
    assert fit.tie is not None
    assert np.log(fit.tie) == pytest.approx(-1.0701129, abs=1e-6)


def test_orders_of_two_are_davidsons_pairs() -> None:
    rng = np.random.default_rng(3)
    rows, orders = [], []
    for prompt in range(120):
        a, b = rng.choice(4, 2, replace=False)
        outcome = rng.choice(["left", "tie", "right"], p=[0.5, 0.2, 0.3])
        rows.append((f"m{a}", f"m{b}", outcome, f"{prompt:05d}"))
        orders.append(ranked(rows[-1][:2], {"left": (1, 2), "tie": (1, 1), "right": (2, 1)}[outcome], prompt))
    table = pd.DataFrame(rows, columns=["left", "right", "outcome", "prompt_id"])
    pairs = fit_bradley_terry(Comparisons.from_table(table), errors="clustered")
    found = fit_rankings(Rankings.of(orders), errors="clustered")
    assert found.strength == pytest.approx(pairs.strength, abs=1e-7)
    assert found.standard_error == pytest.approx(pairs.standard_error, abs=1e-7)
    assert found.tie == pytest.approx(pairs.tie)
    assert found.win_probability("m0", "m1") == pytest.approx(pairs.win_probability("m0", "m1"))


@pytest.mark.slow
@pytest.mark.parametrize("ties", [0.0, 0.8])
def test_orders_are_fitted_as_an_independent_optimizer_does(ties: float) -> None:
    orders = drawn(5, 40, ties=ties)
    sizes = sorted({one.ranks.count(rank) for one in orders for rank in one.ranks or () if one.ranks})

    def loss(at: Any) -> float:
        theta = np.append(at[:5], -at[:5].sum())
        delta = dict(zip(sizes, np.append(0.0, at[5:]), strict=True))
        total = 0.0
        for one in orders:
            left = {int(m[1:]): r for m, r in zip(one.models, one.ranks or (), strict=True)}
            while len(left) > 1:
                first = [model for model in left if left[model] == min(left.values())]
                worth = {
                    chosen: delta[size] + theta[list(chosen)].mean()
                    for size in sizes
                    for chosen in combinations(left, size)
                }
                total += np.log(np.exp(list(worth.values())).sum()) - worth[tuple(first)]
                left = {model: rank for model, rank in left.items() if model not in first}
        return total

    expected = minimize(loss, np.zeros(4 + len(sizes)), method="BFGS").x
    found = fit_rankings(Rankings.of(orders))
    assert found.strength[:5] == pytest.approx(expected[:5], abs=1e-4)
    if ties:
        assert found.tie == pytest.approx(np.exp(expected[5]), abs=1e-4)


def test_best_and_worst_are_fitted_as_an_independent_optimizer_does() -> None:
    orders = drawn(6, 80, best_worst=True)

    def loss(at: Any) -> float:
        theta = np.append(at, -at.sum())
        total = 0.0
        for one in orders:
            shown = [int(model[1:]) for model in one.models]
            best, worst = int((one.best or "")[1:]), int((one.worst or "")[1:])
            rest = [model for model in shown if model != best]
            total += np.log(np.exp(theta[shown]).sum()) - theta[best]
            total += np.log(np.exp(-theta[rest]).sum()) + theta[worst]
        return total

    found = fit_rankings(Rankings.of(orders))
    assert found.strength[:5] == pytest.approx(minimize(loss, np.zeros(5), method="BFGS").x, abs=1e-4)
    assert found.tie is None
    assert found.win_probability("m0", "m5") == pytest.approx(expit(found.strength[0] - found.strength[5]))


@pytest.mark.parametrize("best_worst", [False, True])
def test_a_model_that_always_wins_has_a_bound_and_disturbs_nobody(best_worst: bool) -> None:
    """Where one model stands before all others, what is said of these is what is said without it."""
    rng = np.random.default_rng(9)
    whole, without = [], []
    for prompt in range(60):
        order = [f"m{model}" for model in np.argsort(-(np.linspace(0.4, -0.4, 3) + rng.gumbel(size=3)))]
        if best_worst:
            whole.append(ranked(["top", *order], (1, 2, 2, 3), prompt, best_worst=True))
            whole.append(ranked(order, (1, 2, 3), prompt + 100, best_worst=True))
        else:
            whole.append(ranked(["top", *order], (1, 2, 3, 4), prompt))
            without.append(ranked(order, (1, 2, 3), prompt))
    found = fit_rankings(Rankings.of(whole))
    top = found.models.index("top")
    assert np.isnan(found.strength[top])
    assert found.models[found.order[0]] == "top"
    assert found.low[top] > found.strength[:-1].max()
    assert np.isposinf(found.high[top])
    assert any("never lost" in note for note in found.notes)
    assert np.isfinite(found.strength[:-1]).all()
    if without:
        assert found.strength[:-1] == pytest.approx(fit_rankings(Rankings.of(without)).strength, abs=1e-8)
    with_prior = fit_rankings(Rankings.of(whole), prior=1.0)
    assert np.isfinite(with_prior.strength).all()


@pytest.mark.slow
def test_errors_know_who_ranked_what() -> None:
    """The same orders once more by the same people about the same prompts tell nothing new."""
    orders = drawn(11, 210)
    once, twice = Rankings.of(orders), Rankings.of(orders * 2)
    found = fit_rankings(once)
    assert fit_rankings(twice).standard_error == pytest.approx(found.standard_error, rel=1e-6)
    by_model = [fit_rankings(table, errors="model").standard_error for table in (once, twice)]
    assert by_model[1] == pytest.approx(by_model[0] / np.sqrt(2), rel=1e-6)
    resampled = fit_rankings(once, errors="bootstrap", replicates=100)
    assert (
        0.7 < np.mean(resampled.standard_error / fit_rankings(once, errors="sandwich").standard_error) < 2.5
    )
    alone = Rankings.of([ranked(o.models, o.ranks, n) for n, o in enumerate(orders)])
    assert any("one annotator" in note for note in fit_rankings(alone).notes)


def test_islands_and_ties_alone_are_said() -> None:
    two = [ranked("abc", (1, 2, 3)), ranked("abc", (3, 1, 2), 1), ranked("abc", (2, 3, 1), 2)]
    apart = [*two, ranked("xyz", (1, 2, 3), 3), ranked("xyz", (3, 2, 1), 4)]
    found = fit_rankings(Rankings.of(apart))
    assert found.island.tolist() == [0, 0, 0, 1, 1, 1]
    assert any("scale of its own" in note for note in found.notes)
    tied = fit_rankings(Rankings.of([ranked("abc", (1, 1, 1), n) for n in range(4)]))
    assert tied.strength.tolist() == [0, 0, 0]
    assert np.isnan(tied.low).all()
    assert any("ties alone" in note for note in tied.notes)

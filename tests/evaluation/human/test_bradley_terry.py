from collections.abc import Callable
from typing import Any

import evalica
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human import one_sided
from nami_bench.evaluation.human.bradley_terry import fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.concordance import concordance

# Agresti, Categorical Data Analysis, table of the American League's 1987 season: wins of row over column.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = np.array([
    [0, 7, 9, 7, 7, 9, 11], [6, 0, 7, 5, 11, 9, 9], [4, 6, 0, 7, 7, 8, 12], [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12], [4, 4, 5, 6, 6, 0, 6], [2, 4, 1, 3, 1, 7, 0],
])  # fmt: skip


def table_of(
    rows: list[tuple[Any, ...]], columns: tuple[str, ...] = ("left", "right", "outcome")
) -> Comparisons:
    return Comparisons.from_table(pd.DataFrame(rows, columns=list(columns)))


def season() -> Comparisons:
    return table_of([
        (TEAMS[i], TEAMS[j], "left") for i in range(7) for j in range(7) for _ in range(WINS[i, j])
    ])  # fmt: skip


def simulated(
    n: int = 3000, models: int = 6, seed: int = 0, tie: float = 0.6, side: float = 0.0
) -> pd.DataFrame:
    """Comparisons drawn from Davidson's model, with a covariate whose coefficient is 0.5."""
    rng = np.random.default_rng(seed)
    strength = np.linspace(-1, 1, models)
    left = rng.integers(0, models, n)
    right = (left + rng.integers(1, models, n)) % models
    length = rng.normal(0, 1, n)
    d = strength[left] - strength[right] + side + 0.5 * length
    weight = np.stack((np.exp(d / 2), np.full(n, tie), np.exp(-d / 2)))
    outcome = (rng.random(n) > np.cumsum(weight / weight.sum(axis=0), axis=0)).sum(axis=0)
    return pd.DataFrame({
        "left": [f"m{i}" for i in left],
        "right": [f"m{i}" for i in right],
        "outcome": np.array(["left", "tie", "right"])[outcome],
        "prompt_id": [f"{i:05d}" for i in rng.integers(0, 200, n)],
        "length": length,
    })  # fmt: skip


def test_agrestis_baseball() -> None:
    fit = fit_bradley_terry(season())
    by_team = dict(zip(fit.models, fit.strength, strict=True))
    expected = {"Milwaukee": 1.581, "Detroit": 1.436, "Toronto": 1.294, "New York": 1.248,
                "Boston": 1.108, "Cleveland": 0.684, "Baltimore": 0.0}  # fmt: skip
    assert {t: s - by_team["Baltimore"] for t, s in by_team.items()} == pytest.approx(expected, abs=0.0006)
    # Agresti: Boston beats New York with probability 0.46.
    assert fit.win_probability("Boston", "New York") == pytest.approx(0.46, abs=0.006)
    assert fit.strength.mean() == pytest.approx(0.0)
    assert fit.elo.mean() == pytest.approx(1000.0)


def test_half_wins_equal_evalica() -> None:
    table = simulated()
    ours = fit_bradley_terry(Comparisons.from_table(table), ties="half")
    winner = {"left": evalica.Winner.X, "right": evalica.Winner.Y, "tie": evalica.Winner.Draw}
    theirs = evalica.bradley_terry(
        table["left"], table["right"], table["outcome"].map(winner), tolerance=1e-14, limit=100_000
    )
    logs = np.log(theirs.scores.sort_index().to_numpy())
    np.testing.assert_allclose(ours.strength, logs - logs.mean(), atol=1e-9)


def test_davidson_is_at_the_maximum_of_its_likelihood() -> None:
    table = simulated(800)
    fit = fit_bradley_terry(Comparisons.from_table(table), errors="model")
    left, right = (np.array([int(name[1:]) for name in table[side]]) for side in ("left", "right"))
    chosen = table["outcome"].map({"left": 0, "tie": 1, "right": 2}).to_numpy()

    def loss(parameters: np.ndarray) -> float:
        strength = np.append(parameters[:5], -parameters[:5].sum())
        d = strength[left] - strength[right]
        weight = np.stack((np.exp(d / 2), np.full_like(d, np.exp(parameters[5])), np.exp(-d / 2)))
        return -float(np.log((weight / weight.sum(axis=0))[chosen, np.arange(len(d))]).sum())

    found = optimize.minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(fit.strength[:5], found.x[:5], atol=1e-5)
    assert fit.tie == pytest.approx(np.exp(found.x[5]), abs=1e-5)
    covariance = np.linalg.inv(_hessian(loss, found.x))
    np.testing.assert_allclose(np.diag(fit.covariance)[:5], np.diag(covariance)[:5], rtol=1e-3)


def _hessian(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Second derivatives by central differences."""
    moves = step * np.eye(len(at))
    return np.array(
        [
            [
                sum(
                    sign_a * sign_b * function(at + sign_a * a + sign_b * b)
                    for sign_a in (1, -1)
                    for sign_b in (1, -1)
                )
                / (4 * step**2)
                for a in moves
            ]
            for b in moves
        ]
    )


def test_the_side_and_covariates_are_estimated() -> None:
    table = simulated(20_000, side=0.3)
    fit = fit_bradley_terry(Comparisons.from_table(table, ("length",)), side=True)
    np.testing.assert_allclose(fit.strength, np.linspace(-1, 1, 6), atol=0.08)
    for name, truth in (("left", 0.3), ("length", 0.5)):
        value, low, high = fit.effects[name]
        assert value == pytest.approx(truth, abs=0.06)
        assert low < truth < high
    assert fit.tie == pytest.approx(0.6, abs=0.05)
    # Left out, the covariate's effect pulls strengths towards each other.
    plain = fit_bradley_terry(Comparisons.from_table(table))
    assert np.ptp(plain.strength) < np.ptp(fit.strength)


def test_a_side_without_covariates_counts_like_single_comparisons() -> None:
    table = simulated(2000, side=0.4)
    counted = fit_bradley_terry(Comparisons.from_table(table), side=True)
    constant = table.assign(zero=0.0)
    single = fit_bradley_terry(Comparisons.from_table(constant.assign(one=1.0), ("one",)))
    np.testing.assert_allclose(counted.strength, single.strength, atol=1e-8)
    np.testing.assert_allclose(counted.standard_error, single.standard_error, atol=1e-8)
    assert counted.effects["left"] == pytest.approx(single.effects["one"], abs=1e-8)


@pytest.mark.parametrize("errors", ["sandwich", "clustered", "model", "bootstrap"])
def test_all_errors_agree_where_the_model_holds_and_prompts_do_not_matter(errors: Any) -> None:
    comparisons = Comparisons.from_table(simulated(6000))
    model = fit_bradley_terry(comparisons, errors="model")
    other = fit_bradley_terry(comparisons, errors=errors)
    np.testing.assert_allclose(other.standard_error, model.standard_error, rtol=0.2)


def test_errors_clustered_by_prompt_see_what_comparisons_of_a_prompt_share() -> None:
    table = simulated(600)
    copied = pd.concat([table] * 10)  # ten annotators who say the same
    clustered, single = (
        fit_bradley_terry(Comparisons.from_table(copied), errors=e) for e in ("clustered", "sandwich")
    )  # type: ignore[misc]
    once = fit_bradley_terry(Comparisons.from_table(table), errors="clustered")
    np.testing.assert_allclose(clustered.standard_error, once.standard_error, rtol=1e-6)
    assert (single.standard_error < clustered.standard_error / 2).all()


def test_the_sandwich_is_the_sum_over_single_comparisons() -> None:
    table = simulated(500)
    alone = Comparisons.from_table(table.drop(columns="prompt_id"))
    own_prompt = Comparisons.from_table(table.assign(prompt_id=[str(i) for i in range(500)]))
    sandwich = fit_bradley_terry(alone, errors="sandwich")
    np.testing.assert_allclose(fit_bradley_terry(alone).standard_error, sandwich.standard_error)
    np.testing.assert_allclose(fit_bradley_terry(own_prompt).standard_error, sandwich.standard_error)


def test_groups_that_were_not_compared_are_said() -> None:
    fit = fit_bradley_terry(table_of([
        ("a", "b", "left"), ("b", "a", "left"), ("a", "c", "tie"), ("x", "y", "left"), ("y", "x", "left"),
    ]))  # fmt: skip
    assert fit.island.tolist() == [0, 0, 0, 1, 1]
    assert fit.strength[:3].sum() == pytest.approx(0.0)
    assert fit.strength[3:] == pytest.approx([0.0, 0.0])
    assert fit.notes[0] == (
        "no comparisons join the groups (a, b, c), (x, y): each has a scale of its own, and strengths of "
        "different groups cannot be compared"
    )
    assert fit.win_probability("a", "x") is None
    assert fit.win_probability("x", "y") == pytest.approx(0.5)
    assert len(set(fit.component[:3])) == 1


def test_a_prior_joins_no_groups_that_comparisons_do_not_join() -> None:
    rows = [("a", "b", "left")] * 9 + [("x", "y", "left")] * 2
    fit = fit_bradley_terry(table_of(rows), prior=1.0)
    alone = fit_bradley_terry(table_of(rows[:9]), prior=1.0)
    assert fit.strength[:2] == pytest.approx(alone.strength)
    assert fit.strength[2:].sum() == pytest.approx(0.0)
    assert fit.win_probability("a", "x") is None


@pytest.mark.parametrize("outcome", ["tie", "both_bad"])
def test_where_all_are_ties_strengths_are_equal_and_only_nu_runs_away(outcome: str) -> None:
    fit = fit_bradley_terry(table_of([("a", "b", outcome), ("b", "c", outcome)] * 40), side=True)
    assert fit.strength.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(fit.low).all()
    assert fit.tie == np.inf
    assert fit.win_probability("a", "c") == 0.5
    assert "all verdicts" in fit.notes[0]


@pytest.mark.parametrize("wins", [1, 5, 80])
def test_a_model_that_won_all_has_the_exact_binomial_bound(wins: int) -> None:
    fit = fit_bradley_terry(table_of([("a", "b", "left")] * wins))
    exact = stats.binomtest(wins, wins).proportion_ci(method="exact").low
    assert fit.order.tolist() == [0, 1]
    assert np.isnan(fit.strength).all()
    assert special.expit(2 * fit.low[0]) == pytest.approx(exact, abs=1e-6)
    assert (fit.low[0], fit.high[0]) == (-fit.high[1], np.inf)
    assert fit.low[1] == -np.inf


def test_a_model_above_others_has_a_bound_on_their_scale_and_they_keep_theirs() -> None:
    mixed = [("b", "c", "left")] * 20 + [("b", "c", "right")] * 25 + [("c", "b", "tie")] * 5
    above = [("a", "b", "left"), ("c", "a", "right")] * 40
    fit = fit_bradley_terry(table_of(mixed + above))
    alone = fit_bradley_terry(table_of(mixed))
    assert [fit.models[i] for i in fit.order] == ["a", "c", "b"]
    assert fit.strength[1:] == pytest.approx(alone.strength)
    assert fit.low[0] > fit.high[2] + 1
    assert fit.high[0] == np.inf
    # Of half as many wins one knows less.
    fewer = fit_bradley_terry(table_of(mixed + above[:40]))
    assert fewer.low[0] < fit.low[0] - 0.5


def test_a_bound_above_a_core_of_many_models_takes_their_strengths_as_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mixed = [("b", "c", "left")] * 200 + [("b", "c", "right")] * 250 + [("c", "b", "tie")] * 50
    above = [("a", "b", "left"), ("c", "a", "right"), ("c", "low", "left"), ("top", "a", "left")] * 20
    free = fit_bradley_terry(table_of(mixed + above), side=True)
    monkeypatch.setattr(one_sided, "MOST_FREE", 2)
    held = fit_bradley_terry(table_of(mixed + above), side=True)
    assert [held.models[i] for i in held.order] == ["top", "a", "c", "b", "low"]
    finite = np.isfinite(free.low)
    assert (np.isfinite(held.low) == finite).all()
    assert held.low[finite] == pytest.approx(free.low[finite], abs=0.15)
    assert held.high[3] == pytest.approx(free.high[3], abs=0.15)


def test_wins_and_ties_without_a_loss_give_a_bound_too() -> None:
    fit = fit_bradley_terry(table_of([("a", "b", "left")] * 78 + [("a", "b", "tie")] * 2))
    assert np.isnan(fit.strength).all()
    assert fit.low[0] == pytest.approx(-fit.high[1])
    assert fit.low[0] > 1
    # One loss, and there is a finite strength.
    lost = fit_bradley_terry(table_of([("a", "b", "left")] * 78 + [("a", "b", "tie"), ("a", "b", "right")]))
    assert np.isfinite(lost.strength).all()


def test_two_groups_one_above_the_other_keep_their_own_differences() -> None:
    def pair(x: str, y: str) -> list[tuple[Any, ...]]:
        return [(x, y, "left")] * 6 + [(x, y, "right")] * 3

    rows = [*pair("a", "b"), *pair("c", "d"), *pair("d", "e"), ("a", "c", "left"), ("b", "d", "left")]
    fit = fit_bradley_terry(table_of(rows))
    assert [fit.models[i] for i in fit.order] == list("abcde")
    assert np.isnan(fit.strength[:2]).all()
    assert (fit.high[:2] == np.inf).all()
    assert fit.own[0] - fit.own[1] == pytest.approx(np.log(2))
    assert any("among themselves, on a scale of their own: a 1060, b 940" in note for note in fit.notes)


def test_nobody_stands_before_a_model_that_always_won_against_it() -> None:
    rows = [("d", "c", "left"), ("c", "b", "left"), ("b", "a", "left")]
    fit = fit_bradley_terry(table_of(rows))
    assert [fit.models[i] for i in fit.order] == ["d", "c", "b", "a"]
    assert fit.high[3] == np.inf
    assert fit.low[0] == -np.inf
    assert np.isnan(fit.low[1:3]).all()


def test_comparisons_of_one_prompt_count_as_one_in_a_bound() -> None:
    rows = pd.DataFrame({"left": "a", "right": "b", "outcome": "left"}, index=range(80))
    prompts = rows.assign(prompt_id=[f"{i // 8}" for i in range(80)])
    eighty, ten = (fit_bradley_terry(Comparisons.from_table(table)) for table in (rows, prompts))
    assert ten.low == pytest.approx(fit_bradley_terry(table_of([("a", "b", "left")] * 10)).low)
    assert ten.low[0] < eighty.low[0] - 0.8
    single = fit_bradley_terry(Comparisons.from_table(prompts), errors="sandwich")
    assert single.low == pytest.approx(eighty.low)


def test_a_side_that_explains_everything_is_said() -> None:
    fit = fit_bradley_terry(table_of([("a", "b", "left"), ("b", "a", "left")] * 4), side=True)
    assert np.isnan(fit.strength).all()
    assert "side or a covariate tells the outcomes apart" in fit.notes[0]


def test_a_prior_makes_nothing_certain_where_verdicts_do_not_vary() -> None:
    chain = [(a, b, "left") for a, b in (("a", "b"), ("b", "c"), ("a", "c")) for _ in range(40)]
    rows = [(*verdict, f"p{number % 20}") for number, verdict in enumerate(chain)]
    columns = ("left", "right", "outcome", "prompt_id")
    middle = fit_bradley_terry(table_of(rows, columns), prior=1.0)
    assert np.isnan(middle.low[middle.models.index("b")])
    ties = fit_bradley_terry(
        table_of([(*row[:2], "tie", row[3]) for row in rows], columns), side=True, prior=1.0
    )
    assert ties.effects["left"][0] == pytest.approx(0.0)
    assert np.isnan(ties.effects["left"][1:]).all()
    assert any("no interval for a, b, c" in note for note in ties.notes)


def test_one_prompt_gives_no_interval_without_width() -> None:
    rows = [("a", "b", "left", "p"), ("b", "a", "left", "p")]
    fit = fit_bradley_terry(table_of(rows, ("left", "right", "outcome", "prompt_id")))
    assert fit.strength.tolist() == [0.0, 0.0]
    assert np.isnan(fit.low).all()
    assert "no interval for a, b" in fit.notes[0]


def _swept(top: float, prompts: int, annotators: int, shared: float, seed: int) -> Comparisons:
    """One model of strength `top` against two of 0; `shared`: deviation of what a prompt's verdicts share."""
    rng = np.random.default_rng(seed)
    strength = np.array([top, 0.0, 0.0])
    left, right = (np.tile(side, prompts * annotators) for side in ([0, 0, 1], [1, 2, 2]))
    prompt = np.repeat(np.arange(prompts), 3 * annotators)
    image = rng.normal(0, shared, (prompts, 3))
    d = (strength + image)[prompt, left] - (strength + image)[prompt, right]
    weight = np.stack((np.exp(d / 2), np.full_like(d, 0.4), np.exp(-d / 2)))
    outcome = (rng.random(len(d)) > np.cumsum(weight / weight.sum(axis=0), axis=0)).sum(axis=0)
    return Comparisons(("top", "x", "y"), left, right, outcome, prompt, prompts, (), {})


def _wrong(top: float, prompts: int, annotators: int, shared: float, studies: int) -> float:
    """Share of studies in which the model never lost and its bound lies above the truth."""
    many = fit_bradley_terry(_swept(top, 100_000, 1, shared, 1)).own
    truth = many[0] - many[1:].mean()
    fits = [fit_bradley_terry(_swept(top, prompts, annotators, shared, seed)) for seed in range(studies)]
    swept = [fit for fit in fits if np.isposinf(fit.high[0]) and not np.isnan(fit.strength[1])]
    return sum(fit.low[0] > truth for fit in swept) / studies


@pytest.mark.slow
@pytest.mark.parametrize("top", [1.5, 2.5, 3.5, 4.5])
@pytest.mark.parametrize(
    ("prompts", "annotators", "shared"), [(10, 1, 0), (10, 4, 0), (10, 4, 2), (40, 1, 0)]
)
def test_bounds_of_models_that_never_lost_hold(
    top: float, prompts: int, annotators: int, shared: float
) -> None:
    assert _wrong(top, prompts, annotators, shared, 1000) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 1000)


def test_an_undefeated_model_has_no_finite_strength_unless_asked_for() -> None:
    rows = [("a", "b", "left"), ("b", "a", "left"), ("top", "a", "left"), ("b", "low", "left")]
    fit = fit_bradley_terry(table_of(rows))
    assert np.isnan(fit.strength[[2, 3]]).all()
    assert "top never lost" in fit.notes[0]
    assert "low never beat" in fit.notes[1]
    assert [fit.models[i] for i in fit.order] == ["top", "a", "b", "low"]
    regular = fit_bradley_terry(table_of(rows), prior=0.5)
    assert regular.models[int(regular.strength.argmax())] == "top"
    assert regular.models[int(regular.strength.argmin())] == "low"
    assert "0.5 virtual ties" in regular.notes[-1]


def test_ratings_and_comparisons_are_laid_side_by_side(ratings_of: Any) -> None:
    values = np.empty((2, 4, 3))
    values[0], values[1] = 60.0, np.array([50.0, 50.0, 70.0, 60.0])[:, None]
    rows = [
        ("m0", "m1", "left", "00000"), ("m1", "m0", "right", "00001"), ("m0", "m1", "left", "00002"),
        ("m0", "m1", "tie", "00000"), ("m1", "m0", "left", "00003"), ("m0", "m1", "left", "99999"),
    ]  # fmt: skip
    comparisons = table_of(rows, ("left", "right", "outcome", "prompt_id"))
    found = concordance(ratings_of(values), comparisons, fit_bradley_terry(comparisons))
    assert (found.decided, found.undecided, found.agreed) == (3, 3, pytest.approx(2 / 3))
    assert (found.models, found.kendall) == (2, pytest.approx(1.0))
    other = table_of([("p", "q", "left"), ("q", "p", "left")])
    with pytest.raises(InputError, match="no model in common"):
        concordance(ratings_of(values), other, fit_bradley_terry(other))


def test_bad_comparisons_are_refused() -> None:
    good = {"left": ["a", "b"], "right": ["b", "a"], "outcome": ["left", "tie"]}
    for change, message in (
        ({"outcome": ["left", "won"]}, "unknown outcome 'won'"),
        ({"right": ["b", "b"]}, "of 'b' with itself"),
        ({"left": ["a", None]}, "lacks a model"),
        ({"outcome": [None, "tie"]}, "lacks an outcome"),
    ):
        with pytest.raises(InputError, match=message):
            Comparisons.from_table(pd.DataFrame(good | change))
    with pytest.raises(InputError, match="column 'outcome'"):
        Comparisons.from_table(pd.DataFrame({"left": ["a"], "right": ["b"]}))
    with pytest.raises(InputError, match="finite"):
        Comparisons.from_table(pd.DataFrame(good | {"length": [1.0, np.nan]}), ("length",))
    with pytest.raises(InputError, match="no comparisons"):
        fit_bradley_terry(Comparisons.from_table(pd.DataFrame(good)[:0]))
    many = pd.DataFrame({"left": [f"m{i}" for i in range(2001)], "right": "x", "outcome": "tie"})
    with pytest.raises(InputError, match="too many"):
        fit_bradley_terry(Comparisons.from_table(many))
    with pytest.raises(UnknownNameError, match="davidson"):
        fit_bradley_terry(Comparisons.from_table(pd.DataFrame(good)), ties="davison")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="m0"):
        fit_bradley_terry(Comparisons.from_table(simulated(200))).win_probability("m0", "m77")


@pytest.mark.slow
def test_clustered_intervals_hold_their_level() -> None:
    held = []
    for seed in range(100):
        fit = fit_bradley_terry(Comparisons.from_table(simulated(600, seed=seed), ("length",)))
        truth = np.linspace(-1, 1, 6)
        held.append(((fit.low <= truth) & (truth <= fit.high)).mean())
    assert stats.norm.cdf((np.mean(held) - 0.95) / (np.std(held) / 10)) > 0.001

"""Votes that say more than a study's verdicts: counts, weights, unknown voters, covariates of both images."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nami_bench.errors import InputError
from nami_bench.evaluation.human.bradley_terry import fit_bradley_terry
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.comparisons_frame import filled
from nami_bench.evaluation.leaderboard.strengths import strength_table

STRENGTHS = np.array([0.9, 0.3, -0.3, -0.9])


def drawn(votes: int, seed: int = 0, *, voters: int = 40, style: float = 0.0, tastes: float = 0.0) -> Any:
    """Votes by Davidson's model, with a column `bright`, the left image's value less the right one's."""
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 4, votes)
    right = (left + rng.integers(1, 4, votes)) % 4
    voter, prompt = rng.integers(0, voters, votes), rng.integers(0, 100, votes)
    bright = rng.normal(0.5 * (left - right), 1)
    taste = rng.normal(0, tastes, (voters, 4))
    worth = STRENGTHS + taste[voter[:, None], np.arange(4)]
    d = worth[np.arange(votes), left] - worth[np.arange(votes), right] + style * bright
    weight = np.stack((np.exp(d / 2), np.full(votes, 0.5), np.exp(-d / 2)))
    outcome = (rng.random(votes) > np.cumsum(weight / weight.sum(axis=0), axis=0)).sum(axis=0)
    return filled(pd.DataFrame({
        "study": "s", "criterion": "c", "sample": 0, "reason": None,
        "annotator": [f"v{i}" for i in voter], "prompt_id": [f"{i:05d}" for i in prompt],
        "left": [f"m{i}" for i in left], "right": [f"m{i}" for i in right],
        "outcome": np.array(["left", "tie", "right"])[outcome], "bright": bright,
    }))  # fmt: skip


@pytest.mark.parametrize("errors", ["clustered", "two-way", "sandwich", "model"])
@pytest.mark.parametrize("ties", ["davidson", "half"])
def test_a_row_of_several_votes_is_these_votes(errors: Any, ties: Any) -> None:
    votes = drawn(400)
    times = np.random.default_rng(1).integers(1, 4, len(votes))
    rows = votes.loc[votes.index.repeat(times)]
    counted = fit_bradley_terry(Comparisons.from_table(votes.assign(count=times)), ties=ties, errors=errors)
    single = fit_bradley_terry(Comparisons.from_table(rows), ties=ties, errors=errors)
    np.testing.assert_allclose(counted.strength, single.strength, atol=1e-9)
    np.testing.assert_allclose(counted.standard_error, single.standard_error, rtol=1e-9)
    assert counted.comparisons == single.comparisons == times.sum()


def test_weights_move_the_fit_and_not_the_certainty() -> None:
    votes = drawn(2000)
    plain, heavy = (
        fit_bradley_terry(Comparisons.from_table(votes.assign(weight=weight)), errors="sandwich")
        for weight in (1.0, 7.0)
    )
    np.testing.assert_allclose(plain.strength, heavy.strength, atol=1e-9)
    np.testing.assert_allclose(plain.standard_error, heavy.standard_error, rtol=1e-9)
    half = votes.assign(weight=np.where(np.arange(2000) < 1000, 1.0, 0.0))
    np.testing.assert_allclose(
        fit_bradley_terry(Comparisons.from_table(half)).strength,
        fit_bradley_terry(Comparisons.from_table(votes[:1000])).strength,
        atol=1e-9,
    )


def test_two_ways_of_clustering_equal_a_dense_reference() -> None:
    votes = drawn(600, voters=15, tastes=0.5)
    table = Comparisons.from_table(votes)
    found = fit_bradley_terry(table, ties="half", errors="two-way")
    x = np.eye(4)[table.left] - np.eye(4)[table.right]
    p = 1 / (1 + np.exp(-x @ found.strength))
    score = x * (np.array([1.0, 0.5, 0.0])[table.outcome] - p)[:, None]

    def meat(code: np.ndarray) -> np.ndarray:
        sums = np.array([score[code == c].sum(axis=0) for c in np.unique(code)])
        return np.asarray(sums.T @ sums * len(sums) / (len(sums) - 1))

    assert table.annotator is not None
    both = table.prompt * 15 + table.annotator
    bread = np.linalg.pinv(x.T @ (x * (p * (1 - p))[:, None]))
    wanted = bread @ (meat(table.prompt) + meat(table.annotator) - meat(both)) @ bread
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(wanted), rtol=1e-6)
    prompts = fit_bradley_terry(table, ties="half")
    assert found.standard_error.mean() > prompts.standard_error.mean()


def test_voters_whom_nobody_knows_are_clusters_alone() -> None:
    votes = drawn(800)
    unknown = votes.assign(annotator=pd.Categorical([None] * 800))
    mixed = votes.assign(annotator=votes["annotator"].where(votes.index % 2 == 0))
    one, other = (
        fit_bradley_terry(Comparisons.from_table(unknown), errors=e) for e in ("two-way", "clustered")
    )  # type: ignore[misc]
    np.testing.assert_allclose(one.standard_error, other.standard_error, rtol=1e-9)
    assert np.isfinite(
        fit_bradley_terry(Comparisons.from_table(mixed), errors="two-way").standard_error
    ).all()


def test_a_board_is_shown_with_and_without_control() -> None:
    votes = drawn(6000, style=0.6)
    board = strength_table(votes, covariates=("bright",), side=True, errors="two-way")
    effect = {one.name: one for one in board.effects}
    assert set(effect) == {"left", "bright"}
    low, high = effect["bright"].low, effect["bright"].high
    assert low is not None and high is not None and low < 0.6 < high
    names = ["nothing", "left", "bright", "left, bright"]
    assert list(dict.fromkeys(one.controlled_for for one in board.control)) == names
    elo = {(one.controlled_for, one.model): one.elo or np.nan for one in board.control}
    # Better models' images are darker here, and bright images win: without control strengths look alike.
    assert elo["nothing", "m0"] - elo["nothing", "m3"] < elo["left, bright", "m0"] - elo["left, bright", "m3"]
    assert elo["left, bright", "m0"] == next(row.elo for row in board.rows if row.model == "m0")


def test_parts_of_the_votes_have_strengths_of_their_own() -> None:
    votes = drawn(3000).assign(country=["DE", "IN", None] * 1000)
    board = strength_table(votes, by="country")
    assert {row.stratum for row in board.rows} == {None, "DE", "IN"}
    alone = strength_table(votes[votes["country"] == "DE"])
    german = [row.elo for row in board.rows if row.stratum == "DE"]
    assert german == pytest.approx([row.elo for row in alone.rows])
    assert any("1000 comparisons without country are in no part" in note for note in board.notes)


def test_images_of_one_model_rank_nothing() -> None:
    votes = drawn(300)
    same = votes[:5].assign(left="m0", right="m0", left_sample=1, right_sample=2)
    board = strength_table(pd.concat([votes, same]).pipe(filled))
    assert any("5 comparisons of two images of one model" in note for note in board.notes)
    assert [row.elo for row in board.rows] == [row.elo for row in strength_table(votes).rows]
    with pytest.raises(InputError, match=r"of two images of one model \(m0\)"):
        strength_table(same)

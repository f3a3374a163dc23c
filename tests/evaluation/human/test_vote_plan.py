"""Plans of studies of pairs, from the variances of votes that others published."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.errors import InputError
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.comparisons_frame import filled
from nami_bench.evaluation.human.vote_components import VoteComponents, vote_components
from nami_bench.evaluation.human.vote_design import VoteLayout, share_of, vote_detectable, vote_power
from nami_bench.evaluation.human.vote_design import vote_prompts_needed as needed


def votes(prompt: float, voter: float, seed: int = 0, rows: int = 20_000, known: bool = True) -> pd.DataFrame:
    """Votes on three models; who wins moves with prompt and voter by these standard deviations."""
    rng = np.random.default_rng(seed)
    pair = rng.integers(0, 3, rows)
    at, who = rng.integers(0, 200, rows), rng.integers(0, 100, rows)
    chance = 0.5 + rng.normal(0, prompt, (200, 3))[at, pair] + rng.normal(0, voter, (100, 3))[who, pair]
    won = rng.random(rows) < chance
    turned = rng.random(rows) < 0.5  # what was found must not hang on who stood where
    first, second = np.array(list("aab"))[pair], np.array(list("bcc"))[pair]
    return filled(pd.DataFrame({
        "study": "s", "criterion": "c", "sample": 0, "reason": None, "repeat": np.arange(rows),
        "annotator": [f"v{i}" for i in who] if known else None, "prompt_id": [f"{i:05d}" for i in at],
        "left": np.where(turned, second, first), "right": np.where(turned, first, second),
        "outcome": np.where(won != turned, "left", "right"),
    }))  # fmt: skip


@pytest.mark.parametrize(("prompt", "voter"), [(0.0, 0.0), (0.12, 0.0), (0.0, 0.1), (0.12, 0.08)])
@pytest.mark.slow
def test_the_parts_of_the_variance_come_back(prompt: float, voter: float) -> None:
    found = [vote_components(Comparisons.from_table(votes(prompt, voter, seed))) for seed in range(4)]
    assert np.mean([one.prompt for one in found]) == pytest.approx(prompt**2, abs=0.002)
    assert np.mean([one.voter or 0.0 for one in found]) == pytest.approx(voter**2, abs=0.002)
    whole = [one.prompt + (one.voter or 0.0) + one.rest for one in found]
    assert np.mean(whole) == pytest.approx(0.25, abs=0.002)


def test_counted_votes_are_votes() -> None:
    table = votes(0.1, 0.0, rows=2000)
    times = np.random.default_rng(0).integers(1, 4, len(table))
    one = vote_components(Comparisons.from_table(table.assign(count=times)))
    other = vote_components(Comparisons.from_table(table.loc[table.index.repeat(times)]))
    assert one == other


def test_plans_go_the_way_they_must() -> None:
    parts = VoteComponents(0.02, 0.004, 0.2, 3, 1000, 100, 50)
    layout = VoteLayout()
    powers = [vote_power(parts, elo, 200, 50, layout) for elo in (1e-6, 20, 50, 100, 400, 2000)]
    assert powers == sorted(powers)
    assert powers[0] == pytest.approx(0.05, abs=0.001)  # by chance
    enough = needed(parts, 50, 50, layout)
    assert enough is not None
    assert vote_power(parts, 50, enough, 50, layout) >= 0.8 > vote_power(parts, 50, enough - 1, 50, layout)
    assert needed(parts, 50, 50, VoteLayout(votes=5)) < enough  # type: ignore[operator]
    assert needed(parts, 50, 50, VoteLayout(pairs=10)) > enough  # type: ignore[operator]
    assert needed(parts, 10, 10, layout) is None  # voters disagree, and no number of prompts helps
    least = vote_detectable(parts, enough, 50, layout)
    assert least is not None
    assert least <= 50
    assert share_of(400) == pytest.approx(10 / 11)


def _plan(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["study", "plan", *map(str, arguments)])


@pytest.mark.slow
def test_study_plan_from_a_set_of_votes(tmp_path: Path) -> None:
    file = tmp_path / "votes.parquet"
    votes(0.12, 0.05).astype({"annotator": object, "left": object}).to_parquet(file)
    done = _plan("--from", file, "--difference", "50,100", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["criterion"], found["source"], found["assumed"]) == ("c", "votes.parquet", None)
    assert [one["difference"] for one in found["needed"][:2]] == [50, 100]
    shown = _plan("--from", file, "--votes", 3).output
    assert "Prompts needed (3 votes each)" in shown
    told = "From votes.parquet: 20000 votes by c on 3 pairs of models and 200 prompts"
    assert told in " ".join(shown.split())
    for options, words in (
        (("--overlap", 2), "--overlap is of ratings"),
        (("--deviation", 20), "leave out --study"),
        (("--annotator-share", 0.1), "leave out what to assume"),
        (("--column", "d"), "unknown criterion 'd'"),
    ):
        assert words in str(_plan("--from", file, *options).exception)


def test_a_set_that_does_not_say_who_voted_needs_an_assumption(tmp_path: Path) -> None:
    file = tmp_path / "votes.parquet"
    votes(0.12, 0.0, known=False, rows=3000).to_parquet(file)
    found = json.loads(
        _plan(
            "--from", file, "--annotator-share", 0.02, "--annotators", 50, "--prompts", 100, "--json"
        ).stdout
    )
    parts = found["components"]
    whole = parts["prompt"] + parts["voter"] + parts["rest"]
    assert parts["voter"] == pytest.approx(0.02 * whole)
    assert "2% of the variance from voters" in found["assumed"]


def test_votes_that_show_nothing_are_refused() -> None:
    table = votes(0.0, 0.0, rows=50)
    with pytest.raises(InputError, match="about one prompt"):
        vote_components(Comparisons.from_table(table.assign(prompt_id=[str(i) for i in range(50)])))
    with pytest.raises(InputError, match="no variance"):
        agreed = np.where(table["left"].astype(str) < table["right"].astype(str), "left", "right")
        vote_components(Comparisons.from_table(table.assign(outcome=agreed)))

"""`--raters`: numbers of those alone who said something of themselves when they came into a study."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.domain import Agreement, Came, Identity, Rating
from nami_bench.domain.entry import Consent, Entry
from nami_bench.store import Store
from nami_bench.store.crowd_admission import Coming
from tests.support.crowd import AGE, EXPERTISE
from tests.support.small_study import CRITERIA, LEVELS, PROMPTS, small_workspace

CONSENT = Consent({"en": "We study pictures."})
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which six who draw give 5 to the model `third` alone, and eight others to all but it."""
    root = tmp_path_factory.mktemp("raters") / "w"
    with Store.open(small_workspace(root).database_url) as store:
        study = store.studies.get("pilot")
        entry = Entry(CONSENT, provider=Came.PROLIFIC, questions=(AGE, EXPERTISE))
        store.studies.add(replace(study, name="crowd", entry=entry))
        ratings = []
        for number in range(14):
            coming = Coming(Identity("prolific", f"{number:024x}"))
            agreement = Agreement("1", "en", CONSENT.sha256("en"))
            who = store.crowd.admit("crowd", coming, agreement, "desktop").name
            draws = number < 6
            store.crowd.answer(who, {"age": str(20 + number), "expertise": "yes" if draws else "no"})
            best = {model: 5.0 if draws == (model == "third") else 1.0 for model in LEVELS}
            ratings += [
                Rating("crowd", who, model, prompt.id, 0, one.name, best[model])
                for model in LEVELS
                for prompt in PROMPTS.prompts
                for one in CRITERIA
            ]
        store.ratings.add(ratings)
    return root


@pytest.fixture
def run(workspace: Path) -> Run:
    def call(*arguments: str, fails: int = 0) -> Any:
        result = CliRunner().invoke(cli, ["--workspace", str(workspace), *arguments])
        assert getattr(result.exception, "exit_code", result.exit_code) == fails, result.output
        return result.stdout if not fails else str(result.exception)

    return call


def first(board: str) -> str:
    """The best model of a leaderboard's CSV."""
    header, row, *_ = board.splitlines()
    return row.split(",")[header.split(",").index("model")]


@pytest.mark.slow
def test_a_leaderboard_of_some_raters(run: Run) -> None:
    options = ("leaderboard", "--study", "crowd", "--format", "csv")
    assert first(run(*options)) != "third"
    assert first(run(*options, "--raters", "expertise=yes")) == "third"
    assert first(run(*options, "--raters", "age=20-25")) == "third"
    assert first(run(*options, "--raters", "age=26-40", "--raters", "expertise=no")) != "third"
    said = run("leaderboard", "--study", "crowd", "--raters", "expertise=yes")
    assert "only ratings of those 6 of 14 annotators who said expertise=yes (--raters)" in said
    assert "6 of 14" in run(
        "agreement", "--study", "crowd", "--raters", "expertise=yes", "--replicates", "50"
    )


def test_small_groups_are_not_shown(run: Run) -> None:
    options = ("leaderboard", "--study", "crowd", "--raters")
    assert "fewer than 5 people" in run(*options, "age=20-23", fails=2)
    assert "'expertise'" in run(*options, "expertize=yes", fails=2)
    assert "'yes'" in run(*options, "expertise=yess", fails=2)
    assert "18-30" in run(*options, "age=old", fails=2)
    assert "unknown question about raters" in run(
        "leaderboard", "--study", "pilot", "--raters", "age=3", fails=2
    )

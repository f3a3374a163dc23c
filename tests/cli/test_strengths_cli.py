"""`nami-bench strengths`: from verdicts on pairs to strengths, with and without a workspace."""

import csv
import io
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.domain import Comparison, Outcome
from nami_bench.errors import InputError
from nami_bench.leaderboard.comparisons_file import comparisons_csv
from nami_bench.leaderboard.strengths import strength_table, strengths_csv

TRUE = {"low": -0.8, "middle": 0.0, "high": 0.8}  # natural-log odds
LEFT_HELPS = 0.4


def _verdicts(per_pair: int, criterion: str = "relevance") -> list[Comparison]:
    """Verdicts drawn from Davidson's model with ties and a helpful left place."""
    rng = np.random.default_rng(5)
    found = []
    for a, b in combinations(TRUE, 2):
        for number in range(per_pair):
            left, right = (a, b) if rng.random() < 0.5 else (b, a)
            difference = TRUE[left] - TRUE[right] + LEFT_HELPS
            weights = np.array([np.exp(difference / 2), 0.4, np.exp(-difference / 2)])
            outcome = rng.choice(["left", "tie", "right"], p=weights / weights.sum())
            found.append(
                Comparison("duel", "ann", f"{number:05d}", 0, criterion, left, right, Outcome(str(outcome)))
            )
    return found


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def test_known_strengths_come_back() -> None:
    table = strength_table(_verdicts(3000), side=True)
    assert [row.model for row in table.rows] == ["high", "middle", "low"]
    for row in table.rows:
        wanted = 1000 + 400 / np.log(10) * TRUE[row.model]
        assert row.elo == pytest.approx(wanted, abs=15)
        assert row.low is not None and row.high is not None and row.elo is not None
        assert row.low < row.elo < row.high
        assert row.comparisons == row.wins + row.losses + row.ties == 6000
    share = 100 / (1 + np.exp(-LEFT_HELPS))
    note = next(note for note in table.notes if "the left one wins" in note)
    assert float(note.split("wins ")[1].split("%")[0]) == pytest.approx(share, abs=2)


def test_a_file_without_a_workspace(tmp_path: Path) -> None:
    verdicts = _verdicts(40) + _verdicts(20, "aesthetics")
    verdicts.append(Comparison("duel", "bob", "00000", 0, "relevance", "low", "high", None, "other"))
    path = tmp_path / "comparisons.csv"
    path.write_bytes(comparisons_csv(verdicts))
    done = _run("strengths", "--comparisons", path, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["comparisons"], found["withheld"], found["annotators"]) == (180, 1, 1)
    assert [row["criterion"] for row in found["rows"]] == ["relevance"] * 3 + ["aesthetics"] * 3
    table = _run("strengths", "--comparisons", path, "--csv", tmp_path / "out.csv")
    assert "Elo" in table.stdout
    assert "could not judge 1" in table.stdout
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [float(row["elo"]) for row in rows] == [row["elo"] for row in found["rows"]]


def test_a_model_that_never_lost_is_said_and_shrunk_only_when_asked() -> None:
    verdicts = [
        Comparison("duel", "ann", f"{n:05d}", 0, "relevance", "best", other, Outcome.LEFT)
        for n in range(6)
        for other in ("a", "b")
    ]
    verdicts += [
        Comparison("duel", "ann", f"{n:05d}", 0, "relevance", "a", "b", outcome)
        for n, outcome in enumerate((Outcome.LEFT, Outcome.RIGHT, Outcome.BOTH_BAD))
    ]
    table = strength_table(verdicts)
    by_model = {row.model: row for row in table.rows}
    assert by_model["best"].elo is None
    assert by_model["a"].elo is not None
    assert by_model["a"].both_bad == 1
    assert any("best" in note for note in table.notes)
    assert b"nan" not in strengths_csv(table).lower()
    shrunk = strength_table(verdicts, prior=1.0)
    assert shrunk.rows[0].model == "best"
    assert shrunk.rows[0].elo is not None
    assert any("virtual ties" in note for note in shrunk.notes)


def test_wrong_use_is_refused_in_words(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    assert _run("init", workspace).exit_code == 0
    none = _run("--workspace", workspace, "strengths")
    assert isinstance(none.exception, InputError)
    assert "no study of pairs" in str(none.exception)
    with pytest.raises(InputError, match="no comparisons yet"):
        strength_table([])
    one_sided = [Comparison("duel", "ann", "00000", 0, "relevance", "a", "b", Outcome.LEFT)]
    with pytest.raises(InputError, match="no two models"):
        strength_table(one_sided)

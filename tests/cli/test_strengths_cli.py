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
from nami_bench.evaluation.leaderboard.strengths import strength_table
from nami_bench.export.comparisons_file import comparisons_csv
from nami_bench.export.strengths import strengths_csv

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
    assert table.rows[0].model == "best"
    assert by_model["best"].elo is None
    assert by_model["best"].low is not None
    assert by_model["best"].high is None
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
    assert [(row.model, row.wins) for row in strength_table(one_sided).rows] == [("a", 1), ("b", 0)]


def _won(left: str, right: str, times: int) -> list[Comparison]:
    return [
        Comparison("duel", "ann", f"{left}{n:03d}", 0, "relevance", left, right, Outcome.LEFT)
        for n in range(times)
    ]


def _file(path: Path, verdicts: list[Comparison]) -> Path:
    path.write_bytes(comparisons_csv(verdicts))
    return path


def test_a_winner_of_all_stands_first_with_a_bound_in_every_format(tmp_path: Path) -> None:
    verdicts = [*_won("zebra", "a", 40), *_won("zebra", "b", 40), *_won("a", "b", 9), *_won("b", "a", 6)]
    file = _file(tmp_path / "c.csv", verdicts)
    lines = _run("strengths", "--comparisons", file, "--csv", tmp_path / "out.csv").stdout.splitlines()
    winner = next(number for number, line in enumerate(lines) if "zebra" in line)
    assert winner < next(number for number, line in enumerate(lines) if line.strip().startswith("a "))
    first = json.loads(_run("strengths", "--comparisons", file, "--json").stdout)["rows"][0]
    assert (first["model"], first["elo"], first["high"], first["wins"]) == ("zebra", None, None, 80)
    assert f"{first['low']:.0f} or more" in lines[winner]
    row = next(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert (row["model"], row["elo"], float(row["low"]), row["high"]) == ("zebra", "", first["low"], "")


@pytest.mark.parametrize("prior", [0, 1])
def test_groups_that_no_comparison_joins_stand_in_tables_of_their_own(tmp_path: Path, prior: int) -> None:
    verdicts = [*_won("a", "b", 5), *_won("b", "a", 3), *_won("x", "y", 2), *_won("y", "x", 1)]
    file = _file(tmp_path / "c.csv", verdicts)
    shown = _run("strengths", "--comparisons", file, "--prior", prior).stdout
    assert "group 1 of 2" in shown
    assert "group 2 of 2" in shown
    rows = json.loads(_run("strengths", "--comparisons", file, "--prior", prior, "--json").stdout)["rows"]
    assert [(row["model"], row["group"]) for row in rows] == [("a", 1), ("b", 1), ("x", 2), ("y", 2)]
    for group in (1, 2):
        assert sum(row["elo"] for row in rows if row["group"] == group) == pytest.approx(2000)


def test_two_models_one_of_which_always_wins_keep_their_counts(tmp_path: Path) -> None:
    shown = _run("strengths", "--comparisons", _file(tmp_path / "c.csv", _won("b", "a", 12))).stdout
    assert "or more" in shown
    assert "or less" in shown
    assert " 12 " in shown


def test_nothing_but_both_bad_is_all_equal(tmp_path: Path) -> None:
    verdicts = [
        Comparison("duel", "ann", f"{n:05d}", 0, "relevance", "a", "b", Outcome.BOTH_BAD) for n in range(80)
    ]
    found = json.loads(
        _run("strengths", "--comparisons", _file(tmp_path / "c.csv", verdicts), "--json").stdout
    )
    assert [(row["elo"], row["both_bad"]) for row in found["rows"]] == [(1000.0, 80), (1000.0, 80)]


@pytest.mark.parametrize(
    ("ties", "errors"), [("half", "bootstrap"), ("half", "model"), ("davidson", "sandwich")]
)
def test_ties_and_errors_may_be_others_and_every_file_says_which(
    tmp_path: Path, ties: str, errors: str
) -> None:
    verdicts = _verdicts(40)
    path = tmp_path / "verdicts.csv"
    path.write_bytes(comparisons_csv(verdicts))
    found = _run("strengths", "--comparisons", path, "--ties", ties, "--errors", errors, "--json")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert (document["ties"], document["errors"]) == (ties, errors)
    usual = strength_table(verdicts)
    rows, others = document["rows"], usual.rows
    if ties == "davidson":
        assert [row["elo"] for row in rows] == pytest.approx([row.elo for row in others])
    else:
        assert [row["elo"] for row in rows] != pytest.approx([row.elo for row in others], abs=1e-6)
    assert [row["low"] for row in rows] != pytest.approx([row.low for row in others], abs=1e-6)
    lines = list(csv.DictReader(io.StringIO(strengths_csv(usual).decode())))
    assert {(line["ties_as"], line["errors"]) for line in lines} == {("davidson", "clustered")}

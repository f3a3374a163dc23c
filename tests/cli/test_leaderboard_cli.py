import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.program import nami_bench

FILE = Path("ratings.csv")
STUDY = """
[study]
name = "small"
[[criterion]]
name = "beauty"
weight = 2
minimum = 1
maximum = 5
"""
PROMPTS = '{"prompt": "a star", "tag": "counting", "include": [{"class": "star", "count": 1}]}\n' * 2


def leaderboard(*arguments: str, cwd: Path) -> str:
    done = nami_bench("leaderboard", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """No workspace: a ratings file by NAMI-1K's criteria, and one on a scale from 1 to 5."""
    header = "study,annotator,model,prompt_id,sample,criterion,value\n"
    values = {"relevance": 80, "coherence": 60, "aesthetics": 50, "authenticity": 40}
    rows = [
        f"nami-1k,{annotator},{model},{prompt},0,{criterion},{value - 10 * (model == 'worse')}\n"
        for model in ("worse", "better")
        for prompt in ("00000", "00001")
        for annotator in ("lena", "omar")
        for criterion, value in values.items()
    ]
    (tmp_path / FILE).write_text(header + "".join(rows))
    (tmp_path / "small.csv").write_text(
        header + "small,lena,m,00000,0,beauty,4\nsmall,lena,n,00000,0,beauty,2\n"
    )
    (tmp_path / "small.toml").write_text(STUDY)
    (tmp_path / "prompts.jsonl").write_text(PROMPTS)
    return tmp_path


def test_a_ratings_file_gives_every_format_without_a_workspace(folder: Path) -> None:
    table = leaderboard("--ratings", "ratings.csv", cwd=folder)
    assert table.index("better") < table.index("worse")
    # 0.3 * 80 + 0.3 * 60 + 0.2 * 50 + 0.2 * 40
    assert "60.00" in table and "50.00" in table
    rows = list(
        csv.DictReader(io.StringIO(leaderboard("--ratings", "ratings.csv", "--format", "csv", cwd=folder)))
    )
    assert [(row["rank"], row["model"], row["total"]) for row in rows] == [
        ("1", "better", "60.0"),
        ("2", "worse", "50.0"),
    ]
    document = json.loads(leaderboard("--ratings", "ratings.csv", "--json", cwd=folder))
    assert [row["total"] for row in document["rows"]] == pytest.approx([60, 50])
    leaderboard("--ratings", "ratings.csv", "-o", "out.html", cwd=folder)
    assert (folder / "out.html").read_text().startswith("<!doctype html>")
    assert not (folder / "nami-workspace").exists()


def test_the_ending_of_the_output_names_the_format(folder: Path) -> None:
    for name, start in (
        ("a.csv", "rank,"),
        ("a.json", "{"),
        ("a.HTML", "<!doctype"),
        ("a.txt", "Leaderboard:"),
    ):
        assert leaderboard("--ratings", "ratings.csv", "-o", name, cwd=folder) == ""
        assert (folder / name).read_text("utf-8-sig").startswith(start)
    leaderboard("--ratings", "ratings.csv", "-o", "b.csv", "--format", "json", cwd=folder)
    assert json.loads((folder / "b.csv").read_text())["study"] == "nami-1k"


def test_criteria_of_another_study_file(folder: Path) -> None:
    arguments = ("--ratings", "small.csv", "--criteria", "small.toml", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(leaderboard(*arguments, cwd=folder))))
    assert [(row["model"], row["beauty"], row["total"]) for row in rows] == [
        ("m", "75.0", "75.0"),
        ("n", "25.0", "25.0"),
    ]


def test_published_rows_follow_unranked(folder: Path) -> None:
    arguments = ("--ratings", "ratings.csv", "--published", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(leaderboard(*arguments, cwd=folder))))
    assert [row["rank"] for row in rows] == ["1", "2", *[""] * 13]
    assert {row["status"] for row in rows[2:]} == {"published"}


def test_a_prompt_file_gives_the_strata(folder: Path) -> None:
    arguments = ("--ratings", "ratings.csv", "--prompts", "prompts.jsonl", "--stratum", "short", "--json")
    document = json.loads(leaderboard(*arguments, cwd=folder))
    assert (document["stratum"], list(document["prompt_sets"])) == ("short", ["prompts"])
    assert [row["complete"] for row in document["rows"]] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ratings", "none.csv"), "cannot read none.csv"),
        (("--ratings", "small.csv"), "small.csv, line 2: unknown criterion 'beauty'"),
        (("--ratings", "ratings.csv", "--criteria", "small.toml"), "line 2: unknown criterion 'relevance'"),
        (("--ratings", "ratings.csv", "--criteria", "none.toml"), "cannot read none.toml"),
        (("--ratings", "ratings.csv", "--study", "nami"), "unknown study 'nami'"),
        (("--ratings", "ratings.csv", "--stratum", "long"), "name their prompt set"),
        (("--ratings", "ratings.csv", "--prompts", "stars"), "stars"),
        (
            ("--ratings", "ratings.csv", "--prompts", "prompts.jsonl", "--stratum", "shrt"),
            "unknown stratum 'shrt'",
        ),
        (("--ratings", "ratings.csv", "--sort", "totl"), "unknown column 'totl': did you mean 'total'?"),
        (("--ratings", "ratings.csv", "--json", "--format", "csv"), "contradict each other"),
        (("--criteria", "small.toml"), "--criteria belongs to --ratings"),
        ((), "no workspace at"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = nami_bench("leaderboard", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_workspaces_leaderboard_shows_images_ratings_and_geneval(folder: Path) -> None:
    """The whole way through the command line: images, GenEval, imported ratings, leaderboard."""

    def run(*arguments: str) -> None:
        nami_bench(*arguments, cwd=folder).check_returncode()

    run("init", ".")
    for model, error_rate in (("better", 0), ("worse", 1)):
        run("models", "add", model, "--adapter", "shapes", "-O", f"error_rate={error_rate}", "-O", "size=64")
        run("generate", "--model", model, "--prompts", "prompts.jsonl", "--samples", "1")
    run("evaluate", "geneval", "--detector", "shapes")
    run("study", "create", "--name", "nami-1k", "--prompts", "prompts")
    run("ratings", "import", "ratings.csv")
    document = json.loads(leaderboard("--json", cwd=folder))
    (column,) = document["automatic"]
    better, worse = document["rows"]
    assert (better["model"], better["automatic"][column["key"]]["value"]) == ("better", 1)
    assert (worse["model"], worse["automatic"][column["key"]]["value"]) == ("worse", 0)
    assert [round(row["total"], 6) for row in document["rows"]] == [60, 50]
    # Two annotators where NAMI-1K asks for five: said, not hidden.
    assert better["complete"] is False and "only 2 of 5 annotators" in better["gaps"][0]

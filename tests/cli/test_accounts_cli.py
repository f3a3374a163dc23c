"""Accounts from the command line, and a workspace whose database is a PostgreSQL server."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.domain import Annotator, Role
from nami_bench.errors import InputError
from nami_bench.store import Store
from tests.support.program import nami_bench


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run(*arguments)` is a command in an empty workspace."""

    def command(*arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        return nami_bench(*arguments, cwd=tmp_path, input=input)

    command("init", ".").check_returncode()
    return command


def test_accounts_from_the_command_line(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    added = run("annotators", "add", "lena", "omar")
    tokens = dict(line.split("\t") for line in added.stdout.splitlines())
    assert "cannot be shown again" in added.stderr
    assert run("annotators", "add", "root", "--role", "administrator").returncode == 0

    assert run("annotators", "password", "lena", input="correct horse\n").returncode == 0
    for given, words in (("short\n", "8 to 1000 characters"), ("", "no password on standard input")):
        refused = run("annotators", "password", "omar", input=given)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert words in refused.stderr

    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        lena = Annotator("lena")
        assert (
            store.logins.authenticate("lena", tokens["lena"])
            == store.logins.authenticate("lena", "correct horse")
            == lena
        )
        session = store.logins.open_session("lena")
        assert run("annotators", "disable", "lena").returncode == 0
        assert store.logins.session_annotator(session) is None
        assert run("annotators", "enable", "lena").returncode == 0
        renewed = run("annotators", "reset", "lena").stdout.split()[1]
        assert store.logins.authenticate("lena", tokens["lena"]) is None
        assert store.logins.authenticate("lena", "correct horse") is None
        assert store.logins.authenticate("lena", renewed) == lena
        assert store.accounts.get("root").role is Role.ADMINISTRATOR

    listed = json.loads(run("annotators", "list", "--json").stdout)
    assert [(a["name"], a["role"], a["active"]) for a in listed] == [
        ("lena", "annotator", True),
        ("omar", "annotator", True),
        ("root", "administrator", True),
    ]


def test_people_are_added_by_their_names_all_or_none(tmp_path: Path) -> None:
    people = ("lena@uni.example", "Jörg Müller", "李雷", "A1B2C3 (MTurk)", "=1+1 Ltd")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--workspace", str(tmp_path), *arguments])

    def listed() -> list[tuple[str, bool, bool]]:
        found = json.loads(run("annotators", "list", "--json").stdout)
        return [(one["name"], one["active"], one["excluded"]) for one in found]

    assert run("init", str(tmp_path)).exit_code == 0
    added = run("annotators", "add", *people)
    assert [line.split("\t")[0] for line in added.stdout.splitlines()] == list(people)

    for clash in (("omar", "jörg müller"), ("omar", "Omar"), ("omar", "a\u202eb")):
        refused = run("annotators", "add", *clash)
        assert (type(refused.exception), refused.stdout) == (InputError, "")
    assert listed() == [(name, True, False) for name in people]
    assert "李雷" in run("annotators", "list").stdout

    disabled = run("annotators", "disable", "JÖRG MÜLLER")
    assert "`nami-bench annotators enable 'JÖRG MÜLLER'` undoes it" in disabled.stderr
    assert run("ratings", "exclude", "--annotator", "A1b2C3  (mturk)").exit_code == 0
    assert run("annotators", "erase", "LENA@uni.example", "--yes").exit_code == 0
    assert listed() == [
        ("Jörg Müller", False, False),
        ("李雷", True, False),
        ("A1B2C3 (MTurk)", True, True),
        ("=1+1 Ltd", True, False),
    ]


def test_a_workspace_on_postgresql(
    run: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    new_postgresql: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prompts, images, GenEval, a study, ratings in and out, a leaderboard."""
    monkeypatch.setenv("NAMI_DATABASE_URL", new_postgresql())
    clauses = {"tag": "single_object", "include": [{"class": "star", "count": 1}]}
    (tmp_path / "star.jsonl").write_text(json.dumps(clauses | {"prompt": "a photo of a star"}) + "\n")
    (tmp_path / "ratings.csv").write_text(
        "study,annotator,model,prompt_id,sample,criterion,value\n"
        + "".join(f"s,{name},m,00000,0,{c},{v}\n" for name in ("lena", "omar") for c, v in CRITERIA)
    )
    for arguments in (
        ["models", "add", "m", "--adapter", "shapes", "-O", "size=64"],
        ["generate", "--model", "m", "--prompts", "star.jsonl", "--samples", "1"],
        ["evaluate", "geneval", "--detector", "shapes"],
        ["study", "create", "--name", "s", "--prompts", "star"],
        ["annotators", "add", "lena"],
        ["ratings", "import", "ratings.csv"],
        ["ratings", "export", "--study", "s", "-o", "out.csv"],
        ["leaderboard", "--study", "s", "--format", "csv", "-o", "board.csv"],
    ):
        done = run(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    assert (tmp_path / "out.csv").read_text().count("\n") == 1 + 2 * len(CRITERIA)
    assert "m," in (tmp_path / "board.csv").read_text()
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as unused:
        assert (unused.studies.all(), unused.catalog.models()) == ([], [])


CRITERIA = (("relevance", 70), ("coherence", 60), ("aesthetics", 50), ("authenticity", 40))

"""The people of a study from the command line: lists of them, roles, assignments."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.annotators import ROLES
from nami_bench.cli.app import cli
from nami_bench.domain import GIVEN_ROLES
from nami_bench.errors import InputError
from nami_bench.store import Store
from tests.support.small_study import small_workspace

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(*arguments)` is a command in a workspace with the studies pilot and duel, of mei, omar and tom."""
    small_workspace(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, ["--workspace", str(tmp_path), *arguments])


@pytest.fixture
def listed(run: Run, tmp_path: Path) -> Callable[..., Result]:
    """`listed(text, *options)` imports a list of people."""

    def import_(text: str, *options: str) -> Result:
        path = tmp_path / "people.csv"
        path.write_bytes(text.encode())
        return run("annotators", "import", str(path), *options)

    return import_


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a workspace, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("unchanged")
    small_workspace(folder)
    return folder


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def assigned(tmp_path: Path, study: str) -> list[str]:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        return [one.annotator for one in store.enrolments.of(study)]


LIST = (
    "\ufeffName;Role;Study\r\nJörg Müller;;pilot\r\n\r\nLENA;annotator;pilot\r\nlena;;duel\r\n"
    "mei;;duel\r\nlena;;duel\r\nboss;administrator;\r\n"
)


@pytest.mark.slow
def test_a_list_from_a_spreadsheet_makes_accounts_and_assigns_them(
    listed: Callable[..., Result], tmp_path: Path
) -> None:
    tried = listed(LIST, "--dry-run")
    assert (tried.exit_code, tried.stdout) == (0, "")
    assert "3 new accounts, 1 there already; nothing was changed" in tried.stderr
    assert assigned(tmp_path, "pilot") == []

    done = rows(listed(LIST).stdout)
    assert [(one["name"], one["role"], one["studies"], bool(one["token"])) for one in done] == [
        ("Jörg Müller", "annotator", "pilot", True),
        ("LENA", "annotator", "pilot duel", True),
        ("mei", "annotator", "duel", False),
        ("boss", "administrator", "", True),
    ]
    assert assigned(tmp_path, "pilot") == ["Jörg Müller", "LENA"]
    assert assigned(tmp_path, "duel") == ["mei", "LENA"]
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        assert store.logins.authenticate("lena", done[1]["token"]) == store.accounts.get("LENA")
    again = rows(listed(LIST).stdout)
    assert [one["token"] for one in again] == [""] * 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "people.csv is empty: its first line must name the columns"),
        ("role,study\nannotator,pilot\n", "lacks the column name"),
        ("name,email\nlena,x\n", "unknown column 'email'"),
        ("name\n", "holds no people"),
        ("name,role\nlena,boss\n", "line 2: unknown role 'boss'"),
        ("name,role\n,annotator\n", "line 2: name is empty"),
        ("name,role\nlena,\nLena,administrator\n", "line 3: 'Lena' has two roles"),
        ("name,study\nlena,pilto\n", "did you mean 'pilot'?"),
        ("name,role,study\nboss,administrator,pilot\n", "who takes no items"),
        ("name,role,study\njudy,adjudicator,pilot\n", "who takes no items"),
        ("name,role\nx,participant\n", "line 2: unknown role 'participant'"),
        ("name,role\nmei,administrator\n", "'mei' is an annotator already"),
        ("name\nlena,pilot\n", "line 2: there are more cells than columns"),
        ('name\n"lena\n', "line 2: it is not a CSV table"),
        ("name\nsimulated-9\n", "belong to simulated annotators"),
    ],
)
@pytest.mark.slow
def test_a_list_with_a_fault_changes_nothing(unchanged: Path, text: str, words: str) -> None:
    def people() -> list[str]:
        with Store.open(f"sqlite:///{unchanged / 'nami.db'}") as store:
            return [one.name for one in store.accounts.all()]

    before, path = people(), unchanged / "people.csv"
    path.write_text(text)
    refused = CliRunner().invoke(cli, ["--workspace", str(unchanged), "annotators", "import", str(path)])
    assert isinstance(refused.exception, InputError)
    assert refused.stdout == ""
    assert words in str(refused.exception)
    assert people() == before


def test_tokens_are_never_written_over(run: Run, listed: Callable[..., Result], tmp_path: Path) -> None:
    output = tmp_path / "tokens.csv"
    assert listed("name\nlena\n", "-o", str(output)).exit_code == 0
    assert [one["name"] for one in rows(output.read_text())] == ["lena"]
    refused = listed("name\nomid\n", "-o", str(output))
    assert "nothing is overwritten" in str(refused.exception)
    assert "omid" not in run("annotators", "list").stdout


@pytest.mark.slow
def test_people_are_assigned_and_taken_off(run: Run) -> None:
    run("annotators", "add", "lena")
    run("annotators", "add", "boss", "--role", "administrator")
    done = run("study", "assign", "pilot", "lena", "mei")
    assert done.exit_code == 0
    assert "lena, mei: assigned to pilot" in done.stderr
    assert "takes everybody" in done.stderr
    assert "nobody new" in run("study", "assign", "pilot", "lena").stderr
    status = json.loads(run("study", "status", "pilot", "--json").stdout)
    assert status["not_come_yet"] == ["lena"]
    assert "not come yet" in run("study", "status", "pilot").stdout

    for name, words in (("boss", "is an administrator"), ("lina", "did you mean 'lena'?")):
        refused = run("study", "assign", "pilot", "tom", name)
        assert words in str(refused.exception)
    assert "lena: not assigned to pilot any more" in run("study", "unassign", "pilot", "lena", "tom").stderr
    assert run("annotators", "role", "boss", "annotator").exit_code == 0
    assert run("study", "assign", "pilot", "boss").exit_code == 0
    assert json.loads(run("study", "status", "pilot", "--json").stdout)["not_come_yet"] == ["boss"]


@pytest.mark.slow
def test_messages_and_announcements_from_the_command_line(run: Run, tmp_path: Path) -> None:
    assert run("study", "announce", "pilot", "Welcome", "--until", "2099-01-31T18:00:00Z").exit_code == 0
    (one,) = json.loads(run("study", "announcements", "pilot", "--json").stdout)
    assert (one["text"], one["shown_until"][:10]) == ("Welcome", "2099-01-31")
    assert run("study", "take-back", "pilot", str(one["number"])).exit_code == 0
    assert json.loads(run("study", "announcements", "pilot", "--json").stdout) == []

    assert run("study", "message", "pilot", "mei", "Hello \x1b[31mred").exit_code != 0
    assert run("study", "message", "pilot", "mei", "Hello [bold]you[/bold]").exit_code == 0
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.messages.answer("pilot", "mei", "Hi", "t1")
    (thread,) = json.loads(run("study", "messages", "pilot", "--json").stdout)
    assert (thread["annotator"], thread["messages"], thread["unread"]) == ("mei", 2, 1)
    shown = run("study", "messages", "pilot", "mei").stdout
    assert "Hello [bold]you[/bold]" in shown and "not yet" in shown
    assert json.loads(run("study", "messages", "pilot", "--json").stdout)[0]["unread"] == 0
    assert json.loads(run("study", "comments", "pilot", "--json").stdout) == []
    for arguments, words in (
        (("message", "pilot", "nobody", "x"), "unknown annotator"),
        (("message", "pilot", "mei", "x", "--about", "99999"), "unknown item '99999'"),
        (("message", "pilot", "mei", "x" * 2001), "at most 2000"),
        (("announce", "pilot", "late", "--until", "2001-01-31T18:00:00Z"), "nobody would see it"),
        (("take-back", "pilot", "9"), "unknown announcement '9'"),
    ):
        assert words in str(run("study", *arguments).exception)
    assert "needs a time zone" in run("study", "announce", "pilot", "x", "--from", "2099-01-31").stderr


@pytest.mark.slow
def test_how_everybody_does_is_shown_and_said(run: Run, tmp_path: Path) -> None:
    run("annotators", "add", "lena")
    run("study", "assign", "pilot", "lena")
    run("ratings", "exclude", "--annotator", "tom")
    shown = run("study", "people", "pilot")
    assert shown.exit_code == 0
    assert "not come yet" in shown.stdout and "excluded" in shown.stdout
    assert "of two people nobody can tell" in shown.stderr
    found = json.loads(run("study", "people", "pilot", "--json").stdout)
    people = {one["name"]: one for one in found["people"]}
    assert set(people) == {"mei", "omar", "tom", "lena"}
    assert (people["lena"]["figures"], people["lena"]["flags"]) == (None, [])
    assert people["tom"]["excluded"] and people["tom"]["figures"]["agreement"] is not None
    mei = people["mei"]["figures"]
    assert (mei["items"], mei["shared"], mei["pace"], mei["gold"]) == (18, 18, None, None)
    assert mei["agreement"]["low"] < mei["agreement"]["value"] < mei["agreement"]["high"]

    duel = {one["name"]: one for one in json.loads(run("study", "people", "duel", "--json").stdout)["people"]}
    assert duel["mei"]["figures"]["items"] == 18
    assert duel["mei"]["figures"]["severity"] is None
    assert -1 <= duel["mei"]["figures"]["lean"]["value"] <= 1
    assert "nobody can be compared" in run("study", "people", "duel").stderr
    assert "unknown study" in str(run("study", "people", "nowhere").exception)


def test_the_roles_that_the_command_line_offers_are_those_that_can_be_given(
    listed: Callable[..., Result],
) -> None:
    assert tuple(GIVEN_ROLES) == ROLES
    added = rows(listed("name,role\nx,annotator\ny,administrator\nz,adjudicator\n").stdout)
    assert [one["role"] for one in added] == list(ROLES)

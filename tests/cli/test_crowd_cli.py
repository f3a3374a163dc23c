"""`nami-bench crowd`: links, who came, who is paid, what is forgotten."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from nami_bench.cli.app import cli
from nami_bench.config import init_workspace, open_workspace
from nami_bench.domain import (
    Agreement,
    Came,
    Consent,
    Criterion,
    Entry,
    Identity,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
    WayOut,
)
from nami_bench.domain.entry import Bonus
from nami_bench.store import Store
from nami_bench.store.crowd_admission import Coming
from nami_bench.store.crowd_tables import ParticipantRow
from tests.support.databases import new_sqlite, raw

CONSENT = Consent({"en": "We study pictures."})
AGREEMENT = Agreement("1", "en", CONSENT.sha256("en"))
Run = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "w"
    made = init_workspace(root)
    new_sqlite(root / "nami.db")
    with Store.open(made.database_url) as store:
        store.catalog.add_prompt_set(PromptSet("p", (Prompt("00000", "a fox"),)))
        store.catalog.add_model(ModelCard("m", "folder"))
        codes = {WayOut.COMPLETED: "DONE"}
        bonus = Bonus(amount=0.5)
        entry = Entry(CONSENT, provider=Came.PROLIFIC, codes=codes, reward=3, bonus=bonus, quota=2)
        store.studies.add(Study("pilot", "p", ("m",), (Criterion("r", 1.0),), entry=entry))
        store.studies.add(Study("closed", "p", ("m",), (Criterion("r", 1.0),)))
    return root


@pytest.fixture
def run(workspace: Path) -> Run:
    """`run(*arguments)`: what the command prints; `fails`: with which exit code."""

    def call(*arguments: str, fails: int = 0) -> Any:
        result = CliRunner().invoke(cli, ["--workspace", str(workspace), "crowd", *arguments])
        code = getattr(result.exception, "exit_code", result.exit_code)
        assert code == fails, result.output
        return result.stdout if not fails else str(result.exception)

    return call


def came(workspace: Path, number: int, way: WayOut | None, minutes: float = 0) -> str:
    """Somebody who came, worked so long, and left that way; their random name."""
    with opened(workspace) as store:
        identity = Identity("prolific", f"{number:024x}", f"s{number}")
        participant = store.crowd.admit("pilot", Coming(identity), AGREEMENT, "desktop")
    if way is not None:
        end_all(workspace, way, minutes)
    return participant.name


def end_all(workspace: Path, way: WayOut, minutes: float = 0) -> None:
    """Everybody who is inside leaves this way, so long after they came."""
    with opened(workspace) as store, raw(store) as session:
        inside = ParticipantRow.way_out.is_(None)
        for row in session.execute(select(ParticipantRow.id, ParticipantRow.joined_at).where(inside)).all():
            left = row.joined_at + timedelta(minutes=minutes)
            gone = update(ParticipantRow).values(way_out=way.value, left_at=left)
            session.execute(gone.where(ParticipantRow.id == row.id))
        session.commit()


def opened(workspace: Path) -> Store:
    return Store.open(open_workspace(workspace).database_url)


def test_who_is_paid_is_right_to_the_row(workspace: Path, run: Run, tmp_path: Path) -> None:
    came(workspace, 1, WayOut.COMPLETED, 20)
    came(workspace, 2, WayOut.FAILED_CHECKS, 5)
    came(workspace, 3, WayOut.WITHDREW, 1)
    came(workspace, 4, WayOut.NOTHING_LEFT, 40)
    refused = run("participants", "closed", fails=2)
    assert "has no [entry]" in refused

    rows = [*csv.DictReader(io.StringIO(run("participants", "pilot")))]
    decided = [
        (row["participant"][-1], row["way_out"], row["decision"], row["reward"], row["bonus"]) for row in rows
    ]
    assert decided == [
        ("1", "completed", "approve", "3.00", "0.50"),
        ("2", "failed_checks", "approve, and leave out of the analysis", "3.00", "0.00"),
        ("3", "withdrew", "ask to return", "0.00", "0.00"),
        ("4", "nothing_left", "approve", "3.00", "0.50"),
    ]
    assert "annotator" not in rows[0]
    ids = [f"{n:024x}" for n in (1, 2, 3, 4)]
    assert run("payments", "pilot") == f"{ids[0]}\n{ids[1]}\n{ids[3]}\n"
    bonuses = tmp_path / "b.csv"
    run("payments", "pilot", "--what", "bonuses", "-o", str(bonuses))
    assert bonuses.read_bytes() == f"{ids[0]},0.50\n{ids[3]},0.50\n".encode()
    status = run("status", "pilot")
    assert "2 of 2 finished, 4 came in" in status
    assert "took 30.0 minutes or less: 6.00 GBP an hour at the median" in status


def test_the_form_of_a_payments_file_can_be_chosen(workspace: Path, run: Run) -> None:
    came(workspace, 1, WayOut.COMPLETED, 20)
    with opened(workspace) as store:
        (token,) = store.links.invite("pilot", ["Jörg"])
        store.crowd.admit("pilot", Coming(link=token), AGREEMENT, "desktop")
    end_all(workspace, WayOut.COMPLETED)
    who = f"{1:024x}"
    # Who came by a link is in no platform's form: not as an empty line either.
    assert run("payments", "pilot") == run("payments", "pilot", "--format", "prolific") == f"{who}\n"
    assert run("payments", "pilot", "--format", "connect") == f"{who}\n"
    bonus = ("payments", "pilot", "--what", "bonuses", "--format")
    assert run(*bonus, "prolific") == f"{who},0.50\n"
    assert run(*bonus, "connect").splitlines() == ["participantId,amount", f"{who},0.50"]
    assert "experiment is not set" in run("payments", "pilot", "--format", "sona", fails=2)
    for what, column, amount in (("approvals", "reward", "3.00"), ("bonuses", "bonus", "0.50")):
        told = run("payments", "pilot", "--what", what, "--format", "table")
        rows = [*csv.DictReader(io.StringIO(told))]
        said = [(row["participant"], row["label"], row[column]) for row in rows]
        assert said == [(who, "", amount), ("", "Jörg", amount)]


def test_ids_are_forgotten_on_the_day_and_not_before(workspace: Path, run: Run) -> None:
    came(workspace, 1, WayOut.COMPLETED, 1)
    name = came(workspace, 2, None)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    assert "0 ids" in run("forget", "pilot", "--before", yesterday, "--dry-run")
    assert "2 ids" in run("forget", "pilot", "--dry-run")
    assert "add --yes" in run("forget", "pilot", fails=2)
    run("forget", "pilot", "--yes")
    found = b"".join(path.read_bytes() for path in workspace.glob("nami.db*"))
    assert f"{2:024x}".encode() not in found
    assert name.encode() in found
    rows = [*csv.DictReader(io.StringIO(run("participants", "pilot", "--with-names")))]
    assert [(row["participant"], row["way_out"]) for row in rows] == [("", "completed"), ("", "inside")]
    assert rows[1]["annotator"] == name


def test_links_are_made_listed_drawn_and_ended(workspace: Path, run: Run, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("name,room\nZoë,1\n=cmd(),2\n\n", encoding="utf-8")
    made = run("invite", "pilot", "--base", "https://rate.example/", "--from", str(table))
    rows = [*csv.DictReader(io.StringIO(made))]
    assert [row["label"] for row in rows] == ["Zoë", "'=cmd()"]
    tokens = [re.fullmatch(r"https://rate\.example/join/link/([\w-]{22})", row["link"]) for row in rows]
    assert all(tokens)
    stored = b"".join(path.read_bytes() for path in workspace.glob("nami.db*"))
    assert tokens[0] is not None
    assert tokens[0][1].encode() not in stored
    drawn = tmp_path / "poster.svg"
    run("invite", "pilot", "--base", "https://rate.example", "--uses", "0", "--qr", str(drawn))
    assert drawn.read_text().startswith("<?xml")
    assert "one link" in run(
        "invite", "pilot", "--base", "x", "--for", "a", "--for", "b", "--qr", "q.svg", fails=2
    )
    assert "needs a text to agree to" in run("invite", "closed", "--base", "https://x", fails=2)
    assert "1 link ended" in run("revoke", "pilot", "2")
    assert "no link 9" in run("revoke", "pilot", "9", fails=2)
    listed = run("links", "pilot")
    assert [word in listed for word in ("Zoë", "revoked", "open", "any")] == [True] * 4


def test_an_owner_sees_what_an_arrival_is_taken_for(run: Run) -> None:
    assert run("link", "pilot", "--base", "https://r.example").strip().endswith("STUDY_ID={{%STUDY_ID%}}")
    query = f"PROLIFIC_PID={5:024x}&SESSION_ID=s"
    told = run("test", "pilot", f"https://r.example/join/pilot?{query}")
    assert "new, not signed" in told
    assert "https://app.prolific.com/submissions/complete?cc=DONE" in told
    assert "does not say who you are" in run("test", "pilot", "x=1", fails=2)

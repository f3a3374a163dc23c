"""Proposed prompts from the command line."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.domain import Annotator, PromptSubmission, SubmissionState
from nami_bench.errors import InputError, RefusedError, UnknownNameError
from nami_bench.store import Store

HERON = PromptSubmission(
    "0f3a9c21d4",
    "a heron that waits for the tram with a folded newspaper",
    "CC0-1.0",
    "ab" * 32,
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "ada",
    {"category": "animals"},
)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A workspace, here, in which somebody has proposed two prompts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAMI_DATABASE_URL", raising=False)
    assert CliRunner().invoke(cli, ["init", "."]).exit_code == 0
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.accounts.add(Annotator("ada"))
        store.proposals.add(HERON)
        store.proposals.add(replace(HERON, id="second", text="a fish on a bicycle", tags={}))
    return f"sqlite:///{tmp_path / 'nami.db'}"


@pytest.fixture
def run(url: str) -> Callable[..., Any]:
    """Run a command of the group; errors are raised, as `main` gets them."""

    def invoke(*arguments: str) -> Any:
        command = ["prompts", "submissions", *arguments]
        return CliRunner().invoke(cli, command, standalone_mode=False, catch_exceptions=False)

    return invoke


def test_list_accept_refuse_and_export(run: Callable[..., Any], url: str, tmp_path: Path) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert [(one["id"], one["state"], one["author"]) for one in listed] == [
        ("0f3a9c21d4", "pending", "ada"),
        ("second", "pending", "ada"),
    ]
    with pytest.raises(InputError, match="no submission is accepted yet"):
        run("export", "-o", "accepted.jsonl")
    assert not (tmp_path / "accepted.jsonl").exists()
    done = run("accept", "0f3a9c21d4", "--text", "a heron waits for a tram")
    assert "accepted with changes: a heron waits for a tram" in done.stderr
    assert "refused: a fish" in run("refuse", "second", "--reason", "seen before").stderr
    with Store.open(url) as store:
        first, second = store.proposals.all()
    assert (first.text, first.edited_text, first.tags) == (HERON.text, "a heron waits for a tram", HERON.tags)
    assert (second.state, second.reason) == (SubmissionState.REFUSED, "seen before")
    assert first.decided_by == second.decided_by
    assert first.decided_by is not None and first.decided_by.endswith(" (command line)")
    assert "seen before" in run("list", "--state", "refused").stdout
    assert "0f3a9c21d4" not in run("list", "--state", "refused").stdout

    assert "1 accepted submission" in run("export", "-o", "accepted.jsonl").stderr
    line = json.loads((tmp_path / "accepted.jsonl").read_text(encoding="utf-8"))
    assert (line["prompt"], line["category"], line["edited"]) == ("a heron waits for a tram", "animals", True)
    assert run("export").stdout_bytes == (tmp_path / "accepted.jsonl").read_bytes()


def test_bad_decisions_are_one_sentence_and_change_nothing(run: Callable[..., Any], url: str) -> None:
    with pytest.raises(UnknownNameError, match=r"submission '0f3a9c21d5': did you mean '0f3a9c21d4'"):
        run("accept", "0f3a9c21d5")
    with pytest.raises(RefusedError, match="the prompt is too long"):
        run("accept", "0f3a9c21d4", "--text", "word " * 121)
    with pytest.raises(InputError, match="needs a reason"):
        run("refuse", "0f3a9c21d4", "--reason", " ")
    with pytest.raises(InputError, match=r"ends in \.jsonl"):
        run("export", "-o", "accepted.txt")
    with Store.open(url) as store:
        assert store.proposals.get("0f3a9c21d4") == HERON
    run("refuse", "0f3a9c21d4", "--reason", "no")
    with pytest.raises(RefusedError, match="has refused this prompt already: nothing was changed"):
        run("accept", "0f3a9c21d4")

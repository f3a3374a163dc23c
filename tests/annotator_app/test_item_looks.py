"""The items of a study: who said what, who disagrees, which ones are looked for."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from nami_bench.annotator_app.admin import StudyLooks
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.cli.app import cli
from nami_bench.domain import Annotator, Role
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.pipeline.item_disagreement import ItemFigures, item_figures
from tests.annotator_app.test_items_returned import items, session, work


@pytest.fixture
def run(bench: Any) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(
        cli, ["--workspace", str(bench.workspace.root), *map(str, arguments)]
    )


def rate(bench: Any, name: str, relevance: Callable[[int], float], **more: Any) -> None:
    """Answer everything; `relevance` by the item's number."""
    own = session(bench, name)
    while (view := own.state()).items:
        token = view.items[0].token
        item = bench.store.annotation.look(lambda desk, token=token: desk.find(token)).item_id
        own.submit(token, Answers(f"{name} {item}", {"relevance": relevance(item), "realism": 3.0}, **more))


def test_the_most_disputed_come_first_with_all_that_was_said(bench: Any) -> None:
    rate(bench, "ada", lambda item: 50.0)
    rate(bench, "bob", lambda item: 50.0 + item)
    figures = item_figures(bench.store, bench.study)
    known = items(bench)
    assert figures.ordered(known) == sorted(known, reverse=True)
    worst = figures.of(known[-1])
    assert worst is not None and (worst.criterion, worst.values) == ("relevance", 2)
    assert worst.width == pytest.approx(known[-1] / 100)
    assert worst.figure == pytest.approx(known[-1] / 100 / np.sqrt(2))
    (look,) = bench.store.answers.look("trial", [known[-1]])
    assert [(one.annotator, one.values) for one in look.answers] == [
        ("ada", {"relevance": 50.0, "realism": 3.0}),
        ("bob", {"relevance": 50.0 + known[-1], "realism": 3.0}),
    ]
    bench.store.pool.set_aside("trial", known[-1], "bob", "slipped", by="olga")
    without = item_figures(bench.store, bench.study)
    assert without.ordered(known)[-1] == known[-1]
    last = without.of(known[-1])
    assert last is not None and (last.figure, last.values) == (None, 1)
    sent = ItemFigures.from_bytes(StudyLooks(bench.store).item_figures("trial"))
    assert sent.names == without.names
    for name in ("item", "values", "criterion", "figure", "width", "criteria"):
        np.testing.assert_array_equal(getattr(sent, name), getattr(without, name))


def test_items_are_found_by_what_people_ask_for(bench: Any) -> None:
    work(bench, "ada", 3)
    own = session(bench, "bob")
    token = own.state().items[0].token
    own.submit(token, Answers("x", {"relevance": 1.0}, {"realism": "other"}, comment="which <b>cat</b>?"))
    (flagged,) = items(bench, flagged=True)
    (look,) = bench.store.answers.look("trial", [flagged])
    bobs = next(one for one in look.answers if one.annotator == "bob")
    assert bobs.comment == "which <b>cat</b>?"
    assert (bobs.values, bobs.reasons) == ({"relevance": 1.0}, {"realism": "other"})
    assert len(items(bench, person="ada")) == 3 and items(bench, person="bob") == [flagged]
    assert len(items(bench, fewer_than=1)) == 12 - len({*items(bench, person="ada"), flagged})
    first, second = (set(items(bench, model=model)) for model in bench.study.models)
    assert len(first) == len(second) == 6 and not first & second
    assert len(items(bench, stratum="short")) == 4
    for wrong in ({"model": "zebrafish"}, {"stratum": "shorts"}, {"person": "bobby"}):
        with pytest.raises(UnknownNameError):
            items(bench, **wrong)


def test_a_correction_is_what_stands(bench: Any) -> None:
    own = session(bench, "ada")
    token = own.state().items[0].token
    own.submit(token, Answers("a", {"relevance": 1.0, "realism": 3.0}, duration_ms=4000))
    own.submit(token, Answers("b", {"relevance": 9.0, "realism": 3.0}, flag=True, duration_ms=900))
    (look,) = bench.store.answers.look("trial", items(bench, person="ada"))
    (one,) = look.answers
    assert (one.values["relevance"], one.revision, one.flag, one.seconds) == (9.0, 1, True, 4.0)


@pytest.mark.slow
def test_from_the_command_line(bench: Any, run: Callable[..., Result], tmp_path: Any) -> None:
    rate(bench, "ada", lambda item: 50.0)
    rate(bench, "bob", lambda item: 50.0 + item, comment="=no?")
    bench.store.accounts.add(Annotator("judy", Role.ADJUDICATOR))
    shown = json.loads(run("study", "items", "trial", "--disagreed", "--limit", 2, "--json").stdout)
    assert [one["item"] for one in shown] == items(bench)[:-3:-1]
    assert shown[0]["models"] is None and "zebrafish" not in json.dumps(shown)
    kinds = [event.kind for event in bench.store.oversight.events("trial")]
    assert "models-shown" not in kinds
    told = run("study", "items", "trial", "--models")
    assert "zebrafish-xl" in told.stdout and bench.store.oversight.events("trial")[0].kind == "models-shown"

    item = shown[0]["item"]
    refused = run("study", "adjudicate", "trial", item, "--answer", "realism=1", "--reason", "edge-case")
    assert isinstance(refused.exception, InputError) and "a note must say" in str(refused.exception)
    arguments = ("--answer", "realism=1", "--answer", "relevance=none", "--reason", "other", "--by", "judy")
    done = run("study", "adjudicate", "trial", item, *arguments, "--note", "seen it", "--json")
    assert [(one["answer"], one["by"]) for one in json.loads(done.stdout)] == [(None, "judy"), (1.0, "judy")]

    assert "it waits for somebody" in run("study", "ask-again", "trial", item).stderr
    aside = run("study", "set-aside", "trial", item, "bob", "--reason", "slipped")
    assert "nami-bench study count-again trial" in aside.stderr
    board = run("leaderboard", "--study", "trial", "--intervals", "none").stdout
    assert "1 answer to single items set aside" in board and "decided about 1 item:" in board
    file = tmp_path / "said.csv"
    run("study", "items", "trial", "--answers", file)
    lines = file.read_text().splitlines()
    assert len(lines) == 1 + 12 * 2 * 2 and "'=no?" in lines[-1]
    assert sum(",slipped," in line for line in lines) == 2
    run("study", "items", "trial", "--stratum", "short", "-o", file)
    assert len(file.read_text().splitlines()) == 5 and "zebrafish" in file.read_text()
    assert run("study", "count-again", "trial", item, "bob").exit_code == 0

    csv = tmp_path / "ratings.csv"
    assert run("ratings", "export", "--study", "trial", "--adjudicated", "-o", csv).exit_code == 0
    decisions = (tmp_path / "ratings.adjudicated.csv").read_text().splitlines()
    assert len(decisions) == 3 and decisions[1].split(",")[-3] == "judy"

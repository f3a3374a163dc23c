"""A person is erased, on both databases and while a server has the database open."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.cli.app import cli
from nami_bench.domain import Annotator, Checks, PromptSubmission, Role
from nami_bench.errors import InputError, RefusedError, StorageError, UnknownNameError
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.store import Store
from nami_bench.store.erasure import Erasures
from tests.support.databases import raw

WHO = "ottilie"
_numbers = count()
TABLES = ("annotator", "member", "assignment", "submission", "rating", "comparison", "event",
          "login_session", "login_attempt", "prompt_submission")  # fmt: skip


def answer(own: AnnotationSession, token: str, value: float = 60.0, comment: str = "") -> View:
    values = {"relevance": value, "realism": 3.0}
    return own.submit(token, Answers(f"c{next(_numbers)}", values, comment=comment, flag=bool(comment)))


def session(bench: Any, name: str, study: str = "trial") -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, study, name)


def work(bench: Any, name: str, most: int = 100, **more: Any) -> int:
    own, done = session(bench, name), 0
    view = own.state()
    while view.items and done < most:
        view, done = answer(own, view.items[0].token, **more), done + 1
    return done


def propose(store: Store, number: int, author: str) -> str:
    about = {
        "licence": "CC0",
        "licence_sha256": "x",
        "consented_at": datetime(2026, 1, 1 + number, tzinfo=UTC),
    }
    one = PromptSubmission(f"id{number}", f"a prompt with the number {number}", author=author, **about)  # type: ignore[arg-type]
    store.proposals.add(one)
    return one.id


@pytest.fixture
def lived(bench: Any) -> Any:
    """ottilie has left traces of every kind: ratings, corrections, comments, log-ins, prompts, events."""
    store = bench.store
    bench.tokens[WHO] = store.accounts.add(Annotator(WHO, Role.ADMINISTRATOR))
    store.logins.set_password(WHO, "correct horse")
    store.logins.open_session(WHO)
    store.logins.authenticate(WHO, "wrong")
    work(bench, "ada", 3)
    work(bench, WHO, 5, comment="I am Ottilie of Example Street")
    own = session(bench, WHO)
    before = own.before()
    assert before is not None
    answer(own, before.token, 20.0)
    store.oversight.pause("trial", WHO, f"{WHO} asked for a rest")
    store.oversight.resume("trial", WHO)
    store.studies.add(replace(bench.study, name="repeats", checks=Checks(repeat_every=2, repeat_distance=1)))
    for author, number in ((WHO, 0), (WHO, 1), ("ada", 2)):
        propose(store, number, author)
    store.proposals.accept("id0", by=WHO)
    store.proposals.refuse("id2", by=WHO, reason=f"{WHO} said so")
    return bench


def run(bench: Any, *arguments: str) -> Result:
    line = ["--workspace", str(bench.workspace.root), "annotators", "erase", *arguments]
    return CliRunner().invoke(cli, line, catch_exceptions=False)


def rows(bench: Any) -> dict[str, int]:
    return {table: bench.count(table) for table in TABLES}


def everything(bench: Any) -> bytes:
    """All bytes of the database: the file with its journals, or what the server tells of every column."""
    url, found = str(bench.workspace.database_url), b""
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))
    with raw(bench.store) as reading:
        for table in TABLES:
            found += repr(reading.execute(text(f"SELECT * FROM {table}")).all()).encode()
        sampled = text("SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = 'public'")
        found += repr(reading.execute(sampled).all()).encode()
    return found


def traces(bench: Any) -> list[bytes]:
    token = str(bench.tokens[WHO])
    return [
        WHO.encode(),
        b"Ottilie of Example",
        hashlib.sha256(token.encode()).hexdigest().encode(),
        hashlib.sha256(WHO.encode()).hexdigest().encode(),
        b"argon2",
    ]


def counters(bench: Any) -> list[tuple[int, int]]:
    """(taken, completed) of the study's items, as kept and as the assignments say."""
    with raw(bench.store) as reading:
        kept = reading.execute(text("SELECT id, taken, completed FROM item ORDER BY id")).all()
        counted = reading.execute(
            text(
                "SELECT i.id, sum(CASE WHEN a.state IN ('open', 'completed') THEN 1 ELSE 0 END),"
                " sum(CASE WHEN a.state = 'completed' THEN 1 ELSE 0 END)"
                " FROM item i LEFT JOIN assignment a ON a.item_id = i.id AND a.occasion = 0"
                " GROUP BY i.id ORDER BY i.id"
            )
        ).all()
    assert [tuple(map(int, row)) for row in kept] == [tuple(map(int, row)) for row in counted]
    return [(row[1], row[2]) for row in kept]


@pytest.mark.slow
def test_an_erased_person_is_gone_from_every_table_and_from_the_file(lived: Any) -> None:
    assert all(trace in everything(lived) for trace in traces(lived)[:1])
    before, board = rows(lived), leaderboard_from_store(lived.store, study="trial")
    looked = run(lived, WHO, "--dry-run")
    assert looked.stdout.splitlines()[:3] == [
        "study trial: 10 values removed",
        "6 answers as sent removed, 5 comments removed",
        "1 log-in ended, 2 events removed",
    ]
    assert "1 proposed prompt removed, 1 accepted prompt kept without an author" in looked.stdout
    assert (
        "1 text of others with the name: it stays as it is, read it" in looked.stdout
    )  # the reason of a refusal
    assert rows(lived) == before and leaderboard_from_store(lived.store, study="trial") == board
    with pytest.raises(InputError, match="add --yes"):
        run(lived, WHO)
    with raw(lived.store) as editing:  # as the command says: read them
        editing.execute(text("UPDATE prompt_submission SET reason = 'too short' WHERE reason IS NOT NULL"))

    run(lived, WHO, "--yes")
    assert [trace for trace in traces(lived) if trace in everything(lived)] == []
    assert {rating.annotator for rating in lived.store.ratings.all("trial")} == {"ada"}
    assert rows(lived) == before | {
        "annotator": 2, "member": 1, "assignment": 6, "submission": 3, "rating": 6, "event": 1,
        "login_session": 0, "login_attempt": 0, "prompt_submission": 2,
    }  # fmt: skip
    (event,) = lived.store.oversight.events("trial")
    assert (event.kind, event.text) == ("erased", "an annotator was erased: 10 values removed")
    assert lived.store.proposals.get("id0").author is None
    assert lived.store.proposals.get("id0").decided_by == "erased"
    assert sum(done for _, done in counters(lived)) == 3
    assert lived.store.annotation.completed("trial") == {"ada": 3}
    with pytest.raises(UnknownNameError):
        lived.store.accounts.get(WHO)
    assert work(lived, "bob") == 12 and work(lived, "ada") == 9
    assert sum(cell.done for cell in lived.store.items.progress("trial")) == 24


def test_ratings_may_stay_under_a_pseudonym(lived: Any) -> None:
    kept = {(r.model, r.prompt_id, r.criterion, r.value) for r in lived.store.ratings.all("trial")}
    board = leaderboard_from_store(lived.store, study="trial")
    with raw(lived.store) as editing:
        editing.execute(text("UPDATE prompt_submission SET reason = 'too short' WHERE reason IS NOT NULL"))
    told = json.loads(run(lived, WHO, "--keep-ratings", "--yes", "--json").stdout)
    assert (told["studies"], told["dry_run"]) == ({"trial": 10}, False)
    assert [trace for trace in traces(lived) if trace in everything(lived)] == []
    ratings = lived.store.ratings.all("trial")
    assert {(r.model, r.prompt_id, r.criterion, r.value) for r in ratings} == kept
    assert {r.annotator for r in ratings} == {"ada", told["pseudonym"]}
    assert leaderboard_from_store(lived.store, study="trial").rows == board.rows
    pseudonymous = lived.store.accounts.get(told["pseudonym"])
    assert not pseudonymous.active
    assert lived.store.logins.authenticate(told["pseudonym"], lived.tokens[WHO]) is None
    assert [(f.flag, f.comment) for f in lived.store.oversight.flags("trial")] == [(True, "")] * 4
    assert sum(done for _, done in counters(lived)) == 8
    assert work(lived, "ada") == 9 and work(lived, "bob") == 7


def test_who_is_erased_at_work_is_out_and_the_server_goes_on(lived: Any) -> None:
    own, others = session(lived, WHO), session(lived, "ada")
    held = own.state().items[0].token
    mine = others.state().items[0].token
    with Store.open(lived.workspace.database_url) as elsewhere:
        elsewhere.erasures.erase(WHO)
        elsewhere.erasures.wipe_traces()
    with pytest.raises(RefusedError, match="does not exist any more"):
        answer(own, held)
    answer(others, mine)
    newcomer = lived.store.accounts.add(Annotator("zoe"))
    assert newcomer is not None
    assert work(lived, "zoe") == 12  # may have got freed numbers: knows nothing of her predecessor
    counters(lived)


def test_an_erasure_that_is_cut_off_is_finished_by_the_next(
    lived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(store: Store) -> None:
        raise StorageError("killed")

    with raw(lived.store) as editing:
        editing.execute(text("UPDATE prompt_submission SET reason = 'too short' WHERE reason IS NOT NULL"))
    with monkeypatch.context() as patched, pytest.raises(StorageError):
        patched.setattr(Erasures, "wipe_traces", killed)
        run(lived, WHO, "--yes")
    assert lived.store.erasures.owes_wiping()
    again = run(lived, WHO, "--yes")
    assert (again.exit_code, "an earlier erasure is finished" in again.stderr) == (0, True)
    assert not lived.store.erasures.owes_wiping()
    assert [trace for trace in traces(lived) if trace in everything(lived)] == []
    with pytest.raises(UnknownNameError, match="unknown annotator 'ottilie'"):
        run(lived, WHO, "--yes")


def test_reports_that_hold_the_name_are_listed(lived: Any) -> None:
    reports: Path = lived.workspace.reports_dir
    reports.mkdir(exist_ok=True)
    (reports / "old.html").write_text(f"<td>{WHO}</td>")
    (reports / "other.html").write_text(f"<td>{WHO}-2</td>")
    told = run(lived, WHO, "--dry-run").stderr
    assert "old.html holds the name" in told and "other.html" not in told


def test_reports_that_hold_a_name_in_other_characters_are_listed(lived: Any) -> None:
    lived.store.accounts.add(Annotator("Jörg O'Neill"))
    reports: Path = lived.workspace.reports_dir
    reports.mkdir(exist_ok=True)
    for file, content in {
        "a.html": "<td>J&ouml;rg O&#x27;Neill</td>",
        "b.json": r'{"name": "J\u00f6rg O\u0027Neill"}',
        "c.csv": "study,JO\u0308RG O'NEILL,5",
        "d.md": r"by Jörg O\'Neill",
        "e.csv": "study,Jörg Neill,5",
    }.items():
        (reports / file).write_text(content, encoding="utf-8")
    told = run(lived, "jörg o'neill", "--dry-run").stderr
    assert [file for file in "abcde" if f"{file}." in told] == list("abcd")

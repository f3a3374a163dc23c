"""Whatever is sent, and whatever breaks below: the right status and words, and no wrong row."""

import contextlib
import itertools
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from nami_bench.annotator_app.access import MAX_BODY
from nami_bench.domain import Annotator
from nami_bench.errors import InputError
from nami_bench.store import Store
from tests.support.databases import raw

TABLES = ("submission", "rating", "comparison", "event")
_numbers = itertools.count()


def body(**changes: Any) -> dict[str, Any]:
    """What the server takes."""
    values = {"relevance": 70, "realism": 4.5}
    return {"client_token": f"token {next(_numbers)}", "values": values, "duration_ms": 1500} | changes


def rows(bench: Any) -> dict[str, int]:
    return {table: bench.count(table) for table in TABLES}


@pytest.fixture
def enter(bench: Any, address: str) -> Iterator[Callable[..., httpx.Client]]:
    """`enter(name)` is a browser of an annotator who logged in."""
    with contextlib.ExitStack() as stack:

        def log_in(name: str) -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=address, timeout=30))
            answer = client.post("/login", data={"name": name, "token": bench.tokens[name]})
            assert answer.status_code == 303
            return client

        yield log_in


def in_hand(client: httpx.Client) -> Any:
    return client.get("/session").json()["items"][0]


def send(client: httpx.Client, token: str, content: bytes | dict[str, Any]) -> tuple[int, str]:
    """The status, and the code of the refusal or of the state."""
    raw = json.dumps(content).encode() if isinstance(content, dict) else content
    answer = client.post(f"/item/{token}", content=raw, headers={"Content-Type": "application/json"})
    if answer.status_code >= 400:
        assert set(answer.json()) - {"final"} == {"error", "code"} and answer.json()["error"]
        assert "Traceback" not in answer.text and "nami.db" not in answer.text
    return answer.status_code, answer.json()["code"]


MALFORMED = (422, "malformed")
BAD = (400, "bad_answers")
WRONG = [
    (b"", MALFORMED),
    (b"{", MALFORMED),
    (b"[]", MALFORMED),
    (b'"text"', MALFORMED),
    (b"null", MALFORMED),
    (b"\xff\xfe", MALFORMED),
    (b"[" * 30_000, (400, "malformed")),
    (body(values={"relevance": "50", "realism": 4}), BAD),
    (body(values={"relevance": True, "realism": 4}), MALFORMED),
    (body(values={"relevance": None, "realism": 4}), MALFORMED),
    (body(values={"relevance": [50], "realism": 4}), MALFORMED),
    (body(values={"relevance": {"value": 50}, "realism": 4}), MALFORMED),
    (body(values={"relevance": float("nan"), "realism": 4}), BAD),
    (body(values={"relevance": float("inf"), "realism": 4}), BAD),
    (body(values={"relevance": -float("inf"), "realism": 4}), BAD),
    (body(values={"relevance": -0.001, "realism": 4}), BAD),
    (body(values={"relevance": 100.001, "realism": 4}), BAD),
    (body(values={"relevance": 1e308, "realism": 4}), BAD),
    (body(values={"relevance": 10**400, "realism": 4}), BAD),
    (body(values={"relevance": 50, "realism": 0}), BAD),
    (body(values={"relevance": 50.123, "realism": 4}), BAD),
    (body(values={"relevance": 50, "realism": 4.2}), BAD),
    (body(values={"relevance": -0.0, "realism": 4}), BAD),
    (body(values={"relevance": 50}), BAD),
    (body(values={}), BAD),
    (body(values={"relevance": 50, "realism": 4, "beauty": 4}), BAD),
    (body(values={"relevance": "left", "realism": "tie"}), BAD),
    (body(reasons={"relevance": "other"}), BAD),
    (body(values={"relevance": 50}, reasons={"realism": "I do not feel like it"}), BAD),
    (body(values={"relevance": 50}, reasons={"realism": 7}), MALFORMED),
    (body(client_token=""), MALFORMED),
    (body(client_token="x" * 101), MALFORMED),
    (body(client_token=5), MALFORMED),
    (body(client_token=None), MALFORMED),
    (body(flag="yes"), MALFORMED),
    (body(comment="x" * 2001), MALFORMED),
    (body(comment=["x"]), MALFORMED),
    (body(duration_ms=-1), MALFORMED),
    (body(duration_ms=1.5), MALFORMED),
    (body(duration_ms="5"), MALFORMED),
    (body(duration_ms=10**30), MALFORMED),
    (body(annotator="bob"), MALFORMED),
    (body(revision=7), MALFORMED),
]


def test_wrong_scores_are_refused_in_words_and_leave_no_row(
    bench: Any, enter: Callable[..., httpx.Client]
) -> None:
    ada = enter("ada")
    token = in_hand(ada)["token"]
    answers = [(content, send(ada, token, content), expected) for content, expected in WRONG]
    assert [(content, found) for content, found, expected in answers if found != expected] == []
    too_long = body(comment="x" * MAX_BODY)
    assert send(ada, token, too_long) == (413, "too_large")
    assert set(rows(bench).values()) == {0}
    assert send(ada, token, body())[0] == 200  # and the item is still there to be rated


@pytest.mark.slow
def test_text_is_kept_as_it_was_typed_or_refused(bench: Any, enter: Callable[..., httpx.Client]) -> None:
    ada = enter("ada")
    comments = [
        "<script>alert(1)</script>",
        "'; DROP TABLE rating; --",
        "一二三 🎨 \u202e",
        "a\nb\tc",
        "{{7*7}} %s \\",
    ]
    for comment in comments:
        assert send(ada, in_hand(ada)["token"], body(comment=comment))[0] == 200
    for comment in ("nul \0 byte", "half \ud800 of a pair"):
        status, _ = send(ada, in_hand(ada)["token"], json.dumps(body(comment=comment)).encode())
        assert status in (400, 422)
    with raw(bench.store) as session:
        assert list(session.execute(text("SELECT comment FROM submission ORDER BY id")).scalars()) == comments


@pytest.mark.slow
def test_forged_and_foreign_items_are_refused_alike(bench: Any, enter: Callable[..., httpx.Client]) -> None:
    ada, bob = enter("ada"), enter("bob")
    foreign = in_hand(ada)["token"]
    for token in (foreign, "x" * 22, "now", "0", "-1", "1e9", foreign[:-1], foreign + "x", "x" * 2000):
        assert send(bob, token, body()) == (404, "not_yours"), token
    for path in ("a.b", "a b", "a/b", "..", "%00", "é"):
        assert bob.post(f"/item/{path}", json=body()).status_code in (404, 405)
    assert set(rows(bench).values()) == {0}
    assert send(ada, foreign, body())[0] == 200


def test_the_same_submission_at_the_same_moment_counts_once(
    bench: Any, enter: Callable[..., httpx.Client]
) -> None:
    ada = enter("ada")
    token, content = in_hand(ada)["token"], body()
    answers: list[tuple[int, str]] = []
    tabs = [enter("ada") for _ in range(6)]
    threads = [
        threading.Thread(target=lambda tab=tab: answers.append(send(tab, token, content))) for tab in tabs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(200, None)] * 6
    assert (bench.count("submission"), bench.count("rating")) == (1, 2)
    other = in_hand(ada)["token"]
    assert send(ada, other, content | {"duration_ms": 2}) == (409, "reused_client_token")
    assert (bench.count("submission"), bench.count("rating")) == (1, 2)


def test_two_tabs_share_their_item_and_the_last_word_counts(
    bench: Any, enter: Callable[..., httpx.Client]
) -> None:
    left, right = enter("ada"), enter("ada")
    token = in_hand(left)["token"]
    assert in_hand(right)["token"] == token
    assert send(left, token, body(values={"relevance": 10, "realism": 2}))[0] == 200
    assert send(right, token, body(values={"relevance": 90, "realism": 2}))[0] == 200
    assert in_hand(left)["token"] == in_hand(right)["token"] != token
    in_force = {r.criterion: r.value for r in bench.store.ratings.all("trial")}
    assert in_force == {"relevance": 90, "realism": 2}
    assert left.get("/session").json()["progress"]["done"] == 1


@pytest.mark.slow
def test_a_lapsed_item_that_others_filled_is_refused(bench: Any, enter: Callable[..., httpx.Client]) -> None:
    ada = enter("ada")
    token = in_hand(ada)["token"]
    later = bench.store.clock() + timedelta(hours=1)
    bench.store.clock = lambda: later
    bench.tokens["cyd"] = bench.store.accounts.add(Annotator("cyd"))
    for name in ("bob", "cyd"):
        client = enter(name)
        state = client.get("/session").json()
        while state["items"]:
            answer = client.post(f"/item/{state['items'][0]['token']}", json=body())
            state = answer.json()
    before = rows(bench)
    assert send(ada, token, body()) == (409, "taken_over")
    assert rows(bench) == before
    assert bench.count("rating") == 12 * 2 * 2  # the overlap was met exactly


def test_a_scale_that_changed_under_an_open_item_counts_from_then_on(
    bench: Any, enter: Callable[..., httpx.Client]
) -> None:
    ada = enter("ada")
    token = in_hand(ada)["token"]
    with Store.open(bench.workspace.database_url) as other, raw(other) as session:
        session.execute(text("UPDATE criterion SET maximum = 4 WHERE name = 'realism'"))
        session.execute(text("UPDATE study SET version = version + 1"))
    assert send(ada, token, body()) == BAD
    assert set(rows(bench).values()) == {0}
    assert ada.get("/session").json()["study"]["criteria"][1]["maximum"] == 4
    assert send(ada, token, body(values={"relevance": 70, "realism": 4}))[0] == 200


def test_a_study_changed_by_another_program_holds_for_what_is_sent_next(
    bench: Any, enter: Callable[..., httpx.Client]
) -> None:
    ada = enter("ada")
    token, content = in_hand(ada)["token"], body()
    scale = replace(
        bench.study, criteria=(replace(bench.study.criteria[0], maximum=200), bench.study.criteria[1])
    )
    with Store.open(bench.workspace.database_url) as other:
        with pytest.raises(InputError):
            other.studies.change(scale)  # values before and after could not be compared
        other.studies.change(
            replace(bench.study, overlap=3, closes=bench.store.clock() - timedelta(seconds=1))
        )
        answer = ada.post(f"/item/{token}", json=content)
        assert (answer.status_code, answer.json()["phase"], answer.json()["items"]) == (200, "closed", [])
        assert (bench.count("submission"), bench.count("rating")) == (1, 2)  # it was given out before
        other.studies.change(replace(bench.study, overlap=3))
    assert in_hand(ada)["token"] != token
    assert send(ada, token, content)[0] == 200
    assert (bench.count("submission"), bench.count("rating")) == (1, 2)


def test_an_image_that_is_gone_is_not_rated(bench: Any, enter: Callable[..., httpx.Client]) -> None:
    ada = enter("ada")
    item = in_hand(ada)
    bench.file(bench.store.annotation.assignment(item["token"], "ada").image).unlink()
    answer = ada.get(f"/{item['images'][0]}")
    assert (answer.status_code, answer.json()["code"]) == (410, "image_gone")
    assert str(bench.workspace.root) not in answer.text
    assert send(ada, item["token"], body()) == (410, "withdrawn")
    assert (bench.count("submission"), bench.count("rating")) == (0, 0)
    assert in_hand(ada)["token"] != item["token"]


def test_a_locked_database_is_said_and_the_same_submission_goes_through_later(
    bench: Any, listening: Callable[[Any], AbstractContextManager[str]]
) -> None:
    with (
        Store.open(bench.workspace.database_url, patience_s=0.3) as store,
        listening(replace(bench, store=store)) as address,
        httpx.Client(base_url=address, timeout=30) as ada,
    ):
        ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        token, content = in_hand(ada)["token"], body()
        with raw(bench.store) as somebody:
            somebody.execute(text("UPDATE study SET version = version"))
            assert send(ada, token, content) == (503, "unavailable")
        assert set(rows(bench).values()) == {0}
        assert send(ada, token, content)[0] == 200
    assert (bench.count("submission"), bench.count("rating")) == (1, 2)


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_same_submission_goes_through_later(
    new_bench: Callable[..., Any], start_server: Callable[..., Any]
) -> None:
    bench = new_bench("full", strata=("short",) * 6)
    server = start_server(bench, "--port", "0")
    process = psutil.Process(server.process.pid)
    with httpx.Client(base_url=server.address, timeout=30) as ada:
        ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        token, content = in_hand(ada)["token"], body(comment="x" * 2000)
        _, most = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (Path(bench.workspace.root / "nami.db-wal").stat().st_size, most))
        assert send(ada, token, content) == (503, "unavailable")
        assert send(ada, token, content) == (503, "unavailable")
        assert ada.get("/login").status_code == 200
        assert (bench.count("submission"), bench.count("rating")) == (0, 0)
        process.rlimit(psutil.RLIMIT_FSIZE, (most, most))
        assert send(ada, token, content)[0] == 200
    assert (bench.count("submission"), bench.count("rating")) == (1, 2)
    assert "Traceback" not in server.log.read_text()
    with sqlite3.connect(bench.workspace.root / "nami.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()

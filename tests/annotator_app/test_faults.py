"""A database that is locked, deleted or damaged under the server: said, and nothing is acknowledged."""

import fcntl
import itertools
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from nami_bench.store import Store

Start = Callable[..., Any]
Listening = Callable[[Any], AbstractContextManager[str]]

_numbers = itertools.count()


def body(**changes: Any) -> dict[str, Any]:
    """What the server takes."""
    values = {"relevance": 70, "realism": 4.5}
    return {"client_token": f"f{next(_numbers)}", "values": values, "duration_ms": 1500} | changes


@pytest.fixture
def small(new_bench: Callable[..., Any]) -> Any:
    return new_bench("small", strata=("short",) * 4)


def file(bench: Any) -> Path:
    return Path(bench.workspace.root / "nami.db")


@contextmanager
def ada_at(address: str, bench: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/login", data={"name": "ada", "token": bench.tokens["ada"]}).status_code == 303
        yield client


def in_hand(client: httpx.Client) -> str:
    return str(client.get("/session").json()["items"][0]["token"])


@contextmanager
def lock(bench: Any) -> Iterator[None]:
    """Somebody else writes."""
    with sqlite3.connect(file(bench), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
    other.close()


def wait_until_somebody_waits(bench: Any) -> None:
    """Until another process waits for the database: it then has the turn to write, and cannot."""
    with file(bench).with_name("nami.db-turn").open("ab") as turn:
        for _ in range(6000):
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(turn, fcntl.LOCK_UN)
            time.sleep(0.01)
    raise AssertionError("nobody waits")


def stop_while_locked(bench: Any, server: Any, ada: httpx.Client, token: str) -> httpx.Response:
    """What is answered to a submission that waits for the database when the server is told to stop."""
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(ada.post(f"/item/{token}", json=body())))
    waiting.start()
    wait_until_somebody_waits(bench)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=120)
    waiting.join(120)
    return answers[0]


@pytest.mark.slow
def test_stopping_while_the_database_is_locked_answers_who_waits(small: Any, start_server: Start) -> None:
    server = start_server(small, "--port", "0")
    with ada_at(server.address, small) as ada:
        token = in_hand(ada)
        with lock(small):
            answer = stop_while_locked(small, server, ada, token)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    output = server.log.read_text()
    assert server.process.returncode == 0
    assert "stopping" in output and "stopped; every score that was acknowledged is saved" in output
    assert "Traceback" not in output and "InvalidStateError" not in output


def test_each_request_waits_for_a_lock_no_longer_than_its_own_limit(small: Any, listening: Listening) -> None:
    with (
        Store.open(small.workspace.database_url, patience_s=2) as store,
        listening(replace(small, store=store)) as address,
        ada_at(address, small) as ada,
    ):
        token, sent = in_hand(ada), body()
        statuses: list[int] = []

        def ask(number: int) -> None:
            if number % 2:
                statuses.append(ada.post(f"/item/{token}", json=sent).status_code)
            else:
                statuses.append(ada.get("/session").status_code)

        with lock(small):
            began = time.monotonic()
            threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.monotonic() - began
        assert statuses == [503] * 20
        assert took < 20 * 2 * 0.75, "they waited one after the other"
        assert ada.post(f"/item/{token}", json=sent).status_code == 200
    assert (small.count("submission"), small.count("rating")) == (1, 2)


@pytest.mark.slow
def test_a_database_that_is_gone_acknowledges_nothing_and_is_said_in_the_log_and_at_the_end(
    small: Any, start_server: Start
) -> None:
    """Two processes serve; and when they are told to stop, somebody else has the lost file locked as well."""
    server = start_server(small, "--port", "0", "--workers", "2")
    other = sqlite3.connect(file(small), isolation_level=None)
    assert other.execute("SELECT count(*) FROM submission").fetchone() == (0,)  # it has the file open
    with ada_at(server.address, small) as ada:
        assert ada.post(f"/item/{in_hand(ada)}", json=body()).status_code == 200
        token = in_hand(ada)
        for end in ("", "-wal", "-shm"):
            file(small).with_name(f"nami.db{end}").unlink()
        for _ in range(4):
            answer = ada.post(f"/item/{token}", json=body())
            assert (answer.status_code, answer.json()["code"]) == (503, "database_lost")
            assert "final" not in answer.json() and "nami.db" not in answer.text
        assert ada.get("/session").json()["code"] == "database_lost"
        page = ada.post("/login", data={"name": "bob", "token": small.tokens["bob"]})
        assert page.status_code == 503 and 'data-code="database_lost"' in page.text
        assert "nami.db" not in page.text
        other.execute("BEGIN EXCLUSIVE")
        assert stop_while_locked(small, server, ada, token).status_code == 503
    other.close()
    output = server.log.read_text()
    assert server.process.returncode == 1
    assert "nami.db was deleted, moved or replaced" in output
    assert "error: stopped, and not everything that was submitted is saved" in output
    assert "acknowledged is saved" not in output and "Traceback" not in output
    assert not file(small).exists(), "an empty database was made in its place"


def damage(path: Path) -> None:
    """Overwrite every page but the first, and the journal."""
    for one in (path, path.with_name("nami.db-wal")):
        with one.open("r+b") as opened:
            size = opened.seek(0, 2)
            opened.seek(4096)
            opened.write(b"\xa5" * max(0, size - 4096))


def test_damage_is_503_in_fixed_words(small: Any, listening: Listening) -> None:
    with (
        Store.open(small.workspace.database_url) as store,
        listening(replace(small, store=store)) as address,
        ada_at(address, small) as ada,
    ):
        token = in_hand(ada)
        small.store.close()
        damage(file(small))
        store._database.engine.dispose()
        for answer in (ada.post(f"/item/{token}", json=body()), ada.get("/session")):
            assert answer.status_code == 503
            assert answer.json() == {
                "error": "the server's database is gone or damaged, and nothing can be saved: "
                "tell the organizer",
                "code": "database_lost",
            }


def test_only_what_will_never_be_taken_is_refused_for_good(small: Any, listening: Listening) -> None:
    def refusal(answer: httpx.Response) -> tuple[int, str, bool]:
        return answer.status_code, answer.json()["code"], answer.json().get("final", False)

    with listening(small) as address, ada_at(address, small) as ada:
        token, sent = in_hand(ada), body()
        path = f"/item/{token}"
        assert refusal(ada.post(path, json=body(values={}))) == (400, "bad_answers", True)
        assert refusal(ada.post(path, json=body(values="x"))) == (422, "malformed", True)
        assert refusal(ada.post(f"/item/{'x' * 22}", json=body())) == (404, "not_yours", True)
        cut = b'{"client_token": "x", "val'
        headers = {"Content-Type": "application/json"}
        assert refusal(ada.post(path, content=cut, headers=headers)) == (422, "malformed", False)
        assert refusal(ada.post("/items/x", json=body())) == (404, "not_found", False)
        assert refusal(ada.post(path, json=body(), headers={"Origin": "http://x"})) == (
            403,
            "cross_site",
            False,
        )
        assert refusal(ada.post(path, json=body(comment="x" * 70_000))) == (413, "too_large", False)
        small.store.oversight.pause("trial", "ada", "why")
        assert refusal(ada.post(path, json=sent)) == (409, "paused", False)
        small.store.oversight.resume("trial", "ada")
        token = in_hand(ada)
        answer = ada.post(f"/item/{token}", json=sent)
        assert (answer.status_code, answer.json()["received"]) == (200, sent["client_token"])


def test_the_same_client_token_with_other_answers_is_refused(small: Any, listening: Listening) -> None:
    with listening(small) as address, ada_at(address, small) as ada:
        token, sent = in_hand(ada), body()
        for changes in ({}, {}):
            assert ada.post(f"/item/{token}", json=sent | changes).status_code == 200
        other = {"relevance": 71, "realism": 4.5}
        without = {"values": {"realism": 4.5}, "reasons": {"relevance": "other"}}
        for changes in ({"values": other}, {"flag": True}, {"comment": "x"}, without):
            answer = ada.post(f"/item/{token}", json=sent | changes)
            assert (answer.status_code, answer.json()["code"]) == (409, "reused_client_token")
        assert ada.post(f"/item/{token}", json=sent).status_code == 200
    assert (small.count("submission"), small.count("rating")) == (1, 2)

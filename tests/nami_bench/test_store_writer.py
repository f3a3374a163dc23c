"""Group commit: many jobs, one transaction, each whole or not at all."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from nami_bench.errors import InputError, StorageError
from nami_bench.store import Desk, Store
from nami_bench.store.annotation_tables import EventRow, SecretRow
from nami_bench.store.database import Database


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as opened:
        yield opened


def note(words: str) -> Any:
    def job(desk: Desk) -> str:
        desk.write(insert(EventRow).values(kind="test", text=words, created_at=desk.now))
        return words

    return job


def refused(desk: Desk) -> None:
    note("half-written")(desk)
    raise InputError("no")


def doubled(desk: Desk) -> None:
    for _ in range(2):
        desk.write(insert(SecretRow).values(name="same", value=""))


def at_once(store: Store, jobs: list[Any]) -> list[Future[Any]]:
    """Let all jobs wait while another one runs, so that they share the next transaction."""
    started, go = threading.Event(), threading.Event()

    def hold(desk: Desk) -> None:
        started.set()
        go.wait(10)

    first = store.work_later(hold)
    assert started.wait(10)
    futures = [store.work_later(job) for job in jobs]
    go.set()
    first.result(10)
    return futures


def texts(store: Store) -> list[str]:
    with store._database.reading() as session:
        return list(session.scalars(text("SELECT text FROM event ORDER BY id")))


def test_jobs_that_wait_together_share_a_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = []
    original = Database.writing

    def counted(database: Database) -> Any:
        transactions.append(1)
        return original(database)

    monkeypatch.setattr(Database, "writing", counted)
    futures = at_once(store, [note(f"{i}") for i in range(20)])
    assert [future.result(10) for future in futures] == [f"{i}" for i in range(20)]
    assert texts(store) == [f"{i}" for i in range(20)]
    assert len(transactions) == 2


def test_a_refusal_before_anything_was_written_costs_the_others_nothing(store: Store) -> None:
    def refused_at_once(desk: Desk) -> None:
        raise InputError("no")

    wrong, right = at_once(store, [refused_at_once, note("right")])
    with pytest.raises(InputError):
        wrong.result(10)
    assert right.result(10) == "right"


@pytest.mark.parametrize(("bad", "error"), [(refused, InputError), (doubled, IntegrityError)])
def test_one_bad_job_fails_alone(store: Store, bad: Any, error: type[Exception]) -> None:
    before, wrong, after = at_once(store, [note("before"), bad, note("after")])
    assert (before.result(10), after.result(10)) == ("before", "after")
    with pytest.raises(error):
        wrong.result(10)
    assert texts(store) == ["before", "after"]


def test_nobody_is_answered_before_the_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nami_bench.store.database.BUSY_TIMEOUT_MS", 50)
    path = str(store._database.engine.url.database)
    with Store.open(f"sqlite:///{path}") as second:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        futures = [second.work_later(note(f"{i}")) for i in range(3)]
        for future in futures:
            with pytest.raises(StorageError, match="locked"):
                future.result(10)
        other.execute("ROLLBACK")
        other.close()
        assert texts(store) == []
        assert second.work(note("later")) == "later"


def test_what_was_handed_in_before_closing_is_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nami.db'}"
    with Store.open(url) as store:
        for i in range(100):
            store.work_later(note(f"{i}"))
    with pytest.raises(StorageError, match="closed"):
        store.work_later(note("late"))
    with Store.open(url) as again:
        assert len(texts(again)) == 100


def test_a_secret_is_made_once(store: Store) -> None:
    assert store.secret("a") == store.secret("a") != store.secret("b")
    assert len(store.secret("a")) == 32

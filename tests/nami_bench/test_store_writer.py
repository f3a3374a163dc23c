"""Group commit: many jobs, one transaction, each whole or not at all."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from nami_bench.errors import InputError, LockedError, StorageError
from nami_bench.store import Desk, Store
from nami_bench.store.annotation_tables import EventRow, SecretRow
from nami_bench.store.database import Database
from nami_bench.store.writer import Writer


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

    first = store.annotation.run_later(hold)
    assert started.wait(10)
    futures = [store.annotation.run_later(job) for job in jobs]
    go.set()
    first.result(10)
    return futures


def texts(store: Store) -> list[str]:
    with store._database.reading() as session:
        return list(session.scalars(text("SELECT text FROM event ORDER BY id")))


def test_jobs_that_wait_together_share_a_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = []
    original = Database.writing

    def counted(database: Database, **how: Any) -> Any:
        transactions.append(1)
        return original(database, **how)

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


def test_nobody_is_answered_before_the_commit(store: Store) -> None:
    path = str(store._database.engine.url.database)
    with Store.open(f"sqlite:///{path}", patience_s=0.05) as second:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        futures = [second.annotation.run_later(note(f"{i}")) for i in range(3)]
        for future in futures:
            with pytest.raises(StorageError, match="locked"):
                future.result(10)
        other.execute("ROLLBACK")
        other.close()
        assert texts(store) == []
        assert second.annotation.run(note("later")) == "later"


def test_what_was_handed_in_before_closing_is_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nami.db'}"
    with Store.open(url) as store:
        for i in range(100):
            store.annotation.run_later(note(f"{i}"))
    with pytest.raises(StorageError, match="closed"):
        store.annotation.run_later(note("late"))
    with Store.open(url) as again:
        assert len(texts(again)) == 100


def test_a_secret_is_made_once(store: Store) -> None:
    assert store.annotation.secret("a") == store.annotation.secret("a") != store.annotation.secret("b")
    assert len(store.annotation.secret("a")) == 32


class Lock:
    """Somebody else who writes, and does not end."""

    def __init__(self, store: Store) -> None:
        self._connection = sqlite3.connect(str(store._database.engine.url.database), isolation_level=None)
        self._connection.execute("BEGIN EXCLUSIVE")

    def release(self) -> None:
        self._connection.close()


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Store]:
    """A store whose requests wait for half a second."""
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}", patience_s=0.5) as opened:
        yield opened


def test_of_many_who_wait_for_a_lock_each_waits_no_longer_than_its_own_limit(hasty: Store) -> None:
    lock = Lock(hasty)
    began = time.monotonic()
    futures = [hasty.annotation.run_later(note(f"{i}")) for i in range(100)]
    for future in futures:
        with pytest.raises(LockedError, match=r"nami\.db is locked.*nothing was lost"):
            future.result(30)
    assert time.monotonic() - began < 100 * 0.5 / 2  # one after the other they would take 50 s
    assert texts(hasty) == []
    lock.release()
    assert hasty.annotation.run(note("later")) == "later"


def test_who_came_later_waits_on_when_the_first_gives_up(hasty: Store) -> None:
    lock = Lock(hasty)
    first = hasty.annotation.run_later(note("first"))
    with pytest.raises(LockedError):
        first.result(30)
    second = hasty.annotation.run_later(note("second"))
    lock.release()
    assert second.result(30) == "second"
    assert texts(hasty) == ["second"]


def test_a_full_disk_fails_all_who_wait_together_and_tries_none_again(store: Store) -> None:
    """Each alone once more would have everybody wait for the disk as often as there are requests."""
    tried = []

    def write_too_much(desk: Desk) -> None:
        tried.append(1)
        note("x" * 100_000)(desk)

    def fill_the_disk(desk: Desk) -> None:
        pages = desk.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        desk.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        write_too_much(desk)

    for future in at_once(store, [fill_the_disk, write_too_much, write_too_much]):
        with pytest.raises(StorageError, match="full"):
            future.result(30)
    assert len(tried) == 1


@pytest.mark.parametrize("end", [Store.close, Store.stop_waiting])
def test_stopping_answers_those_who_wait_for_a_lock(tmp_path: Path, end: Callable[[Store], None]) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'nami.db'}", patience_s=600)
    lock = Lock(store)
    futures = [store.annotation.run_later(note(f"{i}")) for i in range(3)]

    def wait_outside_the_writer() -> None:
        with pytest.raises(LockedError, match="stopping"):
            store.annotation.secret("a")

    other = threading.Thread(target=wait_outside_the_writer)
    other.start()
    end(store)
    for future in futures:
        with pytest.raises(LockedError, match="stopping"):
            future.result(60)
    other.join(60)
    assert not other.is_alive()
    lock.release()
    store.close()


def test_a_request_that_was_cancelled_is_not_worked_for_and_leaves_the_writer_alive(hasty: Store) -> None:
    lock = Lock(hasty)
    waiting = hasty.annotation.run_later(note("waiting"))
    while not waiting.running():
        time.sleep(0.001)
    assert not waiting.cancel()  # it is tried already: its answer will come
    started, go = threading.Event(), threading.Event()
    lock.release()

    def hold(desk: Desk) -> None:
        started.set()
        go.wait(10)

    held = hasty.annotation.run_later(hold)
    assert started.wait(10)
    gone = hasty.annotation.run_later(note("gone"))
    assert gone.cancel()
    go.set()
    held.result(10)
    assert hasty.annotation.run(note("after")) == "after"
    assert "gone" not in texts(hasty)


def test_a_fault_of_the_writer_itself_fails_its_batch_and_not_the_thread(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(writer: Writer, batch: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_write", broken)
        with pytest.raises(RuntimeError, match="a fault"):
            store.annotation.run(note("lost"))
    assert store.annotation.run(note("after")) == "after"

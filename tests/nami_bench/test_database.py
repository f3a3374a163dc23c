"""Transactions mean the same on both databases; refusals are one sentence."""

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from nami_bench.domain import Annotator
from nami_bench.errors import InputError, StorageError
from nami_bench.store import Store
from nami_bench.store.database import Database
from nami_bench.store.turns import Turns


def _counter(database: Database) -> int:
    with database.reading() as session:
        return int(session.execute(text("SELECT parameters FROM model")).scalar_one())


@pytest.fixture
def counted(database_url: str) -> str:
    """A database whose one model has 0 parameters."""
    with Store.open(database_url) as store, store._database.writing() as session:
        session.execute(
            text(
                "INSERT INTO model (name, adapter, options, parameters, created_at)"
                " VALUES ('m', 'a', '{}', 0, '2026-01-01')"
            )
        )
    return database_url


@pytest.mark.slow
def test_write_transactions_of_several_processes_never_overlap(counted: str) -> None:
    """Read, then write what was read plus one: nothing is lost, however many do it."""
    databases = [Database.open(counted) for _ in range(3)]  # each with connections and locks of its own

    def add_up(database: Database) -> None:
        for _ in range(20):
            with database.writing() as session:
                before = session.execute(text("SELECT parameters FROM model")).scalar_one()
                session.execute(text("UPDATE model SET parameters = :next"), {"next": before + 1})

    threads = [threading.Thread(target=add_up, args=(database,)) for database in databases * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _counter(databases[0]) == 20 * len(threads)
    for database in databases:
        database.close()


def test_a_read_transaction_sees_one_moment(counted: str) -> None:
    database = Database.open(counted)
    with database.reading() as session:
        first = session.execute(text("SELECT parameters FROM model")).scalar_one()
        with database.writing() as writer:
            writer.execute(text("UPDATE model SET parameters = 5"))
        assert session.execute(text("SELECT parameters FROM model")).scalar_one() == first == 0
    assert _counter(database) == 5
    database.close()


def test_a_failed_transaction_leaves_nothing(counted: str) -> None:
    database = Database.open(counted)
    with pytest.raises(RuntimeError, match="half-way"), database.writing() as session:
        session.execute(text("UPDATE model SET parameters = 5"))
        raise RuntimeError("half-way")
    assert _counter(database) == 0
    with database.writing() as session:  # and nothing is left locked
        session.execute(text("UPDATE model SET parameters = 6"))
    database.close()


def test_a_writer_that_never_ends_is_one_sentence(counted: str) -> None:
    with (
        Store.open(counted, patience_s=0.1) as store,
        Store.open(counted, patience_s=0.1) as other,
        store._database.writing(),
    ):
        for stranger in (store, other):
            with pytest.raises(StorageError, match=r"lock.*nothing was lost"):
                stranger.accounts.add(Annotator("lena"))
        assert other.accounts.all() == []


def test_postgresql_by_the_addresses_that_hosts_hand_out(new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    for address in (
        url,
        url.replace("postgresql", "postgres", 1),
        url.replace("postgresql", "postgresql+psycopg", 1),
    ):
        with Store.open(address) as store:
            assert store.catalog.models() == []


def test_postgresql_commits_wait_for_the_disk(new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    database = Database.open(f"{url}&options=-csynchronous_commit%3Doff")
    with database.engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
    database.close()


def test_postgresql_that_refuses_is_one_sentence(new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    Store.open(url).close()
    with (
        Store.open(f"{url}&options=-cdefault_transaction_read_only%3Don") as store,
        pytest.raises(StorageError, match=r"refused: .*read-only transaction.*nothing was lost"),
    ):
        store.accounts.add(Annotator("lena"))
    for wrong in (url.replace("/test_", "/none_"), url.replace("/run", "/nowhere")):
        with pytest.raises(StorageError, match="refused") as refused:
            Store.open(wrong)
        assert "\n" not in str(refused.value)


def test_a_connection_that_the_server_dropped_is_made_again(new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    with Store.open(url) as store, Store.open(url) as other:
        assert store.catalog.models() == []
        with other._database.writing() as session:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        store.accounts.add(Annotator("lena"))


def test_no_message_shows_the_password() -> None:
    for url in (
        "oracle9://me:s3cret@host/db",
        "mysql://me:s3cret@host/db",
        "postgresql://me:s3cret@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=me&password=s3cret",
        "postgresql://me:s3cret@127.0.0.1:1/db?password=s3cret&sslpassword=s3cret",
        "postgresql://me:s3c@ret@127.0.0.1:port/db",
        "nonsense?password=s3cret",
    ):
        with pytest.raises((InputError, StorageError)) as refused:
            Store.open(url)
        assert "s3cret" not in str(refused.value) and "s3c" not in str(refused.value)


def test_whoever_waits_first_writes_next(tmp_path: Path) -> None:
    """Two processes' locks on one file: the busier one lets the other in after the turn it has."""
    busy, modest = Turns(tmp_path / "nami.db"), Turns(tmp_path / "nami.db")
    turns = itertools.count()
    done = threading.Event()

    def hammer() -> None:
        while not done.is_set():
            with busy.take(10):
                next(turns)
                time.sleep(0.002)

    thread = threading.Thread(target=hammer)
    thread.start()
    waited = []
    for _ in range(20):
        before = next(turns)
        with modest.take(10):
            waited.append(next(turns) - before - 1)
    done.set()
    thread.join()
    assert max(waited) <= 2
    with busy.take(1), pytest.raises(TimeoutError), modest.take(0.01):
        pass
    busy.close()
    modest.close()


def test_postgresql_that_vanished_refuses_and_is_written_again_when_it_is_back(
    new_postgresql: Callable[[], str], postgresql_server: Path
) -> None:
    import psycopg

    url = new_postgresql()
    name = url.partition("/test_")[2].partition("?")[0]
    with (
        Store.open(url) as store,
        psycopg.connect(
            host=str(postgresql_server), dbname="postgres", user="nami", autocommit=True
        ) as server,
    ):
        store.accounts.add(Annotator("lena"))
        server.execute(f'DROP DATABASE "test_{name}" WITH (FORCE)'.encode())
        for refused in (
            lambda: store.annotation.run(lambda desk: None),
            lambda: store.accounts.add(Annotator("omar")),
        ):
            with pytest.raises(StorageError, match=r"refused.*nothing was lost"):
                refused()
        server.execute(f'CREATE DATABASE "test_{name}" TEMPLATE template0'.encode())
        with pytest.raises(StorageError, match=r"refused.*nothing was lost"):  # it has no tables yet
            store.accounts.add(Annotator("omar"))
        Store.open(url).close()
        store.accounts.add(Annotator("omar"))

"""The lock in an object store, on a real server that speaks S3, between processes as between machines."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from nami_bench import images, pipeline
from nami_bench.domain import ModelCard, Prompt, PromptSet
from nami_bench.errors import InputError, StorageError, WorkError
from nami_bench.locations import location
from nami_bench.pipeline import store_lock
from nami_bench.pipeline.run_lock import alone_in
from nami_bench.pipeline.store_lock import StoreLock, held
from nami_bench.store import Store
from tests.support.object_store import ObjectStore

LOCK = "nami/m/set/.lock"
LONG = 1000.0
"""Seconds: longer than any lease."""
STAR = {"tag": "single_object", "include": [{"class": "star", "count": 1}]}
HOLD = """
import socket, sys, time
right = time.time
time.time = lambda: right() + 3600 * int(sys.argv[3])
socket.gethostname = lambda: sys.argv[2]
from nami_bench.errors import InputError
from nami_bench.locations import location
from nami_bench.pipeline.run_lock import alone_in
try:
    with alone_in(location(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
except InputError as error:
    print(error)
"""


@pytest.fixture
def folder(object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    return location(f"{object_store.url}/m/set")


@contextmanager
def holder(
    folder: Path,
    host: str,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    hours: int = 0,
    says: str = "held",
) -> "Iterator[subprocess.Popen[str]]":
    """A process on the machine `host`, with a cache of its own and a clock `hours` ahead, that holds the
    folder, or `says` why it cannot."""
    with monkeypatch.context() as there:
        there.setenv("NAMI_CACHE", str(cache))
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder), host, str(hours)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    with process:
        try:
            assert says in process.stdout.readline()
            yield process
        finally:
            process.stdin.close()


def take(folder: Path, machine: str) -> ExitStack:
    """The folder's lock as a process of another machine takes it; closed to give it up."""
    with ExitStack() as stack:
        stack.enter_context(held(folder, folder / ".lock", machine))
        return stack.pop_all()


def lock_of(folder: Path, stack: ExitStack, machine: str) -> StoreLock:
    lock = stack.enter_context(held(folder, folder / ".lock", machine))
    assert lock is not None
    return lock


@pytest.mark.slow
def test_a_run_on_another_machine_is_refused_and_told_who_is_there(
    folder: Path, object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        holder(folder, "node-7", tmp_path / "other", monkeypatch) as other,
        pytest.raises(
            InputError, match=rf"another run is writing to {folder}, process {other.pid} on node-7"
        ),
    ):
        alone_in(folder).__enter__()
    assert other.wait() == 0
    assert object_store.names() == []  # given up
    with alone_in(folder):
        assert object_store.names() == [LOCK]
    assert object_store.names() == []


@pytest.mark.slow
def test_a_killed_run_of_another_machine_holds_until_its_lease_is_over(
    folder: Path, object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holder(folder, "node-7", tmp_path / "other", monkeypatch) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
    with pytest.raises(InputError, match=r"if it has died already, its lock is free in 1[12]\d s"):
        alone_in(folder).__enter__()
    object_store.age(LOCK, LONG)
    with alone_in(folder) as check:
        check()
    assert object_store.names() == []


@pytest.mark.slow
def test_a_killed_run_of_this_machine_is_followed_at_once(
    folder: Path, object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_lock.socket, "gethostname", lambda: "here")
    with holder(folder, "here", tmp_path / "cache", monkeypatch) as other:
        with pytest.raises(InputError, match="another run is writing"):
            alone_in(folder).__enter__()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert object_store.names() == [LOCK]
    with alone_in(folder) as check:
        check()
    assert object_store.names() == []


def test_of_many_that_want_a_lock_at_once_one_gets_it(folder: Path, object_store: ObjectStore) -> None:
    for left_behind in (False, True):
        if left_behind:
            object_store.client.put_object(Bucket=object_store.bucket, Key=LOCK, Body=b"half a li")
            object_store.age(LOCK, LONG)
        start, won, stacks = threading.Barrier(6), [], ExitStack()

        def want(number: int, start: threading.Barrier = start, won: list[int] = won) -> None:
            start.wait()
            try:
                stacks.push(take(folder, f"machine-{number}"))  # noqa: B023
            except InputError:
                return
            won.append(number)

        threads = [threading.Thread(target=want, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        stacks.close()
        assert object_store.names() == []


def test_whoever_was_cut_off_finds_out_and_leaves_the_next_ones_lock_alone(
    folder: Path, object_store: ObjectStore
) -> None:
    with ExitStack() as stack, pytest.raises(WorkError, match="another run has taken"):
        lock = lock_of(folder, stack, "slow")
        lock.check()
        object_store.age(LOCK, LONG)
        next_one = take(folder, "quick")
        assert not lock._write()
        lock._lost = True  # as its thread finds
        stack.close()
    assert object_store.names() == [LOCK]
    next_one.close()
    assert object_store.names() == []


def test_a_run_that_cannot_renew_its_lock_ends_before_the_lease_does(
    folder: Path, object_store: ObjectStore
) -> None:
    words = r"could not be renewed for \d+ s.*the same command goes on"
    with pytest.raises(WorkError, match=words), ExitStack() as stack:
        lock = lock_of(folder, stack, "a")
        lock._written_at -= store_lock.LEASE_S * 0.8
    assert object_store.names() == []  # it could be reached again, and the lock was still its own


def test_a_lock_is_renewed_while_it_is_held(
    folder: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_lock, "LEASE_S", 8.0)
    monkeypatch.setattr(store_lock, "_WRITES_IN_A_LEASE", 800)
    with held(folder, folder / ".lock", "a") as lock:
        assert lock is not None
        first = lock._version
        while lock._holder.written < 3:
            time.sleep(0.01)
        lock.check()
        assert lock._version != first
    assert object_store.names() == []


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-24, 24])
def test_clocks_that_are_wrong_change_nothing(
    folder: Path, object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    with holder(folder, "node-7", tmp_path / "other", monkeypatch, hours):
        with pytest.raises(InputError, match=r"its lock is free in 1[12]\d s"):
            take(folder, "right")
        object_store.age(LOCK, LONG)
        take(folder, "right").close()
    with (
        take(folder, "right"),
        holder(folder, "node-7", tmp_path / "other", monkeypatch, hours, says="free in 1"),
    ):
        object_store.age(LOCK, LONG)
        with holder(folder, "node-7", tmp_path / "other", monkeypatch, hours):
            pass


def test_answers_that_are_lost_on_their_way_lose_no_lock(folder: Path, object_store: ObjectStore) -> None:
    object_store.lost_answers = 1
    with held(folder, folder / ".lock", "a") as lock:
        assert lock is not None
        object_store.lost_answers = 1
        assert lock._write()
        lock.check()
    assert object_store.names() == []


def test_a_store_without_conditions_is_used_with_a_warning(
    folder: Path, object_store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("upath")
    object_store.conditional = False
    for place in (folder, location("memory://bucket/m/set")):
        caplog.clear()
        with caplog.at_level(logging.WARNING), alone_in(place) as check:
            check()
        (said,) = caplog.messages
        assert said.startswith(f"{place}: ") and "nothing keeps a run on another machine" in said
    assert object_store.names() == []


@pytest.mark.parametrize("status", [501, 400])
def test_a_store_that_refuses_conditions_is_used_only_if_it_says_so(
    folder: Path, object_store: ObjectStore, status: int
) -> None:
    object_store.faults.append((status, "NotImplemented" if status == 501 else "InvalidArgument"))
    if status == 501:
        with alone_in(folder) as check:
            check()
    else:
        with pytest.raises(StorageError, match="cannot lock"):
            alone_in(folder).__enter__()


@pytest.mark.slow
def test_a_run_whose_folder_was_taken_over_stops_and_keeps_what_it_has(
    folder: Path, object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_lock, "_WRITES_IN_A_LEASE", 2400)
    prompts = PromptSet("set", tuple(Prompt(f"{number:05d}", "a star", geneval=STAR) for number in range(4)))
    root = location(object_store.url)
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store, ExitStack() as stack:
        store.catalog.add_prompt_set(prompts)
        store.catalog.add_model(ModelCard("m", "shapes", {"size": 64}))
        made = 0

        def after_the_second(count: int) -> None:
            nonlocal made
            made += count
            if made == 2:
                stack.enter_context(taken_over(folder, object_store))
                while sum(thread.name == "lock" for thread in threading.enumerate()) > 1:
                    time.sleep(0.01)  # until the run's own finds out

        with pytest.raises(WorkError, match="another run has taken"):
            pipeline.generate(store, root, "m", prompts, samples=1, advance=after_the_second)
        records = store.images.find()
    assert len(records) == 2
    for record in records:
        assert images.hash_file(root / str(record.path)) == record.sha256


def taken_over(folder: Path, object_store: ObjectStore) -> ExitStack:
    """The lock of a holder that is cut off, and renews it all the same until it is taken."""
    while True:
        object_store.age(LOCK, LONG)
        with suppress(InputError):
            return take(folder, "another")

"""`nami-bench annotate --workers`: several processes on one port, on either database."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from tests.support.databases import raw

pytestmark = pytest.mark.slow
Start = Callable[..., Any]


VANISHING_STUDY = """
import functools, sys
from pathlib import Path
from nami_bench.annotator_app import server
from nami_bench.config import open_workspace
from nami_bench.store import Store

if __name__ == "__main__":
    workspace = open_workspace(Path(sys.argv[1]))
    server.partial = lambda function, workspace, name: functools.partial(function, workspace, "gone")
    with Store.open(workspace.database_url) as store:
        server.serve(workspace, store, None, port=0, workers=2)
"""


@pytest.fixture
def small(new_bench: Callable[..., Any]) -> Any:
    return new_bench("small", strata=("short",))


def log_in(bench: Any, address: str, name: str = "ada", **headers: str) -> httpx.Response:
    with httpx.Client(base_url=address) as client:
        return client.post("/login", data={"name": name, "token": bench.tokens[name]}, headers=headers)


def workers_of(server: Any) -> list[psutil.Process]:
    """The processes that serve; multiprocessing's own helper is none of them."""
    found = []
    for child in psutil.Process(server.process.pid).children():
        with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/login", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_two_workers_share_sessions_and_work_and_a_killed_one_comes_back(
    bench: Any, start_server: Start
) -> None:
    server = start_server(bench, "--port", "0", "--workers", "2")
    first, second = workers_of(server)
    cookies = log_in(bench, server.address).cookies

    def state(_: int) -> Any:  # each on a connection of its own, so that both workers get some
        answer = httpx.get(f"{server.address}/session", cookies=cookies, timeout=30)
        assert "server" not in answer.headers
        return answer.json()

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(state, range(40)))
    assert {s["items"][0]["token"] for s in states} == {states[0]["items"][0]["token"]}

    first.kill()
    until(lambda: len(workers_of(server)) == 2 and first.pid not in {p.pid for p in workers_of(server)})
    until(lambda: answers(server.address))
    assert state(0)["items"][0]["token"] == states[0]["items"][0]["token"]

    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=20) == 0
    output = server.log.read_text()
    assert "annotating study 'trial' at http://127.0.0.1:" in output
    assert "stopped" in output and "Traceback" not in output
    until(lambda: not second.is_running() or second.status() == psutil.STATUS_ZOMBIE)


def test_all_workers_serve_a_study_that_is_made_while_they_run(small: Any, start_server: Start) -> None:
    server = start_server(small, "--port", "0", "--workers", "2")
    cookies = log_in(small, server.address).cookies
    small.store.studies.add(replace(small.study, name="second"))

    def code(_: int) -> int:  # each on a connection of its own, so that both workers get some
        return httpx.get(f"{server.address}/study/second/session", cookies=cookies, timeout=30).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(code, range(20))) == {200}


def test_ctrl_c_stops_all_workers(small: Any, start_server: Start) -> None:
    server = start_server(small, "--port", "0", "--workers", "2")
    for process in (*workers_of(server), psutil.Process(server.process.pid)):  # as a terminal does
        os.kill(process.pid, signal.SIGINT)
    assert server.process.wait(timeout=20) == 0
    assert "Traceback" not in server.log.read_text()


def test_workers_do_not_outlive_a_killed_parent(small: Any, start_server: Start) -> None:
    server = start_server(small, "--port", "0", "--workers", "2")
    server.process.kill()
    server.process.wait()
    until(lambda: not answers(server.address))
    with socket.create_server(("127.0.0.1", int(server.address.rpartition(":")[2]))):
        pass  # the port is free


def test_workers_that_cannot_start_end_the_program(small: Any, tmp_path: Path) -> None:
    """What breaks between the parent's look at the database and a worker's: here, the study is gone."""
    script = tmp_path / "start.py"
    script.write_text(VANISHING_STUDY)
    command = [sys.executable, str(script), str(small.workspace.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "error: unknown study 'gone'" in done.stderr
    assert "WorkError: the server did not start" in done.stderr


@pytest.mark.parametrize("trusted", [True, False])
def test_a_proxys_word_counts_where_it_is_trusted(small: Any, start_server: Start, trusted: bool) -> None:
    if not trusted:
        settings = small.workspace.root / "nami.toml"
        settings.write_text(settings.read_text().replace("[annotate]", "[annotate]\ntrusted_proxies = []"))
    server = start_server(small, "--port", "0")
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    assert ("Secure" in log_in(small, server.address, **forwarded).headers["set-cookie"]) is trusted
    with httpx.Client(base_url=server.address) as client:
        client.post("/login", data={"name": "ada", "token": "guess"}, headers=forwarded)
    with raw(small.store) as session:
        sources = set(session.execute(text("SELECT source FROM login_attempt")).scalars())
    assert ("address 203.0.113.9/32" in sources) is trusted
    assert ("address 127.0.0.1/32" in sources) is not trusted


def test_a_request_without_end_is_cut_off_and_sigterm_ends_cleanly(small: Any, start_server: Start) -> None:
    server = start_server(small, "--port", "0")
    host, port = server.address.removeprefix("http://").split(":")
    for piece in (b"X: " + b"x" * 65_000, b"X: x\r\n" * 10_000):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            with pytest.raises(OSError):  # reset by the server
                for _ in range(200):
                    connection.sendall(piece)
    assert answers(server.address)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=20) == 0
    assert "stopped" in server.log.read_text()


def test_a_port_that_is_taken_is_named_before_any_worker_starts(small: Any, start_server: Start) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(AssertionError, match="cannot listen on"),
    ):
        start_server(small, "--port", str(taken.getsockname()[1]), "--workers", "2")

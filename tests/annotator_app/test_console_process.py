"""The console beside several workers, and alone: the programs themselves, over HTTP."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from nami_bench.domain import Annotator, Role
from tests.support.console import ConsolePage

pytestmark = pytest.mark.slow


@pytest.fixture
def token(bench: Any) -> str:
    """Of the administrator "root"."""
    return str(bench.store.accounts.add(Annotator("root", Role.ADMINISTRATOR)))


@contextmanager
def logged_in(address: str, name: str, token: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=120) as client:
        assert client.post("/login", data={"name": name, "token": token}).status_code == 303
        yield client


def consoles(server: Any) -> list[psutil.Process]:
    """The processes that listen at the console's socket."""

    def listens(process: psutil.Process) -> bool:
        return any("console.sock" in str(one.laddr) for one in process.net_connections("unix"))

    return [one for one in psutil.Process(server.process.pid).children() if listens(one)]


def test_with_several_workers_there_is_one_console_behind_their_gates(
    bench: Any, token: str, start_server: Callable[..., Any]
) -> None:
    server = start_server(bench, "--port", "0", "--workers", "2")
    with logged_in(server.address, "root", token) as root:
        page = ConsolePage(root)
        for _ in range(30):  # of events with two processes, seventeen of thirty would fail
            with logged_in(server.address, "root", token) as other:  # a connection of its own, to any worker
                page._client = other
                (head, _), _ = page.call("overview_look", study="trial")
                assert "0 / 24" in head
        page._client = root
        csv = root.get("/admin/file/ratings.csv")
        assert csv.headers["content-disposition"].endswith('filename="trial-ratings.csv"')
        for path in ("/admin/config", "/admin/gradio_api/info", "/admin/monitoring", "/admin/nothing"):
            assert root.get(path).status_code == 404
    with logged_in(server.address, "ada", bench.tokens["ada"]) as ada:
        assert ada.get("/admin/").status_code == ada.get("/admin/theme.css").status_code == 403
    with httpx.Client(base_url=server.address) as stranger:
        assert stranger.get("/admin/theme.css").status_code == 401
    code, printed = server.interrupt()
    assert (code, "Traceback" in printed) == (0, False), printed


def test_a_console_that_dies_is_started_again_and_ends_with_its_parent(
    bench: Any, token: str, start_server: Callable[..., Any]
) -> None:
    server = start_server(bench, "--port", "0", "--workers", "2")
    with logged_in(server.address, "root", token) as root:
        ConsolePage(root)
        (console,) = consoles(server)
        console.kill()
        psutil.wait_procs([console], timeout=10)
        deadline = time.monotonic() + 60
        while root.get("/admin/export").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        (console,) = consoles(server)
    os.kill(server.process.pid, signal.SIGKILL)
    psutil.wait_procs([console], timeout=30)
    assert not console.is_running()


def test_the_console_alone(bench: Any, token: str, start_program: Callable[..., Any]) -> None:
    server = start_program(bench, "console", "--port", "0")
    with logged_in(server.address, "root", token) as root:
        assert root.get("/").headers["location"] == "admin/"
        (head, _), _ = ConsolePage(root).call("overview_look", study="trial")
        assert "0 / 24" in head
        assert root.get("/session").status_code == root.get("/study/trial/session").status_code == 404
    with logged_in(server.address, "ada", bench.tokens["ada"]) as ada:
        assert ada.get("/").status_code == 403
    assert server.interrupt()[0] == 0

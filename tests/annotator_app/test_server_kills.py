"""SIGKILL at random moments under load: what was acknowledged is there once, and the study is finished."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from nami_bench.domain import Annotator
from tests.support.databases import raw

KILLS = {"sqlite": 5, "postgresql": 5}
ANNOTATORS, OVERLAP = 8, 6

# Starts servers out of a process that has imported everything, for 20 starts from nothing take minutes.
NURSERY = """
import os, sys
from pathlib import Path
import nami_bench.annotator_app.app
from nami_bench.annotator_app.server import serve
from nami_bench.config import open_workspace
from nami_bench.store import Store

root, port = Path(sys.argv[1]), int(sys.argv[2])
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        workspace = open_workspace(root)
        with Store.open(workspace.database_url) as store:
            serve(workspace, store, None, port=port, on_ready=lambda *_: print(os.getpid(), flush=True))
        os._exit(0)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@pytest.fixture
def patient(new_bench: Callable[..., Any], database_url: str) -> Any:
    """240 images for eight annotators, six for each image."""
    made = new_bench(
        "patient", strata=("short", "community", "long") * 20, overlap=OVERLAP, database_url=database_url
    )
    for number in range(ANNOTATORS):
        made.tokens[f"rater-{number}"] = made.store.accounts.add(Annotator(f"rater-{number}"))
    return made


class Servers:
    """One server at a time, always on the same port."""

    def __init__(self, bench: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-c", NURSERY, str(bench.workspace.root), str(port)]
        self._nursery = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = 0

    def start(self) -> None:
        assert self._nursery.stdin is not None
        self._nursery.stdin.write("start\n")
        self._nursery.stdin.flush()
        self.pid = int(self._line())

    def stop(self, how: int) -> None:
        os.kill(self.pid, how)
        assert self._line() == "ended"

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._nursery.communicate(timeout=30)

    def _line(self) -> str:
        assert self._nursery.stdout is not None
        return self._nursery.stdout.readline().strip()


@pytest.fixture
def servers(patient: Any) -> Iterator[Servers]:
    made = Servers(patient)
    made.start()
    yield made
    made.close()


class Rater(threading.Thread):
    """Works until the study is finished, and sends again what was not answered, like the browser does."""

    def __init__(self, address: str, name: str, token: str) -> None:
        super().__init__(daemon=True)
        self.client = httpx.Client(base_url=address, timeout=20)
        assert self.client.post("/login", data={"name": name, "token": token}).status_code == 303
        self.acknowledged: dict[str, dict[str, float]] = {}
        self.sent_again = 0
        self.problem: BaseException | None = None
        self.random = random.Random(name)

    def run(self) -> None:
        try:
            state = self.ask("GET", "/session")
            while state["phase"] != "finished":
                state = self.rate(state["items"][0]) if state["items"] else self.wait()
        except BaseException as error:
            self.problem = error
        finally:
            self.client.close()

    def rate(self, item: Any) -> Any:
        values = {
            "relevance": float(self.random.randrange(101)),
            "realism": float(self.random.randrange(1, 6)),
        }
        body = {"client_token": str(uuid.uuid4()), "values": values, "duration_ms": 10}
        state = self.ask("POST", f"/item/{item['token']}", json=body)
        self.acknowledged[str(body["client_token"])] = values
        return state

    def wait(self) -> Any:
        time.sleep(0.05)
        return self.ask("GET", "/session")

    def ask(self, method: str, path: str, **more: Any) -> Any:
        while True:
            try:
                answer = self.client.request(method, path, **more)
            except httpx.TransportError:
                self.sent_again += 1
                time.sleep(0.02)
                continue
            if answer.status_code != 503:  # "keep it and send it again"
                assert answer.status_code == 200, answer.text
                return answer.json()


def kept(bench: Any) -> dict[str, Any]:
    """What the database holds, by client token."""
    import json

    with raw(bench.store) as session:
        rows = session.execute(text("SELECT client_token, answers FROM submission")).all()
    assert len({token for token, _ in rows}) == len(rows)
    return {
        token: (json.loads(answers) if isinstance(answers, str) else answers)["values"]
        for token, answers in rows
    }


@pytest.mark.slow
def test_a_kill_at_random_moments_loses_and_doubles_no_rating(patient: Any, servers: Servers) -> None:
    raters = [Rater(servers.address, f"rater-{n}", patient.tokens[f"rater-{n}"]) for n in range(ANNOTATORS)]
    for rater in raters:
        rater.start()
    moments = random.Random(7)
    kind = "postgresql" if "postgresql" in patient.store.url else "sqlite"
    for _ in range(KILLS[kind]):
        time.sleep(moments.uniform(0.02, 0.4))
        servers.stop(signal.SIGKILL)
        acknowledged = {
            token: values for rater in raters for token, values in rater.acknowledged.copy().items()
        }
        stored = kept(patient)
        assert {token: stored.get(token) for token in acknowledged} == acknowledged
        servers.start()
    assert any(rater.is_alive() for rater in raters), "the kills came too late to mean anything"
    for rater in raters:
        rater.join(timeout=120)
        assert not rater.is_alive() and rater.problem is None, rater.problem
    servers.stop(signal.SIGTERM)

    acknowledged = {token: values for rater in raters for token, values in rater.acknowledged.items()}
    assert kept(patient) == acknowledged
    assert sum(rater.sent_again for rater in raters) >= KILLS[kind]
    # Every image was rated by as many as the study wants: no lease was lost with the server that gave it.
    images = len(patient.images)
    assert len(acknowledged) == OVERLAP * images
    assert patient.count("rating") == 2 * OVERLAP * images
    with raw(patient.store) as session:
        states = session.execute(text("SELECT DISTINCT taken, completed FROM item")).all()
        assert [tuple(state) for state in states] == [(OVERLAP, OVERLAP)]

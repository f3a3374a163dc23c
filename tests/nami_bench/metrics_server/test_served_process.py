"""The command itself: killed and started anew, behind a network that breaks, asked ten thousand times."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from nami_bench import Scorer
from nami_bench.images import encode_png
from nami_bench.metrics_server import serve
from tests.support.drawn import drawn, shapes_prompts
from tests.support.program import nami_bench

PROMPTS = shapes_prompts(24) * 5
PICTURES = drawn(PROMPTS)


def start(port, *more, **environment):
    """The program, once it takes requests."""
    command = [sys.executable, "-m", "nami_bench", "serve-metrics", "geneval", "--detector", "shapes"]
    process = subprocess.Popen(
        [*command, "--port", str(port), *more],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    for line in process.stderr:
        if " at http://" in line:
            return process
    raise AssertionError(f"it ended with {process.wait()}")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def program(port, *more, **environment):
    process = start(port, *more, **environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def expected():
    with Scorer("geneval", detector="shapes") as scorer:
        return scorer.score(PICTURES, PROMPTS).values.tolist()


def counted(address, name):
    lines = httpx.get(f"{address}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))


def test_wrong_use_is_one_sentence_before_anything_is_served():
    for arguments, words in (
        (["genevel", "--detector", "shapes"], "unknown metric 'genevel'"),
        (["geneval"], "GenEval needs a detector"),
        (["geneval", "--detector", "shapes", "--host", "0.0.0.0", "--port", "0"], "set a token"),
        (["geneval", "--detector", "shapes", "-O", "batch_sise=3"], "batch_size"),
    ):
        done = nami_bench("serve-metrics", *arguments, env={"NAMI_METRICS_TOKEN": None})
        assert done.returncode == 2, done
        assert words in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_it_ends_with_its_signals_and_says_so():
    for end in (signal.SIGINT, signal.SIGTERM):
        process = start(free_port())
        process.send_signal(end)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read().endswith("stopped\n")
        process.stderr.close()


@pytest.mark.slow
def test_a_client_waits_for_a_server_that_is_killed_and_started_anew(expected):
    port = free_port()
    first = start(port)
    done = []
    with Scorer.connect(f"http://127.0.0.1:{port}", "geneval", batch_size=2, connections=2) as scorer:

        def kill(count):
            done.append(count)
            if sum(done) == 40:
                first.kill()
                first.wait()

        with ThreadPoolExecutor(1) as pool:
            scores = pool.submit(scorer.score, PICTURES, PROMPTS, kill)
            while first.poll() is None:
                time.sleep(0.02)
            with program(port):
                assert scores.result(timeout=120).values.tolist() == expected
    assert sum(done) == len(PICTURES)
    first.stderr.close()


class BreakingNetwork:
    """Passes bytes on between a client and a server, and breaks every third connection in the answer."""

    def __init__(self, port):
        self.port, self.connections, self.broken = port, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # it is closed
                return
            self.connections += 1
            self.threads.append(
                threading.Thread(target=self.connect, args=(client, self.connections % 3 == 0), daemon=True)
            )
            self.threads[-1].start()

    def connect(self, client, breaks):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            back = threading.Thread(target=self.pass_on, args=(server, client, breaks))
            back.start()
            self.pass_on(client, server, False)
            back.join()

    def pass_on(self, source, target, breaks):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if breaks:
                    self.broken += 1
                    break  # the server has answered, and nobody gets it
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


@pytest.mark.slow
def test_what_a_broken_network_lost_is_asked_again_and_scored_once(expected):
    port = free_port()
    with program(port):
        network = BreakingNetwork(port)
        with Scorer.connect(network.address, "geneval", batch_size=10, connections=3) as scorer:
            for _ in range(3):
                assert scorer.score(PICTURES, PROMPTS).values.tolist() == expected
        address = f"http://127.0.0.1:{port}"
        network.close()
        assert network.broken
        assert counted(address, "nami_images_total") == 3 * len(PICTURES)


@pytest.mark.slow
def test_ten_thousand_requests_leave_the_memory_as_it_was():
    port = free_port()
    body = {
        "images": [base64.b64encode(encode_png(PICTURES[0])[1]).decode()] * 2,
        "prompts": [PROMPTS[0].metadata()] * 2,
    }
    with program(port) as process, httpx.Client(timeout=60) as client, ThreadPoolExecutor(4) as pool:
        address = f"http://127.0.0.1:{port}/v1/score"

        def ask(number):
            answer = client.post(address, content=json.dumps({**body, "id": str(number)}),
                                 headers={"Content-Type": "application/json"})  # fmt: skip
            assert answer.status_code == 200

        def memory():
            return psutil.Process(process.pid).memory_info().rss

        list(pool.map(ask, range(3000)))  # as many answers as are remembered, and what is loaded at first
        before = memory()
        list(pool.map(ask, range(3000, 13000)))
        grown = memory() - before
    assert grown < 8 << 20, f"{grown / 2**20:.1f} MB more"


@pytest.mark.slow
def test_several_processes_share_the_port(expected):
    port = free_port()
    with program(port, "--workers", "2", CUDA_VISIBLE_DEVICES="3,5") as process:
        address = f"http://127.0.0.1:{port}"
        with Scorer.connect(address, "geneval", batch_size=5, connections=6) as scorer:
            assert scorer.score(PICTURES, PROMPTS).values.tolist() == expected
        assert counted(address, "nami_images_total") == len(PICTURES)
        children = [child.cmdline() for child in psutil.Process(process.pid).children()]
        assert sum("spawn_main" in " ".join(words) for words in children) == 2


def test_each_process_takes_a_gpu_that_the_fewest_others_have(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "_held", [])
    taken = [serve.free_gpu(["3", "GPU-5/x"], tmp_path) for _ in range(5)]
    assert taken == ["3", "GPU-5/x", "3", "GPU-5/x", "3"]
    serve._held[1].release()
    assert serve.free_gpu(["3", "GPU-5/x"], tmp_path) == "GPU-5/x"

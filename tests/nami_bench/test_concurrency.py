"""Requests of a served model under way at once: `generate --concurrency` and `throughput`."""

import csv
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.domain import ImageState, Score
from nami_bench.services import retrying_client
from nami_bench.store import Store
from tests.support.http_server import Asked, Reply, http_server
from tests.support.image_servers import VllmOmni


class Busy(VllmOmni):
    """Takes `delay` seconds for an image, `seats` of them at a time; `bad` prompts get status 500."""

    def __init__(self, delay: float = 0.0, seats: int = 64, bad: str = "") -> None:
        super().__init__()
        self.delay, self.bad = delay, bad
        self.seats = threading.Semaphore(seats)
        self.under_way = self.most = 0

    def __call__(self, asked: Asked) -> Reply:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            with self.seats:
                time.sleep(self.delay)
            if self.bad and re.search(self.bad, asked.body["prompt"]):
                return Reply(500, {"error": {"message": "out of order"}})
            return super().__call__(asked)
        finally:
            with self.lock:
                self.under_way -= 1


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> None:
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.01)


class Bench:
    def __init__(self, root: Path, address: str) -> None:
        self.root = root
        self.workspace = root / "w"
        (root / "twelve.txt").write_text("".join(f"prompt {i}\n" for i in range(12)))
        self.run("init")
        options = {"model": "m", "base_url": f"{address}/v1", "size": "", "key_env": "", "max_retries": "0"}
        pairs = [part for name, value in options.items() for part in ("-O", f"{name}={value}")]
        self.run("models", "add", "served", "--adapter", "openai-images", *pairs)
        self.run("models", "add", "shapes", "--adapter", "shapes", "-O", "size=64")

    def run(self, *arguments: str, fails: str = "") -> str:
        result = CliRunner().invoke(cli, ["--workspace", str(self.workspace), *arguments])
        assert (result.exception is None) == (not fails), (result.output, result.exception)
        assert re.search(fails, f"{result.exception} {result.output}"), result.output
        return result.stdout

    def generate(self, *more: str, fails: str = "") -> str:
        given = ("--prompts", str(self.root / "twelve.txt"), "--samples", "2", *more)
        return self.run("generate", "--model", "served", *given, fails=fails)

    def records(self) -> list[Any]:
        with Store.open(f"sqlite:///{self.workspace / 'nami.db'}") as store:
            return store.images.find(models=["served"])


@contextmanager
def bench(tmp_path: Path, server: Busy) -> Iterator[Bench]:
    with http_server(server) as address:
        yield Bench(tmp_path, address)


@pytest.mark.slow
def test_order_failures_and_resuming_are_right_with_many_under_way(tmp_path: Path) -> None:
    server = Busy(delay=0.02, bad="prompt 7|prompt 1$")
    with bench(tmp_path, server) as one:
        one.generate("--concurrency", "6", fails="4 images failed.*out of order")
        assert server.most == 6
        states = [(r.prompt_id, r.sample, r.state is ImageState.DONE) for r in one.records()]
        expected = [(f"{i:05d}", s, i not in (1, 7)) for i in range(12) for s in (0, 1)]
        assert sorted(states) == expected
        first = {(r.prompt_id, r.sample): r.sha256 for r in one.records()}

        server.bad, server.bodies = "", []
        one.generate("--concurrency", "3")
        asked = sorted(body["prompt"] for body in server.bodies)
        assert asked == ["prompt 1", "prompt 1", "prompt 7", "prompt 7"]
        again = {(r.prompt_id, r.sample): r.sha256 for r in one.records()}
        assert len(again) == len(set(again.values())) == 24
        assert {key: value for key, value in again.items() if first[key]} == {
            key: value for key, value in first.items() if value
        }
        assert {record.provenance["concurrency"] for record in one.records()} == {6, 3}
        assert len({json.dumps(record.provenance["settings"]) for record in one.records()}) == 1


def test_what_an_adapter_does_not_allow_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    server = Busy()
    with bench(tmp_path, server) as one:
        one.generate("--concurrency", "65", fails="concurrency 65 is not between 1 and 64")
        prompts = str(one.root / "twelve.txt")
        both = ("generate", "--model", "served", "--model", "shapes", "--prompts", prompts)
        words = "'shapes' cannot be made with --concurrency 2: the adapter 'shapes' makes one batch"
        one.run(*both, "--concurrency", "2", fails=words)
        one.run("throughput", "shapes", "--prompts", prompts, "--concurrency", "1,2", fails=words)
        assert server.bodies == []
        one.run(
            "throughput", "served", "--prompts", prompts, "--concurrency", "2,x", fails="no list of whole"
        )


@pytest.mark.slow
def test_throughput_stores_nothing_counts_failures_and_never_asks_twice_for_one_image(
    tmp_path: Path,
) -> None:
    server = Busy(bad="prompt 3")
    with bench(tmp_path, server) as one:
        prompts = ("--prompts", str(one.root / "twelve.txt"))
        options = ("--concurrency", "1,3", "--images", "20", "--warm-up", "2")
        said = one.run(
            "throughput", "served", *prompts, *options, "--json", fails="4 of 40 images failed: .*order"
        )
        told = json.loads(said)
        assert told["mode"] == "closed loop"
        small, large = told["levels"]
        assert (small["concurrency"], large["concurrency"]) == (1, 3)
        assert small["requests"] == large["requests"] == 20
        assert small["done"] + small["failed"] == 20 and small["failed"] + large["failed"] == 4
        assert small["images_per_second"] == pytest.approx(small["done"] / small["seconds"])
        assert small["latency"]["images"] == small["done"] and small["latency"]["p99"] is None
        assert small["peak_memory_bytes"] == 2048.5 * 2**20
        assert len(server.bodies) == 40  # of 44: the others failed before the server painted
        assert len({(body["prompt"], body["seed"]) for body in server.bodies}) == 40
        assert one.records() == []
        assert not list(one.workspace.rglob("*.png"))
        server.bad = ""
        table = one.run("throughput", "served", *prompts, "--images", "3")
        assert "closed loop" in table and "16x16 pixels" in table


@pytest.mark.slow
def test_the_leaderboard_has_speeds_and_prices_of_what_was_generated(tmp_path: Path) -> None:
    """0.05 s an image: with two under way, up to 40 images/s."""
    with bench(tmp_path, Busy(delay=0.05)) as one:
        one.generate("--concurrency", "2")
        with Store.open(f"sqlite:///{one.workspace / 'nami.db'}") as store:
            store.scores.put(
                [
                    Score("served", r.prompt_set, r.prompt_id, r.sample, "clip-score", "clip-1", 30.0)
                    for r in store.images.find(models=["served"])
                ]
            )
        prices = ("--price-per-hour", "3.6", "--price-note", "EUR, 2026-11-30")
        (row,) = csv.DictReader(io.StringIO(one.run("leaderboard", "--format", "csv", *prices)))
        rate = float(row["images_per_second"])
        assert 5 < rate <= 40
        assert 0.05 <= float(row["latency_p50"]) < 0.4
        assert row["images_timed"] == "22" and row["latency_p95"] and not row["latency_p99"]  # two were cold
        assert row["timed_on"] == "unknown device, 16x16, batch 1, 2 under way"
        assert float(row["peak_memory_bytes"]) == 2048.5 * 2**20
        assert float(row["price_per_1000"]) == pytest.approx(1 / rate, rel=1e-4)
        assert row["price_note"] == "EUR, 2026-11-30"
        table = one.run("leaderboard", *prices)
        assert "Speed" in table and "Prices: EUR" in table
        one.run("leaderboard", "--price", "x=1", "--price-note", "EUR", fails="unknown model 'x'")
        one.run("leaderboard", "--price", "served=much", fails="is not of the form MODEL=AMOUNT")
        one.run("report", "--no-images", *prices, "-o", str(tmp_path / "report"))
        assert "<h3>Speed</h3>" in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.slow
def test_throughput_finds_what_a_server_can_do(tmp_path: Path) -> None:
    """Two seats of 0.1 s each: at most 20 images/s, however many are under way; then they wait."""
    with bench(tmp_path, Busy(delay=0.1, seats=2)) as one:
        prompts = ("--prompts", str(one.root / "twelve.txt"), "--images", "40")
        told = json.loads(one.run("throughput", "served", *prompts, "--concurrency", "1,2,8", "--json"))
        alone, fitting, crowded = (level["images_per_second"] for level in told["levels"])
        assert alone <= 10 and max(fitting, crowded) <= 20
        assert fitting > 1.4 * alone and crowded > 1.4 * alone
        fast, also_fast, slow = (level["latency"]["p50"]["value"] for level in told["levels"])
        assert min(fast, also_fast) >= 0.1
        assert slow >= 0.35 and slow > 2.2 * also_fast  # eight share two seats

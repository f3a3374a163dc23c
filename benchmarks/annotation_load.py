"""Many annotators at once against `nami-bench annotate`, over HTTP, without thinking between items.

    python benchmarks/annotation_load.py                                  # 50 annotators, 25,000 items
    python benchmarks/annotation_load.py --annotators 100 --each 50
    python benchmarks/annotation_load.py --database-url postgresql://... --workers 2

A study of NAMI-1K's size (1000 prompts, 5 models, 4 criteria) is made in a temporary workspace and served by
the real command in a process of its own. Annotators log in, submit four values, get their next item in the
answer, and go on. Afterwards the database is read: every acknowledged item must be there once, with the
values that were sent, and nothing else. Exit code 1 where that, or a promise on speed, does not hold.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import random
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import psutil
from PIL import Image
from sqlalchemy import create_engine, text

from nami_bench import __version__
from nami_bench.config import load_study, nami_1k_study_file, open_workspace
from nami_bench.domain import (
    Annotator,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    prompt_id,
)
from nami_bench.images import write_png
from nami_bench.store import Store

PROMPTS, MODELS = 1000, 5
ITEMS_PER_SECOND, P95_SECONDS = 150.0, 0.5
CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")


@dataclass(frozen=True)
class Log:
    """What one process of annotators saw: seconds of each round trip, and what was acknowledged."""

    submits: list[float]
    images: list[float]
    acknowledged: dict[str, dict[str, int]]
    problems: list[str]


class Browser:
    """One annotator's connection: as little as speaks HTTP, so that the server has the cores."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port, self.cookie = host, port, ""

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """Send a request on the one connection; the body of its answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nCookie: {self.cookie}\r\n"
        if method == "POST":
            head += f"Sec-Fetch-Site: same-origin\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", answer)
        content = await self.reader.readexactly(int(length[1]) if length else 0)
        if found := re.search(rb"\r\nset-cookie: ([^;]+)", answer):
            self.cookie = found[1].decode()
        status = int(answer[9:12])
        if status not in (200, 303):
            raise RuntimeError(f"{method} {path}: {status} {content[:200]!r}")
        return content

    async def log_in(self, name: str, token: str) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        form = urlencode({"name": name, "token": token}).encode()
        await self.ask("POST", "/login", form, "application/x-www-form-urlencoded")


async def annotate(browser: Browser, items: int, rng: random.Random, log: Log, with_images: bool) -> None:
    """Rate `items` items, one after the other."""
    state = json.loads(await browser.ask("GET", "/session"))
    for _ in range(items):
        item = state["items"][0]
        if with_images:
            began = time.perf_counter()
            await browser.ask("GET", "/" + item["images"][0])
            log.images.append(time.perf_counter() - began)
        values = {criterion: rng.randrange(101) for criterion in CRITERIA}
        body = {"client_token": secrets.token_hex(16), "values": values, "duration_ms": 5000}
        began = time.perf_counter()
        state = json.loads(await browser.ask("POST", f"/item/{item['token']}", json.dumps(body).encode()))
        log.submits.append(time.perf_counter() - began)
        log.acknowledged[body["client_token"]] = values


async def crowd(
    address: tuple[str, int], people: dict[str, str], each: int, pictures: bool, gate: Any
) -> Log:
    """Log everybody in, wait until all processes have, and let them work."""
    log = Log([], [], {}, [])
    browsers = {name: Browser(*address) for name in people}
    for name, browser in browsers.items():
        await browser.log_in(name, people[name])
    await asyncio.to_thread(gate.wait)
    done = await asyncio.gather(
        *(annotate(browser, each, random.Random(name), log, pictures) for name, browser in browsers.items()),
        return_exceptions=True,
    )
    log.problems.extend(f"{type(problem).__name__}: {problem}" for problem in done if problem)
    return log


def run_crowd(answer: Any, *arguments: Any) -> None:
    """A process of annotators."""
    answer.put(asyncio.run(crowd(*arguments)))


def make_study(
    root: Path, database_url: str | None, annotators: int, capacity: int, size: int
) -> dict[str, str]:
    """A workspace with a study for `capacity` items; the annotators' tokens."""
    subprocess.run([sys.executable, "-m", "nami_bench", "init", str(root)], check=True, capture_output=True)
    if database_url:
        settings = root / "nami.toml"
        settings.write_text(settings.read_text().replace("[database]", f'[database]\nurl = "{database_url}"'))
    workspace = open_workspace(root)
    prompts = tuple(Prompt(prompt_id(i), f"picture number {i}", f"stratum {i % 3}") for i in range(PROMPTS))
    ramp = np.linspace(0, 255, size, dtype=np.uint8)
    picture = Image.fromarray(
        np.stack([np.tile(ramp, (size, 1)), np.tile(ramp[:, None], size)] * 2, -1)[..., :3]
    )
    with Store.open(workspace.database_url) as store:
        store.add_prompt_set(PromptSet("load", prompts))
        for model in (f"model-{i}" for i in range(MODELS)):
            store.add_model(ModelCard(model, "folder"))
            for prompt in prompts:
                path = f"{model}/load/{prompt.id}/samples/0000.png"
                stored = write_png(workspace.images_dir / path, picture, {})
                store.put_image(
                    ImageRecord(
                        model=model,
                        prompt_set="load",
                        prompt_id=prompt.id,
                        sample=0,
                        state=ImageState.DONE,
                        path=path,
                        sha256=stored.sha256,
                        width=size,
                        height=size,
                    )
                )
        overlap = max(-(-capacity * 6 // (5 * PROMPTS * MODELS)), 1)  # a fifth more than will be asked for
        models = tuple(f"model-{i}" for i in range(MODELS))
        study = load_study(nami_1k_study_file(), name="load", prompt_set="load", models=models)
        store.add_study(replace(study, panel="spread", overlap=overlap))
        names = [f"annotator-{i:03}" for i in range(annotators)]
        return {name: store.add_annotator(Annotator(name)) or "" for name in names}


@contextmanager
def server(root: Path, workers: int) -> Iterator[tuple[psutil.Process, tuple[str, int]]]:
    """`nami-bench annotate`, running."""
    log = root / "server.log"
    command = [
        sys.executable,
        "-m",
        "nami_bench",
        "--workspace",
        str(root),
        "annotate",
        "--study",
        "load",
        "--port",
        "0",
    ]
    with log.open("w") as output:
        process = subprocess.Popen([*command, "--workers", str(workers)], stderr=output)
    try:
        while not (found := re.search(r"at http://(\S+):(\d+)", log.read_text())):
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        yield psutil.Process(process.pid), (found[1], int(found[2]))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    if "Traceback" in log.read_text():
        raise SystemExit(log.read_text())


class Memory(threading.Thread):
    """Resident megabytes of the server's processes, once a second."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.samples, self.ended = process, list[float](), threading.Event()

    def run(self) -> None:
        while not self.ended.wait(1.0):
            family = [self.process, *self.process.children(recursive=True)]
            self.samples.append(sum(p.memory_info().rss for p in family) / 2**20)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    found = {"median": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(seconds)}
    return {name: round(1000 * value, 1) for name, value in found.items()}


def check(database_url: str, acknowledged: dict[str, dict[str, int]]) -> dict[str, int]:
    """Compare the database with what was acknowledged: counts that must be 0, but `rows`."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        kept = {
            token: json.loads(answers) if isinstance(answers, str) else answers
            for token, answers in connection.execute(text("SELECT client_token, answers FROM submission"))
        }
        count = "SELECT count(*) FROM rating"
        rows = connection.execute(text(count)).scalar_one()
        cells = connection.execute(
            text(
                "SELECT count(*) FROM (SELECT DISTINCT criterion_id, annotator_id, image_id FROM rating) AS c"
            )
        ).scalar_one()
    engine.dispose()
    return {
        "rating rows": rows,
        "acknowledged but not there": len(acknowledged.keys() - kept.keys()),
        "there but never acknowledged": len(kept.keys() - acknowledged.keys()),
        "with other values": sum(
            kept[token]["values"] != values for token, values in acknowledged.items() if token in kept
        ),
        "doubled": rows - cells,
        "ratings too many or too few": rows - len(CRITERIA) * len(acknowledged),
    }


def fsync_ms(folder: Path) -> float:
    """What one small write costs that waits for this disk, median of 50."""
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return round(1000 * statistics.median(times), 2)


def machine(folder: Path, database_url: str) -> dict[str, Any]:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        query = "SELECT sqlite_version()" if engine.dialect.name == "sqlite" else "SHOW server_version"
        version = connection.execute(text(query)).scalar_one()
    engine.dispose()
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": cpu[1] if cpu else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average_before": round(os.getloadavg()[0], 1),
        "fsync_ms": fsync_ms(folder),
        "python": platform.python_version(),
        "database": f"{engine.dialect.name} {version}",
        "nami_bench": __version__,
    }


def measure(options: argparse.Namespace, root: Path) -> dict[str, Any]:
    people = make_study(
        root, options.database_url, options.annotators, options.annotators * options.each, options.image_size
    )
    database_url = open_workspace(root).database_url
    report = {"options": vars(options) | {"database_url": None}, "machine": machine(root, database_url)}
    names = list(people)
    with server(root, options.workers) as (process, address):
        memory = Memory(process)
        answers: Any = multiprocessing.Queue()
        gate = multiprocessing.Barrier(options.clients + 1)
        for first in range(options.clients):
            mine = {name: people[name] for name in names[first :: options.clients]}
            arguments = (answers, address, mine, options.each, options.images, gate)
            multiprocessing.Process(target=run_crowd, args=arguments, daemon=True).start()
        gate.wait()
        memory.start()
        began = time.perf_counter()
        logs: list[Log] = [answers.get() for _ in range(options.clients)]
        seconds = time.perf_counter() - began
        memory.ended.set()
    acknowledged = {token: values for log in logs for token, values in log.acknowledged.items()}
    tenth = len(memory.samples) // 10
    report["result"] = {
        "rated_items": len(acknowledged),
        "seconds": round(seconds, 1),
        "items_per_second": round(len(acknowledged) / seconds, 1),
        "submit_ms": percentiles([s for log in logs for s in log.submits]),
        "image_ms": percentiles([s for log in logs for s in log.images]) if options.images else None,
        "problems": [problem for log in logs for problem in log.problems],
        "memory_mb": {
            "after a tenth": round(memory.samples[tenth], 1),
            "at half": round(memory.samples[len(memory.samples) // 2], 1),
            "at the end": round(memory.samples[-1], 1),
            "most": round(max(memory.samples), 1),
        },
        "database": check(database_url, acknowledged),
    }
    return report


def broken_promises(result: dict[str, Any], *, slow_is_wrong: bool) -> list[str]:
    counted = {name: count for name, count in result["database"].items() if name != "rating rows" and count}
    broken = [f"{name}: {count}" for name, count in counted.items()] + result["problems"]
    if slow_is_wrong and result["items_per_second"] < ITEMS_PER_SECOND:
        broken.append(f"fewer than {ITEMS_PER_SECOND:g} items a second")
    if slow_is_wrong and result["submit_ms"]["p95"] > 1000 * P95_SECONDS:
        broken.append(f"p95 over {P95_SECONDS:g} s")
    return broken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotators", type=int, default=50)
    parser.add_argument("--each", type=int, default=500, help="items that each annotator rates")
    parser.add_argument("--workers", type=int, default=1, help="server processes")
    parser.add_argument("--clients", type=int, default=2, help="processes that play the annotators")
    parser.add_argument("--images", action="store_true", help="fetch each item's image before rating it")
    parser.add_argument("--image-size", type=int, default=64, help="pixels; images matter with --images only")
    parser.add_argument("--database-url", help="an empty PostgreSQL database; default: SQLite")
    parser.add_argument("--folder", type=Path, help="where the workspace goes; default: the temporary folder")
    parser.add_argument("--any-speed", action="store_true", help="judge correctness alone")
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="nami-load-", dir=options.folder))
    try:
        report = measure(options, root / "workspace")
    finally:
        shutil.rmtree(root)
    text_ = json.dumps(report, indent=2, default=str)
    print(text_)
    if options.output:
        options.output.write_text(text_ + "\n")
    if broken := broken_promises(report["result"], slow_is_wrong=not options.any_speed):
        raise SystemExit("broken: " + "; ".join(broken))


if __name__ == "__main__":
    main()

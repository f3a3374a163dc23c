"""Many annotators at once against `nami-bench annotate`, over HTTP, without thinking between items.

    python -m benchmarks.annotation_load                                  # 50 annotators, 25,000 items
    python -m benchmarks.annotation_load --annotators 100 --each 50
    python -m benchmarks.annotation_load --rated-by 5 --consoles 1        # beside 100,000 ratings
    python -m benchmarks.annotation_load --database-url postgresql://... --workers 2

A study of NAMI-1K's size (1000 prompts, 5 models, 4 criteria) is made in a temporary workspace and served by
the real command in a process of its own. Annotators log in, submit four values, get their next item in the
answer, and go on. With `--consoles`, so many consoles were opened before and are open meanwhile, and ask as
often as an owner's open page does. Afterwards the database is read: every acknowledged item must be there
once, with the values that were sent, and nothing else. Exit code 1 where that, or a promise on speed or
memory, does not hold.
"""

import argparse
import json
import multiprocessing
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from sqlalchemy import create_engine, text

from benchmarks.large_study import Size, fill
from benchmarks.load_clients import CRITERIA, Log, Watch, run_crowd
from nami_bench import __version__
from nami_bench.config import open_workspace
from nami_bench.domain import Annotator, Role
from nami_bench.images import write_png
from nami_bench.store import Store

PROMPTS, MODELS = 1000, 5
STUDY, ADMINISTRATOR = "load", "administrator"
ITEMS_PER_SECOND, P95_SECONDS = 300.0, 0.4
MEMORY_GROWTH = 1.15
"""Of a process, from a tenth of the run to its end."""


def make_study(root: Path, options: argparse.Namespace) -> dict[str, str]:
    """A workspace with a study that has room for what will be asked; tokens by the annotators' names, and the
    administrator's."""
    subprocess.run([sys.executable, "-m", "nami_bench", "init", str(root)], check=True, capture_output=True)
    if options.database_url:
        settings = root / "nami.toml"
        url = f'[database]\nurl = "{options.database_url}"'
        settings.write_text(settings.read_text().replace("[database]", url))
    workspace = open_workspace(root)
    ramp = np.linspace(0, 255, options.image_size, dtype=np.uint8)
    channels = [np.tile(ramp, (len(ramp), 1)), np.tile(ramp[:, None], len(ramp))] * 2
    picture = write_png(root / "picture.png", Image.fromarray(np.stack(channels, -1)[..., :3]), {})
    asked = options.annotators * options.each
    overlap = options.rated_by + max(-(-asked * 6 // (5 * PROMPTS * MODELS)), 1)  # a fifth more than is asked
    size = Size(PROMPTS, MODELS, options.rated_by, sha256=picture.sha256, side=options.image_size)
    fill(workspace.database_url, size, STUDY, panel="spread", overlap=overlap)
    engine = create_engine(workspace.database_url)
    with engine.connect() as connection:
        for (path,) in connection.execute(text("SELECT path FROM image")):
            (workspace.images_dir / path).parent.mkdir(parents=True)
            shutil.copyfile(root / "picture.png", workspace.images_dir / path)
    engine.dispose()
    with Store.open(workspace.database_url) as store:
        people = {f"newcomer-{i:03}": Role.ANNOTATOR for i in range(options.annotators)}
        people[ADMINISTRATOR] = Role.ADMINISTRATOR
        return {name: store.accounts.add(Annotator(name, role)) or "" for name, role in people.items()}


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
        STUDY,
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


class Use(threading.Thread):
    """What the run takes of the machine, once a second.

    `server` and `onlooker`: resident megabytes of the server's processes, and of the one that looks at whole
    studies, 0 while there is none (see `nami_bench.annotator_app.onlooker`). `seconds`: those of the clock,
    and on the processor of all programs, of this one and what it started, and of the server.
    """

    def __init__(self, server: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.ended = server, threading.Event()
        self.server, self.onlooker = list[float](), list[float]()
        self.seconds = list[tuple[float, float, float, float]]()

    def run(self) -> None:
        self._look()
        while not self.ended.wait(1.0):
            self._look()
        self._look()

    def _look(self) -> None:
        family = (self.process, *self.process.children(recursive=True))
        urgency = self.process.nice()
        megabytes, seconds = {True: 0.0, False: 0.0}, {True: 0.0, False: 0.0}
        for process in family:
            with suppress(psutil.NoSuchProcess):  # the onlooker may rest
                is_onlooker = process.nice() > urgency
                megabytes[is_onlooker] += process.memory_info().rss / 2**20
                seconds[is_onlooker] += sum(process.cpu_times()[:2])
        self.server.append(megabytes[False])
        self.onlooker.append(megabytes[True])
        self.seconds.append((time.perf_counter(), _all_seconds(), _own_seconds(), seconds[False]))

    @property
    def cores(self) -> dict[str, float]:
        """How many cores were kept busy on average, and by whom."""
        first, last = self.seconds[0], self.seconds[-1]
        clock, everything, own, server = (then - now for now, then in zip(first, last, strict=True))
        found = {"by other programs": everything - own, "by the benchmark": own, "the server of that": server}
        return {name: round(value / clock, 2) for name, value in found.items()}


def _all_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def _own_seconds() -> float:
    this = psutil.Process()
    found = 0.0
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found += sum(process.cpu_times()[:2])
    return found


def course(samples: list[float]) -> dict[str, float] | None:
    """Where samples began, after what a start needs; and where they went."""
    if not samples:
        return None
    found = {
        "after a tenth": samples[len(samples) // 10],
        "at half": samples[len(samples) // 2],
        "at the end": samples[-1],
        "most": max(samples),
    }
    return {name: round(value, 1) for name, value in found.items()}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    found = {"median": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(seconds)}
    return {name: round(1000 * value, 1) for name, value in found.items()}


def last_rows(database_url: str) -> dict[str, int]:
    """The last submission's and the last rating's number."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        found = {
            table: connection.execute(text(f"SELECT max(id) FROM {table}")).scalar_one() or 0
            for table in ("submission", "rating")
        }
    engine.dispose()
    return found


def check(
    database_url: str, acknowledged: dict[str, dict[str, int]], before: dict[str, int]
) -> dict[str, int]:
    """Compare what follows the rows `before` with what was acknowledged: counts that must be 0."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        query = text("SELECT client_token, answers FROM submission WHERE id > :submission")
        kept = {
            token: json.loads(answers) if isinstance(answers, str) else answers
            for token, answers in connection.execute(query, before)
        }
        cells = "SELECT DISTINCT criterion_id, annotator_id, image_id FROM rating WHERE id > :rating"
        rows, distinct = (
            connection.execute(text(f"SELECT count(*) FROM ({rows}) AS c"), before).scalar_one()
            for rows in ("SELECT id FROM rating WHERE id > :rating", cells)
        )
    engine.dispose()
    return {
        "rating rows": rows,
        "acknowledged but not there": len(acknowledged.keys() - kept.keys()),
        "there but never acknowledged": len(kept.keys() - acknowledged.keys()),
        "with other values": sum(
            kept[token]["values"] != values for token, values in acknowledged.items() if token in kept
        ),
        "doubled": rows - distinct,
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
    people = make_study(root, options)
    database_url = open_workspace(root).database_url
    before = last_rows(database_url)
    report = {"options": vars(options) | {"database_url": None}, "machine": machine(root, database_url)}
    administrator = people.pop(ADMINISTRATOR)
    names = list(people)
    with server(root, options.workers) as (process, address):
        use = Use(process)
        watch = Watch(address, ADMINISTRATOR, administrator, options.consoles)
        opening = watch.start() if options.consoles else None
        answers: Any = multiprocessing.Queue()
        gate = multiprocessing.Barrier(options.clients + 1)
        for first in range(options.clients):
            mine = {name: people[name] for name in names[first :: options.clients]}
            arguments = (answers, address, mine, options.each, options.images, gate)
            multiprocessing.Process(target=run_crowd, args=arguments, daemon=True).start()
        gate.wait()
        use.start()
        began = time.perf_counter()
        logs: list[Log] = [answers.get() for _ in range(options.clients)]
        seconds = time.perf_counter() - began
        use.ended.set()
        watch.ended.set()
        use.join()
        if options.consoles:
            watch.join()
    acknowledged = {token: values for log in logs for token, values in log.acknowledged.items()}
    answered = [mb for mb in use.onlooker if mb]
    report["machine"]["cores_busy"] = use.cores
    report["result"] = {
        "ratings_before": before["rating"],
        "rated_items": len(acknowledged),
        "seconds": round(seconds, 1),
        "items_per_second": round(len(acknowledged) / seconds, 1),
        "submit_ms": percentiles([s for log in logs for s in log.submits]),
        "image_ms": percentiles([s for log in logs for s in log.images]) if options.images else None,
        "seconds_of_opening": opening and round(opening, 1),
        "overview_seconds": [round(s, 2) for s in watch.seconds] if options.consoles else None,
        "problems": [problem for log in logs for problem in log.problems] + watch.problems,
        "memory_mb": course(use.server),
        "onlooker_memory_mb": course(answered),
        "database": check(database_url, acknowledged, before),
    }
    if options.consoles:
        report["result"]["database"]["items that the overview misses"] = (
            PROMPTS * MODELS * options.rated_by + len(acknowledged) - judged(watch.last_head)
        )
    return report


def judged(head: str) -> int:
    """How many items are judged by the first part of the console's first page."""
    found = re.search(r"<b>([\d,]+) / ", head)
    return int(found[1].replace(",", "")) if found else 0


def broken_promises(result: dict[str, Any], *, slow_is_wrong: bool) -> list[str]:
    """Sentences on what does not hold of a report's `result`."""
    counted = {name: count for name, count in result["database"].items() if name != "rating rows" and count}
    broken = [f"{name}: {count}" for name, count in counted.items()] + result["problems"]
    if not slow_is_wrong:
        return broken
    if result["items_per_second"] < ITEMS_PER_SECOND:
        broken.append(f"fewer than {ITEMS_PER_SECOND:g} items a second")
    if result["submit_ms"]["p95"] > 1000 * P95_SECONDS:
        broken.append(f"p95 over {P95_SECONDS:g} s")
    for whose in ("memory_mb", "onlooker_memory_mb"):
        memory = result[whose]
        if memory and memory["at the end"] > MEMORY_GROWTH * memory["after a tenth"]:
            broken.append(f"{whose} grew by more than {MEMORY_GROWTH - 1:.0%}")
    return broken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotators", type=int, default=50)
    parser.add_argument("--each", type=int, default=500, help="items that each annotator rates")
    parser.add_argument("--workers", type=int, default=1, help="server processes")
    parser.add_argument("--clients", type=int, default=2, help="processes that play the annotators")
    parser.add_argument("--rated-by", type=int, default=0, help="how many rated every image before (SQLite)")
    parser.add_argument("--consoles", type=int, default=0, help="so many consoles are open meanwhile")
    parser.add_argument("--images", action="store_true", help="fetch each item's image before rating it")
    parser.add_argument("--image-size", type=int, default=64, help="pixels; images matter with --images only")
    parser.add_argument("--database-url", help="an empty PostgreSQL database; default: SQLite")
    parser.add_argument("--folder", type=Path, help="where the workspace goes; default: the temporary folder")
    parser.add_argument("--any-speed", action="store_true", help="judge correctness alone")
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    options = parser.parse_args()
    if options.rated_by and options.database_url:
        parser.error("--rated-by writes into SQLite only: leave out --database-url")
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

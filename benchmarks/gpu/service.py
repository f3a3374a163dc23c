"""`nami-bench serve-metrics geneval` under clients that use `Scorer.connect`, against the metric offline.

The server has Mask2Former Swin-S and CLIP ViT-L/14 with random weights, in float32, as GenEval is published.
Clients send the same pictures again and again, as PNG files' bytes; every request has an id of its own, so
that the server works on each.
"""

import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import geneval, geneval_pictures
from benchmarks.gpu.geneval import WorkFiles
from benchmarks.gpu.part import Part
from nami_bench import Scorer
from nami_bench.errors import WorkError, one_line
from nami_bench.evaluation.geneval.mask2former import Mask2FormerDetector
from nami_bench.evaluation.geneval.rules import GenEvalParams
from nami_bench.geneval_folder import GenEvalFolder, read_metadata
from nami_bench.images import encode_png, read_image
from nami_bench.scoring.scores import Scores

GOAL = {"images_per_second": 30.0, "p95_seconds": 3.0}
"""For requests of 64 images of 512 pixels on one GPU of the H200's class, with the offline run's verdicts."""
_ADDRESS = re.compile(r" at (http://\S+); Ctrl-C stops")
_FINISH_SECONDS = 6.0


@dataclass(frozen=True)
class Sizes:
    """Requests of `images` pictures by so many `clients` at once, for `seconds` each."""

    images: int
    side: int
    clients: tuple[int, ...]
    seconds: float


FULL, SMALL = Sizes(64, 512, (1, 2, 4), 10.0), Sizes(2, 64, (1, 2), 0.5)


@dataclass(frozen=True)
class Asked:
    """What every request holds, and what is to come of it."""

    images: list[bytes]
    prompts: list[Any]
    offline: Scores


@dataclass
class Load:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)
    images: int = 0
    without_value: int = 0
    verdicts_that_differ: int = 0
    rewards_that_differ: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, seconds: float, scores: Scores, offline: Scores) -> None:
        """Add one answer."""
        with self._lock:
            self.seconds.append(seconds)
            self.images += len(scores)
            self.without_value += len(scores.failures)
            self.verdicts_that_differ += int((scores.values != offline.values).sum())
            self.rewards_that_differ += sum(
                int((np.asarray(values) != np.asarray(offline.rewards[name])).sum())
                for name, values in scores.rewards.items()
            )


def measure(part: Part) -> None:
    """Score offline, serve, and ask with one client, two and four."""
    sizes = SMALL if part.small else FULL
    files = WorkFiles.make(part, sizes.images, sizes.side)
    options = files.detector_options(part, "float32")
    shares = {"single_object": 1} if part.small else geneval.SHARES  # a few verdicts shall not all be no
    asked = _ask_offline(files, options, shares)
    part.keep(
        sizes=vars(sizes), goal=GOAL, instrument=asked.offline.instrument,
        correct=int(asked.offline.values.sum()), seconds_to_encode_a_request_as_png=_encoding(files.images),
    )  # fmt: skip
    began = time.perf_counter()
    with served(options, part) as address:
        part.keep(seconds_until_the_server_answers=time.perf_counter() - began)
        _load(address, asked, 1, 0.0)  # the first request finds no warm kernels
        rows: list[dict[str, Any]] = []
        for clients in sizes.clients:
            if part.left < sizes.seconds + _FINISH_SECONDS and not part.small:
                part.leave_out(f"{clients} clients")
                continue
            rows.append(_row(clients, *_load(address, asked, clients, sizes.seconds)))
            part.keep(by_clients=rows)
    if not part.small:
        part.keep(goal_is_met=any(row["meets_the_goal"] for row in rows))


def _ask_offline(files: WorkFiles, options: dict[str, str], shares: Mapping[str, int]) -> Asked:
    """The pictures' bytes and prompts, and their scores in this process."""
    detector = Mask2FormerDetector(Mask2FormerDetector.Options(**_typed(options)))
    geneval_pictures.write_prompts(files.images, detector, shares, GenEvalParams())
    del detector
    folder = list(GenEvalFolder(files.images).samples())
    images = [file.path.read_bytes() for file in folder]
    prompts = [read_metadata(file.path.parent.parent) for file in folder]
    with Scorer("geneval", detector="mask2former", detector_options=options, rewards=True) as scorer:
        return Asked(images, prompts, scorer.score(images, prompts))


def _typed(options: dict[str, str]) -> Any:
    return {**options, "weights": Path(options["weights"])}


def _encoding(root: Path) -> float:
    """Seconds that one core needs to make PNGs of a request's pictures, as `Scorer.connect` makes them."""
    pictures = [read_image(file.path) for file in GenEvalFolder(root).samples()]
    began = time.perf_counter()
    for picture in pictures:
        encode_png(picture, compress_level=1)
    return time.perf_counter() - began


@contextmanager
def served(options: dict[str, str], part: Part) -> Iterator[str]:
    """The address of a server with these options of the detector; one process, so one GPU."""
    command = [sys.executable, "-m", "nami_bench", "serve-metrics", "geneval", "--detector", "mask2former"]
    for key, value in options.items():
        command += ["--detector-option", f"{key}={value}"]
    log = part.work / "server.log"
    with log.open("w") as stream:
        server = subprocess.Popen([*command, "--port", "0", "--workers", "1"], stdout=stream, stderr=stream)
    try:
        yield _address(server, log, part)
    finally:
        server.terminate()
        try:
            server.wait(_FINISH_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


def _address(server: "subprocess.Popen[bytes]", log: Path, part: Part) -> str:
    while part.left > 0:
        said = log.read_text(encoding="utf-8", errors="replace")
        if found := _ADDRESS.search(said):
            return found[1]
        if server.poll() is not None:
            last = said.strip().splitlines() or ["nothing"]
            raise WorkError(
                f"the server ended with exit code {server.returncode} and said: {one_line(last[-1])}"
            )
        time.sleep(0.1)
    raise WorkError("the server did not answer in time")


def _load(address: str, asked: Asked, clients: int, seconds: float) -> tuple[Load, float]:
    """What clients saw who asked for so many seconds, at least once each, and how long that took."""
    load = Load()
    began = time.perf_counter()
    threads = [
        threading.Thread(target=_client, args=(address, asked, began + seconds, load)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if load.failures:
        raise WorkError(f"{len(load.failures)} clients had no answer: {load.failures[0]}")
    return load, took


def _client(address: str, asked: Asked, until: float, load: Load) -> None:
    try:
        with Scorer.connect(address, "geneval", batch_size=len(asked.images), connections=1) as scorer:
            while True:
                began = time.perf_counter()
                scores = scorer.score(asked.images, asked.prompts)
                load.take(time.perf_counter() - began, scores, asked.offline)
                if time.perf_counter() >= until:
                    return
    except Exception as error:  # a thread's error would be lost
        load.failures.append(one_line(f"{type(error).__name__}: {error}"))


def _row(clients: int, load: Load, took: float) -> dict[str, Any]:
    rate = load.images / took
    p95 = percentile(load.seconds, 95)
    equal = load.verdicts_that_differ == load.without_value == 0
    return {
        "clients": clients,
        "requests": len(load.seconds),
        "images_per_second": rate,
        "p50_seconds": statistics.median(load.seconds),
        "p95_seconds": p95,
        "seconds": load.seconds,
        "images_without_a_value": load.without_value,
        "verdicts_that_differ": load.verdicts_that_differ,
        "rewards_that_differ": load.rewards_that_differ,
        "meets_the_goal": equal and rate >= GOAL["images_per_second"] and p95 < GOAL["p95_seconds"],
    }


def percentile(seconds: Sequence[float], share: float) -> float:
    """The least time that `share` percent of the requests did not exceed: no time in between is made up."""
    return float(np.percentile(seconds, share, method="inverted_cdf"))

"""How long six million votes take, and how much memory: read in from a public set's form, and ranked.

    python -m benchmarks.votes_speed --votes 6000000 -o docs/results/votes

Writes speed.json there. A file in the form of Rapidata is made (26 votes a pair, 50 models, 3,000 prompts),
and votes of 200,000 named voters, of whom some vote far more often than others, with a covariate. Every
figure is of a process of its own: seconds of its processor (user and system) and by the clock, which on a
busy machine says little, and its peak memory.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nami_bench.export.votes_file import VOTES

MODELS, PROMPTS, VOTES_A_PAIR, VOTERS = 50, 3000, 26, 200_000
AT_ONCE = 10_000
STRENGTHS = np.linspace(1, -1, MODELS)
COUNTRIES = ("IN", "PH", "BR", "DE", "US", "NG", "VN", "EG")


@dataclass(frozen=True)
class Figure:
    """Of one command: seconds of the processor and by the clock, megabytes at the most."""

    what: str
    processor: float
    clock: float
    megabytes: int


def write_rapidata(path: Path, votes: int) -> None:
    """A set in Rapidata's form, without images."""
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(path, _rapidata([], rng).schema, compression="zstd") as writer:
        pairs = votes // VOTES_A_PAIR
        for begin in range(0, pairs, AT_ONCE):
            numbers = list(range(begin, min(begin + AT_ONCE, pairs)))
            writer.write_table(_rapidata(numbers, rng))


def _rapidata(numbers: Sequence[int], rng: np.random.Generator) -> pa.Table:
    rows: dict[str, list[object]] = {
        name: [] for name in ("prompt", "image1_path", "image2_path", "model1", "model2", "detailed_results")
    }
    for number in numbers:
        left, right = rng.choice(MODELS, 2, replace=False)
        prompt = number % PROMPTS
        names = [f"m{left:02d}_{prompt}.jpg", f"m{right:02d}_{prompt}.jpg"]
        chance = 1 / (1 + np.exp(STRENGTHS[right] - STRENGTHS[left]))
        detailed = [
            {"votedFor": names[int(second)], "userDetails": {
                "country": COUNTRIES[where], "language": "en", "userScore": round(float(score), 4)}}
            for second, where, score in zip(
                rng.random(VOTES_A_PAIR) > chance, rng.integers(0, len(COUNTRIES), VOTES_A_PAIR),
                rng.random(VOTES_A_PAIR), strict=True,
            )
        ]  # fmt: skip
        values = (f"prompt number {prompt}", *names, f"m{left:02d}", f"m{right:02d}", json.dumps(detailed))
        for column, value in zip(rows.values(), values, strict=True):
            column.append(value)
    return pa.table(rows, schema=pa.schema({name: pa.string() for name in rows}))


def write_named(path: Path, votes: int) -> None:
    """Votes of named voters in our own form, with brightness as a covariate."""
    rng = np.random.default_rng(1)
    kept = ("study", "annotator", "prompt_id", "sample", "criterion", "left", "right", "outcome", "repeat")
    kept += ("left_brightness", "right_brightness")
    schema = pa.schema([VOTES.field(name) for name in kept])
    busy = np.cumsum(1 / np.arange(10, VOTERS + 10))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for begin in range(0, votes, 10 * AT_ONCE):
            n = min(10 * AT_ONCE, votes - begin)
            left = rng.integers(0, MODELS, n)
            right = (left + rng.integers(1, MODELS, n)) % MODELS
            bright = np.round(rng.random((2, n)), 2)
            d = STRENGTHS[left] - STRENGTHS[right] + bright[0] - bright[1]
            won = np.where(rng.random(n) < 1 / (1 + np.exp(-d)), "left", "right")
            voter = np.searchsorted(busy, rng.random(n) * busy[-1])
            columns = (
                ["speed"] * n, [f"v{i:06d}" for i in voter],
                [f"{i:05d}" for i in rng.integers(0, PROMPTS, n)],
                np.zeros(n, dtype=np.int64), ["preference"] * n, [f"m{i:02d}" for i in left],
                [f"m{i:02d}" for i in right], np.where(rng.random(n) < 0.1, "tie", won).astype(object),
                np.arange(begin, begin + n), bright[0], bright[1],
            )  # fmt: skip
            writer.write_table(pa.table(dict(zip(kept, columns, strict=True)), schema=schema))


def timed(what: str, *arguments: object) -> Figure:
    """A command of the program in a process of its own."""
    command = [sys.executable, "-m", "nami_bench", *map(str, arguments)]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    clock = time.monotonic() - began
    found = Figure(what, round(used.ru_utime + used.ru_stime, 1), round(clock, 1), used.ru_maxrss // 1024)
    print(f"| {found.what} | {found.processor} | {found.clock} | {found.megabytes} |", flush=True)
    return found


def boards(folder: Path, votes: int) -> Iterator[Figure]:
    """Strengths by votes of named voters."""
    named = folder / "named.parquet"
    write_named(named, votes)
    board = ("strengths", "--comparisons", named, "--side", "--json")
    yield timed("strengths, clustered by prompts", *board)
    yield timed("strengths, clustered by prompts and voters", *board, "--errors", "two-way")
    yield timed("strengths with a covariate, four boards", *board, "--covariate", "brightness")


def reading(folder: Path, votes: int) -> Iterator[Figure]:
    """A set read in, and what parts of it say."""
    raw, read = folder / "raw.parquet", folder / "read.parquet"
    write_rapidata(raw, votes)
    yield timed("votes import, Rapidata's form", "votes", "import", "rapidata", raw, "-o", read)
    board = ("strengths", "--comparisons", read, "--by", "country")
    yield timed("strengths by country, nine boards", *board)


PARTS = {"boards": boards, "import": reading}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--votes", type=int, default=6_000_000)
    parser.add_argument("--part", choices=PARTS, help="default: both")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/votes"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "speed.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    for part in (options.part,) if options.part else PARTS:
        found: list[Figure] = []
        with tempfile.TemporaryDirectory() as folder:
            for figure in PARTS[part](Path(folder), options.votes):
                found.append(figure)
                known[part] = {**_about(options.votes), "figures": [asdict(one) for one in found]}
                file.write_text(json.dumps(known, indent=1) + "\n")


def _about(votes: int) -> dict[str, object]:
    return {
        "votes": votes,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "pandas", "pyarrow", "scipy")},
    }


if __name__ == "__main__":
    main()

"""A finished study of any size, written into an empty SQLite store by bulk inserts, and what it costs to look
at it.

    python -m benchmarks.large_study -o docs/results/large-study  # 1,000,000 ratings

Every look runs in a process of its own; `--part NAME --store FILE` runs one and prints JSON. The store alone:

    from benchmarks.large_study import Size, fill
    fill("sqlite:///large.db", Size(prompts=10_000, models=5, people=5))
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("numpy", "scipy", "pandas", "sqlalchemy")
STUDY = "large"
CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
_AT_ONCE = 20_000


@dataclass(frozen=True)
class Size:
    """How much was rated: `people` annotators rated every image of `prompts` prompts by `models` models.

    Beside that, of every thousand values `corrected` were revised once and `withheld` were refused with a
    reason, and of every thousand answers `flagged` carry a flag and a comment. All images have `side` pixels
    a side, and the hash `sha256` where they are one file's copies.
    """

    prompts: int = 10_000
    models: int = 5
    people: int = 5
    corrected: int = 10
    withheld: int = 5
    flagged: int = 3
    sha256: str | None = None
    side: int = 64

    @property
    def ratings(self) -> int:
        return self.prompts * self.models * self.people * len(CRITERIA)


def fill(database_url: str, size: Size, study: str = STUDY, seed: int = 0, **settings: Any) -> None:
    """A store with a study of this size, every image rated by everybody, as the app would have left it.

    `settings` are those of the study that are not NAMI-1K's; more overlap leaves room for other annotators.
    PostgreSQL's own numbering begins at 1: there, only a study that nobody has rated can be gone on with.
    """
    from nami_bench.domain import Annotator, ModelCard, Prompt, PromptSet, Role, prompt_id
    from nami_bench.store import Store
    from nami_bench.study_file import load_study, nami_1k_study_file

    prompts = tuple(
        Prompt(prompt_id(i), f"a picture, number {i}", f"stratum {i % 3}") for i in range(size.prompts)
    )
    models = tuple(f"model-{i}" for i in range(size.models))
    with Store.open(database_url) as store:
        store.catalog.add_prompt_set(PromptSet(study, prompts))
        for model in models:
            store.catalog.add_model(ModelCard(model, "folder"))
        names = [f"annotator-{i:03}" for i in range(size.people)]
        for name in names:
            store.accounts.add(Annotator(name))
        store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    engine = create_engine(database_url)
    with engine.begin() as connection:
        _insert_images(connection, size, study)
    with Store.open(database_url) as store:
        made = load_study(nami_1k_study_file(), name=study, prompt_set=study, models=models)
        store.studies.add(replace(made, **{"overlap": size.people, **settings}))
        store.items.count(study)
    with engine.begin() as connection:
        _insert_work(connection, size, np.random.default_rng(seed))
    engine.dispose()


def _insert_images(connection: Any, size: Size, study: str) -> None:
    prompts = connection.execute(text("SELECT id, prompt_id FROM prompt ORDER BY id")).all()
    models = connection.execute(text("SELECT id, name FROM model ORDER BY id")).all()
    _insert(
        connection,
        "image",
        (
            {
                "model_id": model, "prompt_row_id": prompt, "sample": 0, "state": "done", "seed": 1,
                "path": f"{name}/{study}/{number}/samples/0000.png",
                "sha256": size.sha256 or f"{model:032x}{prompt:032x}",
                "width": size.side, "height": size.side, "seconds": 1.5, "provenance": _PROVENANCE,
                "created_at": _text(START),
            }
            for model, name in models
            for prompt, number in prompts
        ),
    )  # fmt: skip


_PROVENANCE = json.dumps(
    {
        "nami_bench": "1.0",
        "device": "cuda",
        "dtype": "bfloat16",
        "settings": {"steps": 30, "guidance": 7.5, "model_files": {"sha256": "ab" * 32}},
        "libraries": {"torch": "2.5.1", "diffusers": "0.31.0"},
    }
)


def _insert_work(connection: Any, size: Size, rng: np.random.Generator) -> None:
    study = connection.execute(text("SELECT max(id) FROM study")).scalar_one()
    criteria = connection.execute(text("SELECT id, name FROM criterion ORDER BY position")).all()
    people = connection.execute(text("SELECT id FROM annotator WHERE role = 'annotator' ORDER BY id")).all()
    items = connection.execute(
        text("SELECT i.id, i.image_id, p.prompt_id, m.id FROM item AS i JOIN image AS g ON g.id = i.image_id "
             "JOIN prompt AS p ON p.id = g.prompt_row_id JOIN model AS m ON m.id = g.model_id ORDER BY i.id")
    ).all()  # fmt: skip
    _insert(
        connection,
        "member",
        (
            {
                "id": place, "study_id": study, "annotator_id": person, "shown": len(items),
                "done": len(items), "day": "2026-01-05", "done_before_day": 0,
                "qualified_at": _text(START), "checked_from": 0, "joined_at": _text(START),
            }
            for place, (person,) in enumerate(people, start=1)
        ),
    )  # fmt: skip
    connection.execute(text("UPDATE item SET taken = :n, completed = :n"), {"n": len(people)})
    severity = rng.normal(0, 6, len(people))
    quality = {model: 50 + 4 * model for *_, model in items}
    number = 0
    assignments, submissions, ratings = [], [], []
    for place, (person,) in enumerate(people, start=1):
        order = rng.permutation(len(items))
        drawn = rng.normal(0, 15, (len(items), len(criteria)))
        odd = rng.random((len(items), len(criteria) + 1)) * 1000
        taken = rng.integers(1500, 60_000, len(items))
        for position, index in enumerate(order, start=1):
            number += 1
            item, image, _, model = items[index]
            at = _text(START + timedelta(seconds=20 * position))
            values, reasons = {}, {}
            for column, (criterion, name) in enumerate(criteria):
                level = quality[model] + severity[place - 1] + drawn[index, column]
                value = float(np.clip(round(level), 0, 100))
                common = {"criterion_id": criterion, "annotator_id": person, "image_id": image,
                          "duration_ms": int(taken[index]), "created_at": at}  # fmt: skip
                if odd[index, column] < size.withheld:
                    reasons[name] = "too dark"
                    ratings.append(
                        {**common, "revision": 0, "current": True, "value": None, "reason": "too dark"}
                    )
                    continue
                if odd[index, column] < size.withheld + size.corrected:
                    first = 0.0 if value else 1.0
                    ratings.append(
                        {**common, "revision": 0, "current": False, "value": first, "reason": None}
                    )
                values[name] = value
                revision = int(size.withheld <= odd[index, column] < size.withheld + size.corrected)
                ratings.append(
                    {**common, "revision": revision, "current": True, "value": value, "reason": None}
                )
            flagged = bool(odd[index, -1] < size.flagged)
            assignments.append(
                {"id": number, "token": f"t{number}", "study_id": study, "member_id": place, "item_id": item,
                 "occasion": 0, "state": "completed", "swapped": False, "position": position,
                 "assigned_at": at, "expires_at": at, "completed_at": at}
            )  # fmt: skip
            submissions.append(
                {"id": number, "client_token": f"c{number}", "assignment_id": number, "member_id": place,
                 "revision": 0, "answers": json.dumps({"values": values, "reasons": reasons}),
                 "flag": flagged, "comment": "odd fingers" if flagged else "",
                 "duration_ms": int(taken[index]),
                 "created_at": at}
            )  # fmt: skip
            if len(assignments) >= _AT_ONCE:
                _flush(connection, assignments, submissions, ratings)
    _flush(connection, assignments, submissions, ratings)


def _flush(connection: Any, *lists: list[dict[str, Any]]) -> None:
    for table, rows in zip(("assignment", "submission", "rating"), lists, strict=True):
        _insert(connection, table, rows)
        rows.clear()


def _insert(connection: Any, table: str, rows: Any) -> None:
    rows = list(rows)
    if not rows:
        return
    names = list(rows[0])
    marks = ", ".join(f":{name}" for name in names)
    statement = text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})")
    for first in range(0, len(rows), _AT_ONCE):
        connection.execute(statement, rows[first : first + _AT_ONCE])


def _text(at: datetime) -> str:
    """As the store writes times into SQLite."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def overview(database_url: str) -> Iterator[str]:
    """The administrator's page: in a new process, with nothing changed, and after a correction."""
    from nami_bench.annotator_app.admin import StudyLooks
    from nami_bench.store import Store

    with Store.open(database_url) as store:
        looks = StudyLooks(store)
        looks.overview(STUDY)
        yield "overview, new process"
        looks.overview(STUDY)
        yield "overview, unchanged"
        engine = create_engine(database_url)
        with engine.begin() as connection:
            for statement in _CORRECTION:
                connection.execute(text(statement))
        engine.dispose()
        looks.overview(STUDY)
        yield "overview, after a correction"


_CORRECTION = (
    "UPDATE rating SET current = false WHERE id = (SELECT max(id) FROM rating)",
    """
    INSERT INTO rating (criterion_id, annotator_id, image_id, revision, value, created_at)
    SELECT criterion_id, annotator_id, image_id, revision + 1, COALESCE(100 - value, 50), created_at
    FROM rating ORDER BY id DESC LIMIT 1
    """,
)


def export(database_url: str) -> Iterator[str]:
    """The ratings as CSV, as the administrator downloads them."""
    from nami_bench.annotator_app.admin import StudyLooks
    from nami_bench.store import Store

    with Store.open(database_url) as store:
        Path(StudyLooks(store).file(STUDY, "ratings.csv").decode()).unlink()
    yield "export"


def leaderboard(database_url: str) -> Iterator[str]:
    """With intervals, tests, places and groups, as JSON and CSV."""
    from nami_bench.export.files import leaderboard_json, leaderboard_wide_csv
    from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
    from nami_bench.store import Store

    with Store.open(database_url) as store:
        board = leaderboard_from_store(store, study=STUDY)
    leaderboard_wide_csv(board)
    leaderboard_json(board)
    yield "leaderboard"


def report(database_url: str) -> Iterator[str]:
    """The whole folder but the image grids: there are no images."""
    from nami_bench.evaluation.leaderboard.rows import Precision
    from nami_bench.report.contents import collect
    from nami_bench.report.write import write_report
    from nami_bench.store import Store

    with Store.open(database_url) as store, tempfile.TemporaryDirectory() as folder:
        write_report(Path(folder), collect(store, Precision(), study=STUDY), store.catalog.models(), None)
    yield "report"


PARTS = {part.__name__: part for part in (overview, export, leaderboard, report)}


def measure(part: str, database_url: str) -> list[dict[str, Any]]:
    """A line for each step of a part: CPU seconds of this process, seconds by the clock, and the most memory
    so far in MB. The first step pays for the imports; its CPU seconds are also those of Python's start."""
    lines = []
    used, started = 0.0, time.perf_counter()
    for step in PARTS[part](database_url):
        cpu, now = time.process_time(), time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        lines.append({"what": step, "cpu_seconds": round(cpu - used, 2),
                      "seconds": round(now - started, 2), "peak_mb": round(peak)})  # fmt: skip
        used, started = time.process_time(), time.perf_counter()
    return lines


def main() -> None:
    """Print the figures as JSON and as a table; write the first to `-o`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for large-study.json")
    parser.add_argument("--prompts", type=int, default=Size.prompts, help="of 5 models, rated by 5 people")
    parser.add_argument("--store", type=Path, help="with --part: a store that `fill` has made")
    parser.add_argument("--part", choices=PARTS)
    chosen = parser.parse_args()
    if chosen.part:
        if chosen.store is None:
            parser.error("--part needs --store FILE")
        print(json.dumps(measure(chosen.part, f"sqlite:///{chosen.store.resolve()}")))
        return
    size = Size(prompts=chosen.prompts)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "large.db"
        fill(f"sqlite:///{store}", size)
        before = os.getloadavg()[0]
        lines = [line for part in PARTS for line in _alone(part, store)]
    found = {
        "command": "python -m benchmarks.large_study" + f" --prompts {size.prompts}",
        "size": {**asdict(size), "ratings": size.ratings},
        "machine": {"platform": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count(),
                    "load_before": round(before, 1), "load_after": round(os.getloadavg()[0], 1)},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "looks": lines,
    }  # fmt: skip
    for line in lines:
        print(f"| {line['what']} | {line['cpu_seconds']} | {line['seconds']} | {line['peak_mb']} |")
    written = json.dumps(found, indent=2) + "\n"
    if chosen.output is None:
        print(written, end="")
    else:
        chosen.output.mkdir(parents=True, exist_ok=True)
        (chosen.output / "large-study.json").write_text(written)


def _alone(part: str, store: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.large_study", "--part", part, "--store", str(store)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # idle threads that wait for work cost CPU seconds too
    lines: list[dict[str, Any]] = json.loads(subprocess.check_output(command, text=True, cwd=ROOT, env=alone))
    return lines


if __name__ == "__main__":
    main()

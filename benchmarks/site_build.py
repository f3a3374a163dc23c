"""What a results site of 10 models, 1,000 prompts and 4 images of each costs to build and to open.

    python -m benchmarks.site_build -o docs/results/site

Small images that are really there, GenEval's verdicts with boxes, two other metrics' scores, and three
people's ratings of the first image of each prompt. The site is built anew, once more without a change, and
after one more rating; then Chromium, with nothing in its cache, opens pages from disk. `--prompts` makes it
smaller.
"""

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import create_engine, text

from nami_bench.config import Workspace, init_workspace, open_workspace
from nami_bench.domain import Criterion, ModelCard, Prompt, PromptSet, Rating, Study, prompt_id
from nami_bench.images import write_png
from nami_bench.run_file.site import write_site
from nami_bench.store import Store

SIDE = 128
MODELS, SAMPLES, PEOPLE = 10, 4, ("ann", "ben", "cleo")
CRITERIA = (Criterion("relevance", 0.5), Criterion("aesthetics", 0.5))
TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
PACKAGES = ("numpy", "pillow", "pandas", "vl-convert-python")
OPENED = {
    "board": ("index.html", "#board-count"),
    "prompt": ("prompt/large/00007.html", "#app figure img"),
    "prompts": ("prompts.html", "#prompts-count"),
    "model": ("model/large/model-0.html", "svg.vega"),
}
"""Pages by name: the address, and what stands there when its script has run."""
_AT_ONCE = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for site-build.json")
    parser.add_argument("--prompts", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), arguments.prompts)
    arguments.output.mkdir(parents=True, exist_ok=True)
    text_of = json.dumps(found, indent=2) + "\n"
    (arguments.output / "site-build.json").write_text(text_of)
    print(text_of)


def measure(folder: Path, prompts: int) -> dict[str, Any]:
    """Fill a workspace in `folder`, build its site three times, and open it."""
    workspace = filled(folder / "bench", prompts)
    pages = folder / "pages"
    builds = {}
    for name in ("first", "unchanged", "after a rating"):
        if name == "after a rating":
            _one_more(workspace)
        before = time.perf_counter(), os.times()
        built = write_site(pages, workspace.root)
        after = os.times()
        builds[name] = {
            "seconds": round(time.perf_counter() - before[0], 1),
            "cpu_seconds": round(_cpu(after) - _cpu(before[1]), 1),
            "written": built.written,
            "kept": built.kept,
        }
    images = MODELS * SAMPLES * prompts
    first = builds["first"]["seconds"]
    return {
        "images": images,
        "builds": builds,
        "seconds_per_thousand_images": round(1000 * first / images, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "kb_before_images": {name: _kb(pages, address) for name, (address, _) in OPENED.items()},
        "files": sum(1 for path in pages.rglob("*") if path.is_file()),
        "mb": round(sum(p.stat().st_size for p in pages.rglob("*") if p.is_file()) / 1e6, 1),
        "opened": opened(pages),
        "made": datetime.now(UTC).isoformat(timespec="minutes"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in PACKAGES},
    }


def filled(folder: Path, prompts: int) -> Workspace:
    """A workspace with the study `large`: images by writing them, records and scores by bulk inserts."""
    workspace = init_workspace(folder)
    set_of = PromptSet("large", tuple(_prompt(at) for at in range(prompts)))
    models = tuple(f"model-{at}" for at in range(MODELS))
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(set_of)
        for at, model in enumerate(models):
            store.catalog.add_model(ModelCard(model, "folder", parameters=(at + 1) * 10**9))
    engine = create_engine(workspace.database_url)
    with engine.begin() as connection:
        _insert(connection, "image", _images(connection, workspace, prompts))
        _insert(connection, "score", _scores(connection))
    engine.dispose()
    with Store.open(workspace.database_url) as store:
        store.studies.add(Study("large", "large", models, CRITERIA, overlap=4, samples=1))
        store.ratings.add(_ratings(models, prompts))
    return workspace


def _prompt(at: int) -> Prompt:
    words = (
        f"a photo of {at} things beside each other on a wooden table in the evening light, seen from above"
    )
    task = TASKS[at % len(TASKS)]
    clauses = {"tag": task, "include": [{"class": "bench", "count": 1}]}
    return Prompt(prompt_id(at), words, ("short", "community", "long")[at % 3], geneval=clauses)


def _images(connection: Any, workspace: Workspace, prompts: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows = connection.execute(text("SELECT id, prompt_id FROM prompt ORDER BY id")).all()
    models = connection.execute(text("SELECT id, name FROM model ORDER BY id")).all()
    across = np.linspace(0, 200, SIDE, dtype=np.uint8)
    for model, name in models:
        for row, number in rows:
            for sample in range(SAMPLES):
                path = f"{name}/large/{number}/samples/{sample:04d}.png"
                pixels = np.empty((SIDE, SIDE, 3), np.uint8)
                pixels[:] = rng.integers(0, 255, 3, dtype=np.uint8)
                pixels[:, :, 0] ^= across
                pixels[40:90, 30:80] = rng.integers(0, 255, (50, 50, 1), dtype=np.uint8)
                stored = write_png(workspace.images_dir / path, Image.fromarray(pixels))
                yield {
                    "model_id": model, "prompt_row_id": row, "sample": sample, "state": "done",
                    "seed": sample, "path": path, "sha256": stored.sha256,
                    "width": SIDE, "height": SIDE, "seconds": 1.5,
                    "provenance": "{}", "created_at": "2026-01-05 09:00:00.000000",
                }  # fmt: skip


def _scores(connection: Any) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(1)
    boxes = {"reason": "", "boxes": {"bench": [[30.0, 40.0, 80.0, 90.0, 0.91]]}}
    for image, model in connection.execute(text("SELECT id, model_id FROM image ORDER BY id")).all():
        right = rng.random() < 0.3 + 0.05 * model
        details = boxes if right else {"reason": "expected bench>=1, found 0", "boxes": {}}
        for metric, value, low, high in (
            ("geneval", float(right), 0, 1),
            ("pickscore", 20 + model / 5 + rng.normal(), None, None),
            ("clip-score", 0.25 + model / 100 + rng.normal(0, 0.03), -1, 1),
        ):
            yield {
                "image_id": image, "metric": metric, "instrument": "made-up-1", "value": value,
                "reason": None, "image_sha256": None,
                "details": json.dumps(details if metric == "geneval" else {}),
                "created_at": "2026-01-06 09:00:00.000000", "range_low": low, "range_high": high,
            }  # fmt: skip


def _ratings(models: tuple[str, ...], prompts: int) -> list[Rating]:
    rng = np.random.default_rng(2)

    def value(number: int) -> float:
        return float(np.clip(45 + 4 * number + rng.normal(0, 18), 0, 100))

    return [
        Rating("large", who, model, prompt_id(at), 0, one.name, value(number))
        for number, model in enumerate(models)
        for at in range(prompts)
        for who in PEOPLE
        for one in CRITERIA
    ]


def _one_more(workspace: Workspace) -> None:
    """One more annotator rates one image."""
    with Store.open(open_workspace(workspace.root).database_url) as store:
        store.ratings.add(
            Rating("large", "dora", "model-0", prompt_id(0), 0, one.name, 90.0) for one in CRITERIA
        )


def _insert(connection: Any, table: str, rows: Iterator[dict[str, Any]]) -> None:
    waiting: list[dict[str, Any]] = []
    statement = None
    for row in rows:
        waiting.append(row)
        names = list(row)
        marks = ", ".join(f":{name}" for name in names)
        statement = text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})")
        if len(waiting) == _AT_ONCE:
            connection.execute(statement, waiting)
            waiting = []
    if waiting and statement is not None:
        connection.execute(statement, waiting)


def _kb(pages: Path, address: str) -> float:
    """A page with its style and scripts, uncompressed."""
    names = (address, "assets/site.css", "assets/site.js", "assets/early.js")
    return round(sum((pages / name).stat().st_size for name in names) / 1000, 1)


def opened(pages: Path) -> dict[str, dict[str, float]]:
    """By page, the median of five: seconds to the first content, and until its script has run."""
    from docs.screenshots import chromium

    found = {}
    with chromium() as browser:
        for name, (address, ready) in OPENED.items():
            paints, scripts = [], []
            for _ in range(5):
                with browser.new_context() as context:
                    page = context.new_page()
                    begun = time.perf_counter()
                    page.goto((pages / address).as_uri(), wait_until="commit")
                    page.locator(ready).first.wait_for(state="attached")
                    scripts.append(time.perf_counter() - begun)
                    while not (painted := page.evaluate(_PAINTED)):  # its policy forbids to wait inside
                        page.wait_for_timeout(20)
                    paints.append(painted / 1000)
            found[name] = {
                "first_content_s": round(median(paints), 2),
                "script_has_run_s": round(median(scripts), 2),
            }
    return found


_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def _cpu(times: os.times_result) -> float:
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()

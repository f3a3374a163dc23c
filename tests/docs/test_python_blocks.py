"""The Python of README.md and docs/ runs; see `docs/command_blocks.py` for what a page may ask for."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_blocks import PAGES, ROOT, blocks, named

from nami_bench import leaderboard, pipeline, registry
from nami_bench.domain import ModelCard
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from nami_bench.prompts.geneval import Grammar, geneval_prompt_set
from nami_bench.shapes import SHAPES
from nami_bench.store import Store
from tests.support.drawn import drawn, shapes_prompts
from tests.support.small_study import CRITERIA, drawn_ratings, small_files, small_workspace

SERVER = "http://127.0.0.1:18085"
"""Where pages say that the metrics server is."""


def judgements_and_images(folder: Path) -> dict[str, Any]:
    small_files(folder)
    small_workspace(folder / "nami-workspace")
    return images(folder)


def images(folder: Path) -> dict[str, Any]:
    """Where the demo has those of its best model."""
    made = GenEvalFolder(folder / "nami-workspace" / "images" / "shapes-good" / "shapes-demo")
    prompts = shapes_prompts(12)
    for at, (prompt, picture) in enumerate(zip(prompts, drawn(prompts), strict=True)):
        made.write_metadata(at, prompt.metadata())
        write_png(made.sample_path(at, 0), picture)
    return {}


def judgements_and_twins(folder: Path) -> dict[str, Any]:
    """Judgements, and two of the demo's models with images of the same seeds and their verdicts."""
    small_files(folder)
    workspace = small_workspace(folder / "nami-workspace")
    prompts = geneval_prompt_set("shapes-demo", Grammar(SHAPES, None), per_task=2)
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(prompts)
        models = {"shapes-good": 0.1, "shapes-poor": 0.6}
        for name, rate in models.items():
            store.catalog.add_model(ModelCard(name, "shapes", {"error_rate": rate, "size": 64}))
            pipeline.generate(store, workspace.images_dir, name, prompts, samples=1, seed=7)
        metric = registry.create("metrics", "geneval", {"detector": "shapes"})
        pipeline.run_metric(store, workspace.images_dir, metric, list(models), "shapes-demo")
    return {}


def table_and_criteria(folder: Path) -> dict[str, Any]:
    return {"table": ratings_table(drawn_ratings()), "criteria": CRITERIA}


def detections(folder: Path) -> dict[str, Any]:
    prompt = shapes_prompts(1)[0]
    detector = ShapesDetector()
    (picture,) = drawn([prompt])
    (found,) = detector.detect([picture])

    def colors(group: Sequence[Detection]) -> list[str]:
        return detector.color_classifier.classify(picture, group)

    return {"metadata": prompt.metadata(), "detections": found, "colors": colors}


def run_file(folder: Path) -> dict[str, Any]:
    """The page's own."""
    page = ROOT / "docs" / "run-files.md"
    (file,) = (block for block in blocks(page) if block.file == "bench.toml")
    (folder / "bench.toml").write_text(file.text)
    return {}


def long_table(folder: Path) -> dict[str, Any]:
    """What the demo's run writes, of the small study."""
    small_files(folder)
    board = leaderboard(
        folder / "ratings.csv", criteria=folder / "criteria.toml", prompts=folder / "prompts.jsonl"
    )
    path = folder / "nami-workspace" / "reports" / "leaderboard.long.csv"
    path.parent.mkdir(parents=True)
    path.write_text(board.to_csv("csv-long"))
    return {}


def scores_and_votes(folder: Path) -> dict[str, Any]:
    for name in ("scores.csv", "votes.csv"):
        shutil.copy(ROOT / "tests" / "data" / "metric_accuracy" / name, folder)
    return {}


SETUPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "README.md": judgements_and_images,
    "docs/leaderboards.md": long_table,
    "docs/metrics.md": scores_and_votes,
    "docs/python.md": judgements_and_twins,
    "docs/rewards.md": detections,
    "docs/run-files.md": run_file,
    "docs/site.md": judgements_and_images,
    "docs/statistics.md": table_and_criteria,
}
"""What a page takes for granted: files in its folder, and names."""
CASES = [
    pytest.param(page, long, id=f"{named(page)}{' long' * long}", marks=[pytest.mark.slow] if long else [])
    for page in PAGES
    for long in (False, True)
    if any(one.holds_python and not one.needs and long == ("long" in one.marks) for one in blocks(page))
]


@pytest.mark.parametrize(("page", "long"), CASES)
def test_the_python_of_a_page_runs(
    page: Path,
    long: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    names = SETUPS.get(named(page), lambda folder: {})(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        if block.holds_python and not block.needs and (long or "long" not in block.marks):
            text = block.text
            if SERVER in text:
                text = text.replace(SERVER, request.getfixturevalue("shapes_server"))
            # So that a traceback names the page and its line.
            exec(compile("\n" * block.line + text, named(page), "exec"), names)

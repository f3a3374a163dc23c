"""Questions in a workspace: written from clauses, answered by a judge, in the leaderboard and on a page."""

import json
import re
from pathlib import Path

import pytest

from nami_bench import pipeline
from nami_bench.config import init_workspace
from nami_bench.domain import ModelCard
from nami_bench.prompts.geneval import Grammar, geneval_prompt_set
from nami_bench.shapes import SHAPES
from nami_bench.store import Store
from tests.support.program import nami_bench

JUDGE = ("--judge", "shapes", "-O", "questions=questions.jsonl")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two renderers' images of eighteen prompts, the second without a flaw, and their questions."""
    folder = tmp_path_factory.mktemp("questions")
    workspace = init_workspace(folder / "nami-workspace")
    prompt_set = geneval_prompt_set("shapes", Grammar(SHAPES, None), per_task=2)
    with Store.open(workspace.database_url) as store:
        pipeline.save_prompt_set(workspace, store, prompt_set)
        for name, rate in (("poor", 1.0), ("good", 0.0)):
            store.catalog.add_model(ModelCard(name, "shapes", {"error_rate": rate, "size": 96}))
            pipeline.generate(store, workspace.images_dir, name, prompt_set, samples=1, seed=1)
    written = nami_bench(
        "questions", "write", "--prompts", "shapes", "--from", "clauses", "-o", "questions.jsonl", cwd=folder
    )
    assert written.returncode == 0, written.stderr
    done = nami_bench("evaluate", "dsg", "dpg", *JUDGE, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_leaderboard_has_the_metric_and_its_categories(root: Path) -> None:
    board = json.loads(nami_bench("leaderboard", "--json", cwd=root).stdout)
    scores = {row["model"]: row["automatic"] for row in board["rows"]}
    (key,) = (key for key in scores["good"] if key.startswith("dsg:shapes:shapes-analytic"))
    assert scores["good"][key]["value"] == 1.0 > scores["poor"][key]["value"]
    assert set(scores["good"][key]["tasks"]) == {"attribute", "entity", "other", "relation"}
    text = nami_bench("leaderboard", cwd=root).stdout
    assert "dsg by category" in text and "dpg by category" in text
    assert "by category, the mean over questions before zeroing" in text
    header = nami_bench("leaderboard", "--format", "csv", cwd=root).stdout.splitlines()[0]
    assert re.search(r"dsg:shapes:[^,]*:overall,.*dsg:shapes:[^,]*:relation", header)


def test_a_second_evaluation_asks_nothing(root: Path) -> None:
    counts = json.loads(nami_bench("evaluate", "dsg", *JUDGE, "--json", cwd=root).stdout)
    assert [count["kept"] for count in counts.values()] == [36]


def test_the_page_shows_every_answer_of_the_models_asked_for(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "page"
    made = nami_bench("questions", "browse", "--metric", "dsg", "--model", "poor", "-o", page, cwd=root)
    assert made.returncode == 0, made.stderr
    text = (page / "index.html").read_text()
    assert "poor/shapes/00000/samples/0000.png" in text and "good/shapes" not in text
    assert "Is there a" in text and len(list((page / "images").iterdir())) == 18


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--metric", "tifa"), "no answers of 'tifa' are recorded for"),
        (("--metric", "dsg", "--model", "nobody"), "unknown model 'nobody'"),
        (("--metric", "dsg", "--prompts", "nothing"), "unknown prompt set 'nothing'"),
    ],
)
def test_nothing_to_show_is_one_sentence(root: Path, tmp_path: Path, arguments: tuple, said: str) -> None:
    made = nami_bench("questions", "browse", *arguments, "-o", tmp_path / "page", cwd=root)
    assert made.returncode == 2 and said in made.stderr and made.stderr.count("\n") == 1
    assert not (tmp_path / "page").exists()


def test_an_image_that_is_gone_is_counted(root: Path, tmp_path: Path) -> None:
    path = root / "nami-workspace" / "images" / "good" / "shapes" / "00003" / "samples" / "0000.png"
    kept = path.read_bytes()
    try:
        path.unlink()
        made = nami_bench("questions", "browse", "--metric", "dsg", "-o", tmp_path / "page", cwd=root)
        assert made.returncode == 0 and "1 of 36 images were not found" in made.stderr
    finally:
        path.write_bytes(kept)

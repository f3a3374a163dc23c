"""A run, done: everything that the file says is there, once, and named in the lock."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nami_bench import run as public_run
from nami_bench.domain import ImageState
from nami_bench.errors import InputError
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.pipeline import image_seed
from nami_bench.run_file import RunResult, run
from nami_bench.run_file.examples import example_paths
from tests.support.program import nami_bench
from tests.support.small_run import Ground


def test_a_run_makes_scores_judges_and_ranks_what_its_file_says(done: Ground, result: RunResult) -> None:
    with done.store() as store:
        images = store.images.find(state=ImageState.DONE)
        scores = store.scores.find()
        assert {(i.model, i.prompt_id, i.sample) for i in images} == {
            (model, f"{prompt:05d}", 0) for model in ("good", "poor-0.9") for prompt in range(3)
        }
        seeds = {"good": 0, "poor-0.9": 1}
        assert all(i.seed == image_seed(seeds[i.model], i.prompt_id, 0) for i in images)
        assert {score.metric for score in scores} == {"geneval", "dsg"} and len(scores) == 2 * 6
        assert len(store.ratings.table("simulated")) == 6 * 2 * 4
    board = result.leaderboards["leaderboard"]
    assert [row.model for row in board.rows] == ["good", "poor-0.9"]
    assert {row.status for row in board.rows} == {"simulated"}
    assert [path.name for path in result.written] == [
        "leaderboard.csv", "leaderboard.legend.csv", "leaderboard.provenance.csv", "leaderboard.json",
        "small.lock.json",
    ]  # fmt: skip
    assert all((done.reports / path.name).is_file() for path in result.written)


def test_a_run_done_again_makes_nothing_and_the_same_files(
    done: Ground, contents: Callable[[Path], dict[Path, bytes]]
) -> None:
    before = contents(done.workspace)
    with done.store() as store:
        scored = [(score.metric, score.created_at) for score in store.scores.find()]
    assert done.run().failures == ()
    after = contents(done.workspace)
    changed = {path.name for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed <= {"small.lock.json", "nami.db"}
    with done.store() as store:
        assert [(score.metric, score.created_at) for score in store.scores.find()] == scored


@pytest.mark.parametrize(
    "step",
    [
        "score_images",
        *(
            pytest.param(step, marks=pytest.mark.slow)
            for step in ("make_images", "work_studies", "write_leaderboards", "write_lock")
        ),
    ],
)
def test_a_run_that_broke_off_goes_on_where_it_was(
    ground: Ground, done: Ground, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(f"nami_bench.run_file.runner.{step}", broken)
        with pytest.raises(KeyboardInterrupt):
            ground.run()
    assert ground.run().failures == ()
    for name in ("leaderboard.csv", "leaderboard.json"):
        ours, theirs = (json_or_text(place.reports / name) for place in (ground, done))
        assert ours == theirs


def broken(*arguments: object) -> None:
    raise KeyboardInterrupt


def json_or_text(path: Path) -> object:
    if path.suffix != ".json":
        return path.read_bytes()
    found = json.loads(path.read_text())
    return {key: found[key] for key in ("rows", "prompt_sets", "criteria", "pairs")}


@pytest.mark.slow
def test_the_same_commands_one_by_one_give_the_same_leaderboard(tmp_path: Path) -> None:
    """What a run file does is what the commands do."""
    ratings = tmp_path / "ratings.csv"
    with ratings.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("study", "annotator", "model", "prompt_id", "sample", "criterion", "value"))
        for at, (who, model, prompt) in enumerate(
            (who, model, prompt)
            for who in ("mei", "tom")
            for model in ("good", "poor")
            for prompt in range(3)
        ):
            for add, criterion in enumerate(("relevance", "coherence", "aesthetics", "authenticity")):
                value = (80 if model == "good" else 40) + 3 * add + at
                lines.writerow(("people", who, model, f"{prompt:05d}", 0, criterion, value))
    (tmp_path / "bench.toml").write_text(
        '[[prompts]]\nname = "shapes-demo"\nrecipe = "shapes-demo"\n[generation]\nsamples = 1\nfirst = 3\n'
        '[[model]]\nname = "good"\nadapter = "shapes"\noptions = { size = "64" }\n'
        '[[model]]\nname = "poor"\nadapter = "shapes"\noptions = { size = "64", error_rate = "0.9" }\n'
        '[[metric]]\nname = "geneval"\ndetector = "shapes"\noptions = { workers = 0 }\n'
        '[[study]]\nname = "people"\nprotocol = "nami-1k"\nratings = ["ratings.csv"]\n'
        '[[leaderboard]]\nstudy = "people"\n'
    )
    nami(tmp_path, "by-file", "run", "bench.toml")
    for line in (
        "init by-hand",
        "prompts build shapes-demo",
        "models add good --adapter shapes -O size=64",
        "models add poor --adapter shapes -O size=64 -O error_rate=0.9",
        "generate --model good --model poor --prompts shapes-demo --samples 1 --first 3",
        "evaluate geneval --detector shapes -O workers=0",
        "study create --name people --prompts shapes-demo --model good --model poor",
        "ratings import ratings.csv",
        "leaderboard --study people -o by-hand.csv",
    ):
        nami(tmp_path, "by-hand", *line.split())
    by_file = tmp_path / "by-file" / "reports" / "leaderboard.csv"
    assert by_file.read_bytes() == (tmp_path / "by-hand.csv").read_bytes()


def nami(folder: Path, workspace: str, *arguments: str) -> str:
    ended = nami_bench("--workspace", folder / workspace, *arguments, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_images_made_elsewhere_are_imported(done: Ground, tmp_path: Path) -> None:
    """As many samples as there are, without being told."""
    source = done.workspace / "images" / "good" / "shapes"
    assert len(list(GenEvalFolder(source).samples())) == 3
    values = {
        "prompts": [{"name": "shapes", "grammar": "shapes", "per_task": 1, "first": 3}],
        "model": [{"name": "theirs", "folder": str(source)}],
        "metric": [{"name": "geneval", "detector": "shapes", "options": {"workers": 0}}],
        "leaderboard": [{"formats": ["json"]}],
    }
    found = public_run(values, workspace=tmp_path / "other")
    [row] = found.leaderboards["leaderboard"].rows
    assert (row.model, found.failures) == ("theirs", ())
    files = (tmp_path / "other" / "images").rglob("*.png")
    theirs = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert theirs == {hashlib.sha256(path.read_bytes()).hexdigest() for path in source.rglob("*.png")}


def test_what_is_missing_at_the_end_is_said_and_kept_as_a_failure(tmp_path: Path) -> None:
    """The renderer draws no prompts without clauses."""
    (tmp_path / "own.txt").write_text("a fox\n")
    (tmp_path / "bench.toml").write_text(
        '[[prompts]]\nname = "own"\nfile = "own.txt"\n[[model]]\nname = "m"\nadapter = "shapes"\n'
    )
    ended = nami_bench("run", tmp_path / "bench.toml", cwd=tmp_path)
    assert ended.returncode == 1
    assert "4 images of m on own failed, the first: 00000/0000: the shapes" in ended.stderr
    lock = json.loads((tmp_path / "nami-workspace" / "reports" / "bench.lock.json").read_text())
    assert lock["models"][0]["images"]["own"]["failed"] == 4


def test_what_metrics_need_is_looked_for_before_images_are_made(ground: Ground) -> None:
    ground.write(('questions_from = "clauses"', 'questions = "nowhere.jsonl"'))
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        ground.run()
    assert not list((ground.workspace / "images").rglob("*.png"))


def test_a_model_a_study_and_scores_of_the_workspace_are_taken_as_they_are(done: Ground) -> None:
    values = {
        "prompts": [{"name": "shapes"}],
        "model": [{"name": "good"}, {"name": "poor-0.9"}],
        "study": [{"name": "simulated"}],
        "leaderboard": [{"study": "simulated", "name": "as-it-is"}],
    }
    found = run(values, workspace=done.workspace)
    assert [row.model for row in found.leaderboards["as-it-is"].rows] == ["good", "poor-0.9"]
    assert len(found.leaderboards["as-it-is"].board.automatic) == 2


def test_a_study_that_is_another_one_is_refused(done: Ground) -> None:
    with pytest.raises(InputError, match="study 'simulated' exists and differs in canvas: give the new one"):
        done.run(overrides={"study.simulated.canvas": "64"})


def test_other_prompts_than_the_file_wants_are_refused(ground: Ground) -> None:
    with pytest.raises(InputError, match="these are other prompts"):
        ground.run(overrides={"prompts.shapes.sha256": "0" * 64})


def test_simulated_annotators_need_genevals_verdicts(ground: Ground) -> None:
    ground.write(('[[metric]]\nname = "geneval"\ndetector = "shapes"\noptions = { workers = 0 }\n', ""))
    with pytest.raises(InputError, match="go by GenEval's verdicts, and good, poor"):
        ground.run()


def test_a_limit_draws_the_same_prompts_for_models_of_different_seeds(ground: Ground) -> None:
    text = ground.file.read_text().replace("first = 3", "limit = 4")
    ground.file.write_text(text.partition("[[metric]]")[0])
    ground.run()
    with ground.store() as store:
        drawn = {m: {i.prompt_id for i in store.images.find(models=[m])} for m in ("good", "poor-0.9")}
    assert len(drawn["good"]) == 4 and drawn["good"] == drawn["poor-0.9"] != {f"{n:05d}" for n in range(4)}


def test_the_demo_does_the_run_file_that_comes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(
        "nami_bench.run_file.run", lambda source, **options: asked.append(source) or RunResult()
    )
    assert nami_bench("demo", "--no-serve", cwd=tmp_path).returncode == 0
    assert asked == [example_paths()["demo"]]


@pytest.mark.slow
def test_the_demos_run_file_reproduces_the_demos_leaderboard_to_the_digit(tmp_path: Path) -> None:
    nami(tmp_path, "demo", "demo", "--no-serve")
    nami(tmp_path, "demo", "run", "--init", "--example", "demo", "demo.toml")
    nami(tmp_path, "run", "run", "demo.toml")
    one, other = (tmp_path / name / "reports" / "leaderboard.csv" for name in ("demo", "run"))
    assert one.read_bytes() == other.read_bytes()
    assert "nothing differs" in nami(
        tmp_path, "run", "run", "demo.toml", "--check", "demo/reports/demo.lock.json"
    )


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_gives_the_same_leaderboard(
    ground: Ground, done: Ground
) -> None:
    program = [sys.executable, "-m", "nami_bench", "--workspace", str(ground.workspace)]
    command = [*program, "run", str(ground.file)]
    environment: Mapping[str, str] = {**os.environ, "OMP_NUM_THREADS": "1"}
    for step in ("1. ", "2. ", "good on shapes", "3. ", "geneval (shapes) on", "4. ", "5. ", "lock: "):
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert any(line.strip().startswith(step) for line in process.stderr)
            process.send_signal(signal.SIGKILL)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    ours, theirs = (place.reports / "leaderboard.csv" for place in (ground, done))
    assert ours.read_bytes() == theirs.read_bytes()

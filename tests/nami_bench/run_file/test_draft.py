"""`run --init`: a run file from what a workspace holds, or one of the examples."""

from pathlib import Path

import pytest

from nami_bench.config import init_workspace, load_toml
from nami_bench.run_file import load_run
from nami_bench.run_file import run as run_it
from nami_bench.run_file.examples import example_paths
from tests.support.program import nami_bench
from tests.support.small_run import Ground

SAME_INTERVALS = {"leaderboard.0.intervals.method": "percentile", "leaderboard.0.intervals.replicates": 50}


def init(ground: Ground, *arguments: object) -> str:
    """The text of a run file that is written anew."""
    file = ground.folder / "drafted.toml"
    ended = nami_bench("--workspace", ground.workspace, "run", "--init", file, *arguments)
    assert ended.returncode == 0, ended.stderr
    return file.read_text()


@pytest.mark.slow
def test_what_is_written_says_what_the_run_was_and_gives_the_same_leaderboard(done: Ground) -> None:
    done.lock.unlink()  # it would tell
    text = init(done)
    assert text.count("\n# ") > 6
    drafted, run = load_run(done.folder / "drafted.toml").run, load_run(done.file).run
    assert [(m.name, m.adapter, m.options, m.seed) for m in drafted.model] == [
        (m.name, m.adapter, m.options, m.seed or 0) for m in run.model
    ]
    assert (drafted.prompts[0].samples, drafted.prompts[0].first) == (1, 3)
    assert {(m.name, m.detector or m.judge) for m in drafted.metric} == {
        ("geneval", "shapes"),
        ("dsg", "shapes"),
    }
    assert drafted.study[0].simulated_annotators == 2
    values = load_toml(done.folder / "drafted.toml")
    del values["report"]  # takes seconds to draw
    before = (done.reports / "leaderboard.csv").read_bytes()
    (done.reports / "leaderboard.csv").unlink()
    made = {path: path.stat().st_mtime_ns for path in done.workspace.rglob("*.png")}
    run_it(values, workspace=done.workspace, overrides=SAME_INTERVALS)
    assert (done.reports / "leaderboard.csv").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in done.workspace.rglob("*.png")} == made


@pytest.mark.slow
def test_what_is_written_can_be_run_as_it_is(done: Ground) -> None:
    init(done)
    ended = nami_bench("--workspace", done.workspace, "run", done.folder / "drafted.toml")
    assert ended.returncode == 0, ended.stderr
    assert " made" not in ended.stderr and " scored" not in ended.stderr
    assert (done.reports / "simulated" / "index.html").is_file()


def test_options_that_only_an_earlier_run_knows_are_taken_from_its_lock(done: Ground) -> None:
    done.run(overrides={"metric.geneval.options.params.threshold": 0.5, "study.0.simulated_annotators": 2})
    init(done)
    thresholds = [m.options.get("params") for m in load_run(done.folder / "drafted.toml").run.metric]
    assert {"threshold": 0.5} in thresholds


def test_scores_of_an_unknown_instrument_are_left_as_they_are_and_said_so(done: Ground) -> None:
    from dataclasses import replace

    done.lock.unlink()
    with done.store() as store:
        scores = [replace(s, metric="pickscore", instrument="PickScore-0") for s in store.scores.find()]
        store.scores.put(scores[:2])
    text = init(done)
    assert "# 2 scores of pickscore by PickScore-0\n# are kept as they are" in text
    assert "pickscore" not in {metric.name for metric in load_run(done.folder / "drafted.toml").run.metric}


def test_a_model_that_was_asked_for_otherwise_is_taken_as_it_is(done: Ground) -> None:
    common = ("--workspace", done.workspace)
    for line in (
        "models add other --adapter shapes -O size=64",
        "generate --model other --prompts shapes --samples 2 --first 1 --seed 123456",
    ):
        assert nami_bench(*common, *line.split()).returncode == 0
    text = init(done)
    assert "# its images were made with a seed above 9999, or several, which is not recorded\n" in text
    drafted = {model.name: model for model in load_run(done.folder / "drafted.toml").run.model}
    assert drafted["other"].is_recorded and not drafted["good"].is_recorded


@pytest.mark.parametrize("name", example_paths())
def test_an_example_is_written_as_it_is(ground: Ground, name: str) -> None:
    assert init(ground, "--example", name) == example_paths()[name].read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--init", "small.toml", "--example", "demo"], "small.toml exists: name another file"),
        (["--init", "new.toml"], "the workspace has no images yet"),
        (["--example", "demo"], "--example belongs to --init, which was not asked for"),
        (["--init", "--dry-run"], "--dry-run, --check and --init contradict each other"),
        (["--init", "new.toml", "-s", "a=1"], "-s belongs to a run"),
        ([], "cannot read bench.toml: No such file or directory"),
        (["small.toml", "-s", "seed"], "-s 'seed' is not of the form KEY=VALUE"),
    ],
)
def test_what_contradicts_itself_is_refused(ground: Ground, arguments: list[str], said: str) -> None:
    init_workspace(ground.folder / "nami-workspace")
    ended = nami_bench("run", *arguments, cwd=ground.folder)
    assert ended.returncode == 2 and said in ended.stderr
    assert sorted(path.name for path in ground.folder.iterdir()) == ["nami-workspace", "small.toml"]


def test_names_and_texts_of_any_kind_are_written_as_they_are(done: Ground) -> None:
    from nami_bench.run_file.parts import ModelPart
    from nami_bench.toml_text import entry

    options = {"prompt": 'a "b"\\ \n\t\x7f é 日', "a key": [1, 2.5, True, {"x": "y"}], "empty": {}}
    file = Path(done.folder / "odd.toml")
    file.write_text(f'[[prompts]]\nname = "p"\n{entry("model", ModelPart("m", "shapes", options))}')
    assert load_run(file).run.model[0].options == options

"""`--dry-run`: what would be done, to the number; nothing is changed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nami_bench.run_file import Plan, run
from nami_bench.run_file.examples import example_paths
from tests.support.program import nami_bench
from tests.support.small_run import Ground

Contents = Callable[[Path], dict[Path, bytes]]
HEAVY = ("geneval", "nami-1k", "paper")
"""What these name cannot be looked at without torch."""


def counts(plan: Plan | None) -> dict[tuple[str, str], tuple[int | None, int | None]]:
    assert plan is not None
    return {(one.step, one.name): (one.there, one.to_do) for one in plan.steps}


@pytest.mark.parametrize("name", ["demo", *(pytest.param(name, marks=pytest.mark.slow) for name in HEAVY)])
def test_every_example_can_be_looked_at_where_nothing_is_there(name: str, tmp_path: Path) -> None:
    plan = run(example_paths()[name], workspace=tmp_path / "none", dry_run=True).plan
    assert plan is not None and list(tmp_path.iterdir()) == []
    assert {one.step for one in plan.steps} >= {"prompts", "images", "scores", "leaderboard", "lock"}
    assert all(one.there == 0 and one.to_do for one in plan.steps if one.step in ("prompts", "images"))
    # What is not on this machine, the detector's weights above all, is named and hides nothing else.
    assert all("scores" in problem or "nami-2b" in problem for problem in plan.problems)


def test_of_nothing_everything_is_to_do(ground: Ground) -> None:
    plan = ground.run(dry_run=True).plan
    found = counts(plan)
    assert found["images", "good on shapes"] == (0, 3)
    assert (
        found["scores", "geneval (shapes) on shapes"] == found["scores", "dsg (shapes) on shapes"] == (0, 6)
    )
    assert found["study", "simulated"] == (0, 1)
    assert plan is not None and "Nothing is known of how long these take: good on shapes" in plan.duration()
    assert not ground.workspace.exists()


def test_of_a_run_that_is_done_nothing_is_to_do_and_nothing_changes(done: Ground, contents: Contents) -> None:
    before = contents(done.workspace)
    plan = done.run(dry_run=True).plan
    found = counts(plan)
    assert found["prompts", "shapes"][1] == found["images", "good on shapes"][1] == 0
    assert found["scores", "dsg (shapes) on shapes"] == (6, 0) and found["study", "simulated"] == (1, 0)
    assert plan is not None and plan.duration() == "No images or scores are to be made."
    assert contents(done.workspace) == before


def test_more_is_counted_and_timed_by_what_was_done(done: Ground, contents: Contents) -> None:
    before = contents(done.workspace)
    plan = done.run(dry_run=True, overrides={"generation.first": 5, "generation.samples": 2}).plan
    found = counts(plan)
    assert found["images", "good on shapes"] == (3, 7)
    assert found["scores", "geneval (shapes) on shapes"] == (6, 14)
    assert plan is not None and plan.untimed == ()
    with done.store() as store:
        seconds = [image.seconds for image in store.images.find(models=["good"]) if image.seconds]
    [expected] = [one.seconds for one in plan.steps if one.name == "good on shapes"]
    assert expected == pytest.approx(7 * sum(seconds) / len(seconds))
    took = {one["metric"]["name"]: one for one in json.loads(done.lock.read_text())["took"]}["geneval"]
    [scored] = [one.seconds for one in plan.steps if one.name.startswith("geneval")]
    assert took["images"] == 6 and scored == pytest.approx(14 * took["seconds"] / 6)
    assert contents(done.workspace) == before


def test_another_detector_is_not_timed_by_this_one(done: Ground) -> None:
    plan = done.run(dry_run=True, overrides={"metric.geneval.options.params.threshold": 0.5}).plan
    assert plan is not None and [one.name for one in plan.untimed] == ["geneval (shapes) on shapes"]
    assert counts(plan)["scores", "geneval (shapes) on shapes"] == (0, 6)


def test_what_cannot_be_done_here_is_a_problem_beside_what_can(done: Ground, contents: Contents) -> None:
    before = contents(done.workspace)
    plan = done.run(
        dry_run=True,
        overrides={
            "model.good.options.error_rate": 0.5,
            "metric.dsg.judge_options.x": 1,
            "study.0.canvas": 64,
        },
    ).plan
    assert plan is not None
    model, metric, study = plan.problems
    assert model.startswith("images, good on shapes: model 'good' exists with other settings")
    assert metric == "scores, dsg (shapes) on shapes: judge 'shapes' takes no options, got x"
    assert study.startswith("study, simulated: study 'simulated' exists and differs in canvas")
    assert contents(done.workspace) == before


def test_sources_that_would_be_downloaded_are_counted_by_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "lumiere.txt").write_text("a fox\n")
    values = {
        "prompts": [
            {"name": "p", "recipe": "nami-1k-public", "sources": {"lumiere": tmp_path / "lumiere.txt"}}
        ],
        "model": [{"name": "m", "adapter": "shapes"}],
        "metric": [{"name": "dsg", "judge": "shapes", "questions_from": "clauses"}],
    }
    plan = run(values, workspace=tmp_path / "none", dry_run=True).plan
    assert plan is not None
    assert counts(plan)["prompts", "p"] == (0, 1000)
    assert "their sources are downloaded first: partiprompts" in plan.steps[0].note
    assert counts(plan)["images", "m on p"] == (0, None)


def test_the_command_prints_a_table_or_json(done: Ground) -> None:
    common = ("--workspace", done.workspace, "run", done.file, "--dry-run", "-s", "generation.first=4")
    ended = nami_bench(*common)
    assert ended.returncode == 0 and "geneval (shapes) on shapes" in ended.stdout
    assert "About 1 s for images and scores." in ended.stdout
    assert "nothing was changed (--dry-run)" in ended.stderr
    steps = json.loads(nami_bench(*common, "--json").stdout)["steps"]
    assert [one["to_do"] for one in steps if one["step"] == "images"] == [1, 1]

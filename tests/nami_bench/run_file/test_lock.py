"""The lock, and what `--check` says of it on another machine."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nami_bench.errors import InputError
from nami_bench.run_file import Check, run
from nami_bench.software import software
from tests.support.program import nami_bench
from tests.support.small_run import Ground

Contents = Callable[[Path], dict[Path, bytes]]


def checked(ground: Ground, **options: Any) -> Check:
    check = ground.run(check=ground.lock, **options).check
    assert check is not None
    return check


def changed(ground: Ground, change: Callable[[dict[str, Any]], object]) -> None:
    lock = json.loads(ground.lock.read_text())
    change(lock)
    ground.lock.write_text(json.dumps(lock))


def test_the_lock_names_everything_by_hash_or_version(done: Ground) -> None:
    lock = json.loads(done.lock.read_text())
    assert lock["schema"] == "nami-bench/run-lock/1" and lock["software"] == software()
    assert lock["run_file"]["name"] == "small.toml" and len(lock["run_file"]["sha256"]) == 64
    assert lock["run_file"]["content"]["generation"]["first"] == 3
    assert lock["run_file"]["content"]["study"][0]["simulated_annotators"] == 2
    with done.store() as store:
        assert lock["prompt_sets"][0]["sha256"] == store.catalog.prompt_set("shapes").sha256
        instruments = {score.instrument for score in store.scores.find()}
    good, poor = lock["models"]
    assert good["settings"]["options"]["size"] == 64 and good["images"]["shapes"]["done"] == 3
    assert good["images"]["shapes"]["sha256"] != poor["images"]["shapes"]["sha256"]
    assert {one["instrument"] for one in lock["scores"]} == instruments and len(lock["scores"]) == 4
    assert lock["studies"][0]["judgements"] == 6 * 2 * 4
    assert set(lock["leaderboards"]) == {"leaderboard"}
    assert set(lock["files"]) == {
        "leaderboard.csv", "leaderboard.legend.csv", "leaderboard.json", "leaderboard.provenance.csv",
    }  # fmt: skip


def test_the_lock_tells_no_folders_of_this_machine(done: Ground) -> None:
    assert (
        str(done.folder.parent) not in done.lock.read_text() and str(Path.home()) not in done.lock.read_text()
    )


def test_where_a_run_was_done_nothing_differs_and_nothing_changes(done: Ground, contents: Contents) -> None:
    before = contents(done.workspace)
    assert checked(done) == Check((), ())
    assert contents(done.workspace) == before


def test_on_an_empty_machine_only_what_is_not_made_yet_is_missing(done: Ground) -> None:
    lock = shutil.copy(done.lock, done.folder / "theirs.lock.json")
    shutil.rmtree(done.workspace)
    check = done.run(check=lock).check
    assert check is not None and check.differences == ()
    assert "good on shapes: 0 of 3 images are made here" in check.not_compared
    assert "study simulated: 0 of 48 values are here" in check.not_compared
    assert not done.workspace.exists()


DIFFERENCES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda lock: lock["software"].update(numpy="1.0"), "numpy was 1.0, and here it is"),
    (lambda lock: lock["software"].update(flask="1"), "flask was 1, and here it is not known or not"),
    (
        lambda lock: lock["prompt_sets"][0].update(sha256="0" * 64),
        "the prompts of shapes had the SHA-256 0",
    ),
    (
        lambda lock: lock["models"][0]["settings"].update(renderer_version=0),
        "model good is another one here: renderer_version 0, then 2",
    ),
    (
        lambda lock: lock["models"][1]["images"]["shapes"].update(sha256="1" * 64),
        "the images of poor-0.9 on shapes had the SHA-256 111111111111",
    ),
    (lambda lock: lock["scores"][0].update(sha256="2" * 64), "had the SHA-256 222222222222"),
    (lambda lock: lock["studies"][0].update(sha256="3" * 64), "the definition of study simulated had"),
    (
        lambda lock: lock["studies"][0].update(judgements_sha256="4" * 64),
        "the judgements of study simulated had the SHA-256 444444444444",
    ),
    (
        lambda lock: lock["leaderboards"].update(leaderboard="5" * 64),
        "leaderboard leaderboard, as CSV, had",
    ),
]
"""What is changed in a lock, and what a check has to say of it."""


def test_each_thing_that_differs_is_a_sentence(done: Ground) -> None:
    for change, _ in DIFFERENCES:
        changed(done, change)
    check = checked(done)
    unsaid = [said for _, said in DIFFERENCES if not any(said in one for one in check.differences)]
    assert unsaid == [], check


def test_another_instrument_is_a_difference_and_its_scores_are_not_here(done: Ground) -> None:
    changed(done, lambda lock: [one.update(instrument="mask2former") for one in lock["scores"]])
    check = checked(done)
    here = "measures with shapes-analytic-1+palette-1 here, in the lock with mask2former"
    assert f"geneval (shapes) {here}" in check.differences
    assert "scores of geneval (mask2former) for good on shapes: 0 of 3 are here" in check.not_compared


def test_a_run_file_that_says_something_else_is_told_by_its_keys(done: Ground) -> None:
    check = checked(done, overrides={"model.good.options.size": 128, "generation.first": 2})
    assert check.differences[:2] == (
        "the run file says generation.first = 2, in the lock it is 3",
        "the run file says model.good.options.size = 128, in the lock it is 64",
    )
    assert any(one.startswith("model good is another one here: options") for one in check.differences)


def test_files_that_the_run_file_names_are_compared(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    (tmp_path / "own.jsonl").write_text('{"prompt": "a red circle"}\n')
    ground.file.write_text(
        'name = "small"\n[[prompts]]\nname = "own"\nfile = "own.jsonl"\n'
        '[[model]]\nname = "m"\nadapter = "shapes"\n'
    )
    ground.run()
    assert checked(ground).differences == ()
    (tmp_path / "own.jsonl").write_text('{"prompt": "a blue circle"}\n')
    assert any("the file own.jsonl had the SHA-256" in one for one in checked(ground).differences)
    (tmp_path / "own.jsonl").unlink()
    assert "the file own.jsonl is not here" in checked(ground).not_compared


def test_the_command_ends_with_1_where_something_differs(done: Ground) -> None:
    common = ("--workspace", done.workspace, "run", "--check", done.lock)
    ended = nami_bench(*common)
    assert (ended.returncode, ended.stdout) == (0, "nothing differs\n")
    changed(done, lambda lock: lock["software"].update(numpy="1.0"))
    ended = nami_bench(*common)
    assert ended.returncode == 1 and ended.stdout.startswith("differs: numpy was 1.0, and here it is ")
    ended = nami_bench(*common, "--json")
    assert ended.returncode == 1 and len(json.loads(ended.stdout)["differences"]) == 1


def test_a_lock_whose_inner_values_are_others_is_refused(done: Ground) -> None:
    for key in (
        "software",
        "models",
        "scores",
        "studies",
        "leaderboards",
        "prompt_sets",
        "run_file",
        "inputs",
    ):
        before = done.lock.read_text()
        changed(done, lambda lock, key=key: lock.update({key: ["?"]}))
        with pytest.raises(InputError, match=r"the lock .* is damaged"):
            run(None, workspace=done.workspace, check=done.lock)
        done.lock.write_text(before)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "nami-bench/run-lock/1"}', "\x00"])
def test_what_is_no_lock_is_refused(done: Ground, text: str) -> None:
    done.lock.write_text(text)
    with pytest.raises(InputError, match="lock"):
        checked(done)
    with pytest.raises(InputError, match="lock"):
        run(None, workspace=done.workspace, check=done.lock)


def test_a_damaged_lock_does_not_stop_a_run(done: Ground) -> None:
    whole = json.loads(done.lock.read_text())
    done.lock.write_text(done.lock.read_text()[:300])
    done.run()
    assert json.loads(done.lock.read_text())["leaderboards"] == whole["leaderboards"]

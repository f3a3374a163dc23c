"""`nami-bench watch`, on folders of sample images of the shapes world."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest
from filelock import FileLock

from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.watching.loggers import protocol
from nami_bench.watching.results import read_run
from tests.nami_bench.watching.conftest import draw, run
from tests.support.program import nami_bench

__all__ = ["draw", "run"]
ONCE = ("--detector", "shapes", "-O", "workers=0", "--once", "--settle", "0")


def watch(run, *more):
    return nami_bench("watch", run, "geneval", *ONCE, *more)


def names(run):
    return [one.name for one in read_run(run).measured]


def lines(run):
    return [json.loads(line) for line in (run / "nami-watch" / "results.jsonl").read_text().splitlines()]


def test_from_sample_images_to_curves_and_a_table(run, draw):
    draw("checkpoint-1000", 0.1)
    draw("checkpoint-200", 0.9)
    draw("checkpoint-300", 0.9)  # the same images: the same model
    done = watch(run)
    assert done.returncode == 0, done.stderr
    assert "2 measured" in done.stderr
    assert names(run) == ["checkpoint-200", "checkpoint-1000"]
    settings = lines(run)[0]
    assert (settings["watch"], settings["samples"], len(settings["prompts"])) == ("settings", 1, 12)

    shown = nami_bench("watch", "show", run, "-o", run / "curves.svg")
    assert shown.returncode == 0, shown.stderr
    assert "checkpoint-1000 *" in shown.stdout
    assert (run / "curves.svg").read_bytes().startswith(b"<?xml")
    rows = json.loads(nami_bench("watch", "show", run, "--json").stdout)
    assert [row["step"] for row in rows] == [200, 1000]
    assert rows[1]["value"] > rows[0]["value"]
    low, high = rows[1]["interval"]
    assert low < rows[1]["value"] < high
    test = rows[1]["against_best"]
    assert test["against"] == "checkpoint-200"
    assert test["value"] == pytest.approx(rows[1]["value"] - rows[0]["value"])
    assert test["p_adjusted"] == test["p_value"]

    again = watch(run)
    assert "0 measured" in again.stderr
    assert len(lines(run)) == 3


def test_the_figure_is_that_of_geneval_on_the_folder(run, draw):
    folder = draw("checkpoint-5", 0.5)
    watch(run)
    out = run / "results.jsonl"
    command = (
        "geneval",
        folder,
        "--detector",
        "shapes",
        "--samples",
        1,
        "--workers",
        0,
        "-o",
        out,
        "--json",
        "--allow-incomplete",
    )
    expected = json.loads(nami_bench(*command).stdout)["summary"]
    (one,) = read_run(run).measured
    assert one.scores["geneval"].value == expected["overall"]
    assert list(one.scores["geneval"].interval) == expected["overall_interval"]


def test_a_folder_that_is_overwritten_in_place_is_a_new_checkpoint(run, draw):
    draw("checkpoint-5", 0.9)
    watch(run)
    draw("checkpoint-5", 0.0)
    assert "1 measured" in watch(run).stderr
    values = [one.scores["geneval"].value for one in read_run(run).measured]
    assert values[1] > values[0]


def test_what_is_half_written_waits_until_it_is_complete(run, draw):
    draw("checkpoint-5", 0.5)
    late = draw("checkpoint-10", 0.2)
    whole = run / "elsewhere"
    shutil.copytree(late, whole)
    shutil.rmtree(late / "00003")
    done = watch(run)
    assert "checkpoint-10: not measured yet: has 11 of 12 images" in done.stderr
    assert done.returncode == 0
    image = whole / "00003" / "samples" / "0000.png"
    (late / "00003" / "samples").mkdir(parents=True)
    (late / "00003" / "samples" / "0000.png").write_bytes(image.read_bytes()[:50])
    assert "has 11 of 12 images" in watch(run).stderr
    shutil.copytree(whole, late, dirs_exist_ok=True)
    assert "1 measured" in watch(run).stderr
    assert names(run) == ["checkpoint-5", "checkpoint-10"]


def test_without_improvement_it_ends_with_a_code_and_a_file_of_its_own(run, draw):
    for step, seed in ((1, 1), (2, 2), (3, 3)):
        draw(f"step_{step}", 0.5, seed=seed)
    stop = run / "nami-watch" / "stop.json"
    assert watch(run, "--stop-after", 5).returncode == 0
    assert not stop.exists()
    done = watch(run, "--stop-after", 2)
    assert done.returncode == 3, done.stderr
    assert "stopped: none of the last 2 checkpoints is better by geneval" in done.stderr
    assert json.loads(stop.read_text())["stop_after"] == 2
    assert watch(run).returncode == 0
    assert not stop.exists()


def test_other_prompts_or_seeds_are_refused_by_results_of_before(run, draw):
    draw("checkpoint-5", 0.5)
    watch(run)
    done = watch(run, "--seed", 1)
    assert done.returncode == 2
    assert "was measured with other seed: 0, not 1" in done.stderr
    assert watch(run, "--seed", 1, "--results", run / "other").returncode == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--stop-metric", "pickscore"), "--stop-metric pickscore: it is not measured, only geneval is"),
        (("--pattern", "nothing-*"), "there is no whole checkpoint yet: name the prompts"),
        (("--prompts", "no-such-set"), "no workspace at"),
        (("-g", "steps"), "--generator-option 'steps' is not of the form KEY=VALUE"),
    ],
)
def test_wrong_use_is_one_sentence(run, draw, options, words):
    draw("checkpoint-5", 0.5, count=1)
    done = watch(run, *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_lora_without_its_base_asks_for_it(run, tmp_path):
    header = b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    (run / "checkpoint-5").mkdir()
    file = run / "checkpoint-5" / "pytorch_lora_weights.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + b"1")
    (tmp_path / "p.txt").write_text("a red star\n")
    done = watch(run, "--prompts", tmp_path / "p.txt")
    assert done.returncode == 2
    assert "checkpoint-5 holds a LoRA alone: name the model it was trained from with --base" in done.stderr


def test_a_second_watch_on_the_folder_is_refused_in_a_sentence(run, draw):
    draw("checkpoint-5", 0.5, count=1)
    (run / "nami-watch").mkdir()
    with FileLock(run / "nami-watch" / ".lock"):
        done = watch(run)
    assert done.returncode == 2
    assert "another run is writing to" in done.stderr


def test_runs_on_different_prompts_are_not_drawn_together(run, draw, tmp_path):
    draw("a/checkpoint-5", 0.5)
    draw("b/checkpoint-5", 0.5, count=6)
    draw("c/checkpoint-5", 0.2)
    for name in "abc":
        assert watch(run / name).returncode == 0
    assert "different prompts" in nami_bench("watch", "show", run / "a", run / "b").stderr
    both = nami_bench("watch", "show", run / "a", run / "c", "-o", tmp_path / "two.png")
    assert both.returncode == 0, both.stderr
    assert (tmp_path / "two.png").read_bytes().startswith(b"\x89PNG")


def test_a_line_that_a_kill_cut_off_is_measured_again(run, draw):
    draw("checkpoint-5", 0.5)
    draw("checkpoint-6", 0.2)
    watch(run)
    file = run / "nami-watch" / "results.jsonl"
    before = file.read_bytes()
    file.write_bytes(before[:-40])
    assert names(run) == ["checkpoint-5"]
    assert "1 measured" in watch(run).stderr
    assert names(run) == ["checkpoint-5", "checkpoint-6"]


class Noted:
    """A logger that keeps what it is told."""

    told: ClassVar[list] = []

    def __init__(self, folder: Path, run: str) -> None:
        self.run = run

    def log(self, entry: protocol.Entry) -> None:
        self.told.append((self.run, entry))

    def close(self) -> None:
        pass


def test_a_logger_is_told_of_each_checkpoint_once_also_if_it_is_named_later(run, draw, monkeypatch):
    monkeypatch.setitem(protocol.LOGGERS, "wandb", (__name__, "Noted"))
    Noted.told = []
    draw("checkpoint-5", 0.5)
    watch(run)
    draw("checkpoint-6", 0.2)
    for _ in range(2):
        assert watch(run, "--log", "wandb").returncode == 0
    assert [(name, entry.step) for name, entry in Noted.told] == [("my rün", 5), ("my rün", 6)]
    entry = Noted.told[0][1]
    assert {"geneval", "geneval/low", "geneval/high", "geneval/colors"} <= entry.values.keys()
    assert len(entry.images) == 8
    assert entry.images[0][0].startswith("a photo of")


@pytest.mark.slow
def test_a_watch_that_is_killed_goes_on_where_it_was(run, draw):
    for step in range(1, 7):
        draw(f"checkpoint-{step}", step / 10, count=48, seed=step)
    command = [sys.executable, "-m", "nami_bench", "watch", str(run), "geneval", *ONCE[:-3], "--settle", "0"]
    file = run / "nami-watch" / "results.jsonl"
    killed = 0
    while not file.exists() or len(names_so_far(file)) < 6:
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        start = len(names_so_far(file))
        while len(names_so_far(file)) == start and start < 6:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        killed += 1
    assert killed >= 2
    assert "0 measured" in watch(run).stderr
    measured = names_so_far(file)
    assert sorted(measured) == [f"checkpoint-{step}" for step in range(1, 7)]


def names_so_far(file):
    if not file.exists():
        return []
    whole = file.read_bytes().rpartition(b"\n")[0].splitlines()
    rows = [json.loads(line) for line in whole]
    return [row["name"] for row in rows if row["watch"] == "checkpoint"]


def test_flat_folders_of_images_need_prompts(run, draw, tmp_path):
    source = GenEvalFolder(draw("elsewhere", 0.3))
    flat = run / "checkpoint-5"
    flat.mkdir()
    prompts = []
    for index, folder in source.prompt_folders():
        shutil.copy(source.sample_path(index, 0), flat / f"{index:05d}_0.png")
        prompts.append((folder / "metadata.jsonl").read_text())
    (tmp_path / "p.jsonl").write_text("".join(prompts))
    shutil.rmtree(run / "elsewhere")
    assert watch(run, "--prompts", tmp_path / "p.jsonl").returncode == 0
    assert names(run) == ["checkpoint-5"]

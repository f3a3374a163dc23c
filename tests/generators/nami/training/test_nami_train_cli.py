"""The commands, as a user types them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.errors import InputError
from tests.support.program import nami_bench

ROOT = Path(__file__).parents[4]


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def test_train_then_sample(toy_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained = _run("nami", "train", toy_file, "-o", run)
    assert trained.exit_code == 0, trained.stderr
    assert "pretraining the scale-shift bridge for 5 steps" in trained.stderr
    assert f"wrote {run / 'pipeline'}" in trained.stderr
    with Image.open(run / "samples" / "step-00000006.png") as sheet:
        assert sheet.size == (64, 64)
    assert any((run / "tensorboard").iterdir())
    logged = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    last = next(r for r in logged if r.get("step") == 6)
    assert last["images_per_second"] > 0
    if sys.platform == "linux":
        assert 1e8 < last["peak_memory_bytes"] < 1e11

    again = _run("nami", "train", toy_file, "-o", run)
    assert again.exit_code == 0
    assert "going on from step 6" in again.stderr

    longer = _run("nami", "train", toy_file, "-o", run, "--set", "train.steps=8")
    assert longer.exit_code == 0, longer.stderr
    assert "going on from step 6" in longer.stderr
    assert json.loads((run / "run.json").read_text())["train"]["steps"] == 8
    assert (run / "checkpoints" / "step-00000008").is_dir()
    other = _run("nami", "train", toy_file, "-o", run, "--set", "train.steps=9", "--set", "train.seed=1")
    assert "holds a run with train.seed = 0, not 1" in str(other.exception)

    drawn = _run(
        "nami",
        "sample",
        run / "pipeline",
        "a red star",
        "a photo",
        "--steps",
        "1,1,2",
        "-o",
        tmp_path / "out.png",
    )
    assert drawn.exit_code == 0, drawn.stderr
    with Image.open(tmp_path / "out.png") as sheet:
        assert sheet.size == (128, 64)


def test_pretrain_bridge_and_its_folder_serve_another_run(toy_file: Path, tmp_path: Path) -> None:
    first = _run("nami", "pretrain-bridge", toy_file, "-o", tmp_path / "first")
    assert first.exit_code == 0, first.stderr
    weights = tmp_path / "first" / "bridge" / "diffusion_pytorch_model.safetensors"
    toy_file.write_text(toy_file.read_text().replace("[bridge]", '[bridge]\nweights = "first/bridge"', 1))
    second = _run("nami", "pretrain-bridge", toy_file, "-o", tmp_path / "second")
    assert second.exit_code == 0, second.stderr
    copied = tmp_path / "second" / "bridge" / weights.name
    assert copied.read_bytes() == weights.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("[1, 1, 2]", "[1, 1, 3]"), "stage_singleblock_index [1, 1, 3]"),
        (lambda text: text.replace("in_channels = 192", "in_channels = 64"), "in_channels must be 192"),
        (lambda text: text.replace("width = 32", "width = 16"), "must equal the text width, 16"),
        (
            lambda text: text + '\n[data]\nkind = "folder"\npath = "nowhere"\n',
            "nowhere is no folder of images",
        ),
        (lambda text: text + "\n[data]\nsize = 60\n", "size 60 is not a multiple of 32"),
    ],
)
def test_a_run_that_cannot_be_is_refused_in_one_sentence(
    toy_file: Path, tmp_path: Path, change: Callable[[str], str], words: str
) -> None:
    toy_file.write_text(change(toy_file.read_text()))
    refused = _run("nami", "train", toy_file, "-o", tmp_path / "run")
    assert isinstance(refused.exception, InputError)
    assert words in str(refused.exception)


def test_values_are_set_from_the_command_line(toy_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["--set", "bridge.kind=none", "--set", "train.shares=[[1, 1, 1]]", "--set", "train.seed=7"]
    assert _run("nami", "pretrain-bridge", toy_file, "-o", run, *settings).exit_code == 0
    kept = json.loads((run / "run.json").read_text())
    assert kept["bridge"]["kind"] == "none"
    assert (kept["train"]["shares"], kept["train"]["seed"]) == ([[1, 1, 1]], 7)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.steps", "write KEY=VALUE"),
        ("train.steps=many", "train.steps: input should be a valid integer"),
        ("train.stepps=3", "train.stepps"),
        ("train.steps.first=3", "steps is a value, not a section"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_one_sentence(
    toy_file: Path, tmp_path: Path, setting: str, words: str
) -> None:
    refused = _run("nami", "train", toy_file, "-o", tmp_path / "run", "--set", setting)
    assert isinstance(refused.exception, InputError)
    assert words in str(refused.exception)
    assert not (tmp_path / "run").exists()


def test_sample_needs_a_pipeline(tmp_path: Path) -> None:
    refused = _run("nami", "sample", tmp_path, "a star", "-o", tmp_path / "out.png")
    assert isinstance(refused.exception, InputError)
    assert "holds no NAMI pipeline" in str(refused.exception)


SHARDED = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
}
"""As `accelerate launch --use_fsdp --fsdp_version 2` sets it."""


def _train_in_two_processes(config: Path, run: Path, sharded: bool) -> str:
    """Train on two processes, with a copy of the model in each or sharded; what they said."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    trained = subprocess.run(
        [*launch, Path(__file__).with_name("processes_on_cpu.py"), "nami", "train", config, "-o", run],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | (SHARDED if sharded else {}),
        cwd=ROOT,
        timeout=300,
    )
    assert trained.returncode == 0, trained.stderr
    return trained.stderr


def _last_step(run: Path) -> dict[str, Any]:
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [line for line in lines if "loss_by_stage" in line][-1]


def _weights(run: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    files = sorted((run / "pipeline").glob("*/*.safetensors"))
    return {f"{file.parent.name}.{key}": value for file in files for key, value in load_file(file).items()}


@pytest.mark.slow
def test_two_processes_train_a_sharded_model_as_two_with_copies(toy_file: Path, tmp_path: Path) -> None:
    copies, sharded = tmp_path / "copies", tmp_path / "sharded"
    said = _train_in_two_processes(toy_file, copies, sharded=False)
    assert said.count("wrote ") == 1  # one process speaks
    _train_in_two_processes(toy_file, sharded, sharded=True)

    last = _last_step(copies)
    assert last["learning_rate"] == pytest.approx(5e-5)  # its end, after as many steps as one process takes
    assert _last_step(sharded)["loss"] == pytest.approx(last["loss"], rel=1e-5)
    expected, whole = _weights(copies), _weights(sharded)
    assert whole.keys() == expected.keys()
    for name, weight in whole.items():
        assert (weight - expected[name]).abs().max() < 1e-6, name
    parts = [path.stat().st_size for path in (sharded / "checkpoints" / "step-00000006").glob("average-*")]
    (one,) = (path.stat().st_size for path in (copies / "checkpoints" / "step-00000006").glob("average-*"))
    assert len(parts) == 2 and max(parts) < 0.75 * one

    for made_last in (sharded / "pipeline", sharded / "checkpoints" / "step-00000006"):
        shutil.rmtree(made_last)
    assert "going on from step 4" in _train_in_two_processes(toy_file, sharded, sharded=True)
    for name, weight in _weights(sharded).items():
        assert weight.equal(whole[name]), name

    alone = _run("nami", "train", toy_file, "-o", sharded)
    assert "holds a run with processes = 2, not 1" in str(alone.exception)


@pytest.mark.slow
def test_what_is_loaded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nami_bench.neural.loading.A_MOMENT_S", 0.0)
    words = ("nami", "sample", "nami-tiny", "a photo of a star", "-o", tmp_path / "star.png")
    said = nami_bench(*words).stderr.splitlines()
    assert [line for line in said if line.startswith("loading")] == [said[0]]
    assert "nami-tiny" in said[0] and said[0].endswith(" ...")
    assert all("loading" not in line for line in nami_bench(*words, "-q").stderr.splitlines())
    logged = nami_bench(*words, "-v").stderr
    assert "nami_bench.neural.loading: loading" in logged and " ..." not in logged

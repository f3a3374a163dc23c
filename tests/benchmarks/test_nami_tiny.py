"""The shipped model, by the measure that its page of results quotes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results" / "nami-tiny"


@pytest.mark.slow
def test_the_shipped_model_is_the_one_that_was_measured_and_draws_what_it_never_saw(tmp_path: Path) -> None:
    """One image of each task, of which it draws 96 in 100 right; `make bench-nami-tiny` measures all."""
    from benchmarks import nami_tiny

    published = json.loads((RESULTS / "held-out.json").read_text())
    assert published["overall"] >= 0.8 and min(published["tasks"].values()) >= 0.5
    assert min(published["images"].values()) >= 60
    report = nami_tiny.measure(Path("nami-tiny"), 1, 1, tmp_path / "sheet.png")
    assert report["weights_sha256"] == published["weights_sha256"]
    assert report["megabytes"] < 10
    assert report["overall"] >= 0.65
    assert (tmp_path / "sheet.png").is_file()


@pytest.mark.slow
def test_eight_images_of_each_task_reach_what_is_wanted(tmp_path: Path) -> None:
    wanted = ("--at-least", "0.8", "--each-at-least", "0.5")
    code, report = _measure(tmp_path, "nami-tiny", "--prompts", "8", "--images", "8", *wanted)
    assert code == 0, report["tasks"]
    assert report["processor_seconds_per_image"] < 1


def test_the_recipe_of_the_second_part_fits_the_first() -> None:
    from nami_bench.generators.nami.training.config import load_train_config

    first, second = (
        load_train_config(ROOT / "benchmarks" / f"nami_tiny{part}.toml") for part in ("", "_counts")
    )
    assert second.model.pipeline is not None and second.trains_text
    assert second.bridge.weights == second.model.pipeline / "bridge"
    assert first.data.layout == second.data.layout and first.data.size == second.data.size
    assert first.train.start_noise == second.train.start_noise


@pytest.mark.parametrize(
    ("option", "score", "code"),
    [
        ("--at-least", "0.9", 0),
        ("--at-least", "0.91", 1),
        ("--each-at-least", "0.8", 0),
        ("--each-at-least", "0.81", 1),
    ],
)
def test_a_score_below_what_is_wanted_ends_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, option: str, score: str, code: int
) -> None:
    from benchmarks import nami_tiny

    report = {"overall": 0.9, "tasks": {"counting": 0.8, "colors": 1.0}}
    monkeypatch.setattr(nami_tiny, "measure", lambda *what: report)
    monkeypatch.setattr(sys, "argv", ["nami_tiny.py", "nami-tiny", option, score])
    assert nami_tiny.main() == code


def _measure(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    output = folder / "report.json"
    script = [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "nami_tiny.py")]
    outputs = ["-o", str(output), "--sheet", str(folder / "sheet.png")]
    done = subprocess.run([*script, *arguments, *outputs], check=False, capture_output=True, cwd=folder)
    assert (folder / "sheet.png").is_file(), done.stderr.decode()
    return done.returncode, json.loads(output.read_text())

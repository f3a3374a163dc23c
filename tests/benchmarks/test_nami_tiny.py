"""The measure of a small NAMI on held-out shapes runs, on a model that has learnt nothing yet."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_an_untrained_model_draws_in_time_and_nothing_right(tmp_path: Path) -> None:
    from generators.nami.training.config import load_train_config
    from generators.nami.training.tiny import new_pipeline

    config = load_train_config(BENCHMARKS / "nami_tiny.toml")
    new_pipeline(config.model, config.bridge.kind, seed=0, start_noise=1.0).save_pretrained(
        tmp_path / "model"
    )
    output = tmp_path / "report.json"
    script = [sys.executable, "-W", "ignore", str(BENCHMARKS / "nami_tiny.py"), str(tmp_path / "model")]
    options = [
        "--per-task",
        "1",
        "--at-least",
        "0.5",
        "-o",
        str(output),
        "--sheet",
        str(tmp_path / "sheet.png"),
    ]
    assert subprocess.run([*script, *options], check=False, capture_output=True).returncode == 1
    report = json.loads(output.read_text())
    assert report["images"] == 6 and len(report["tasks"]) == 6
    assert report["overall"] == 0
    assert report["megabytes"] < 10
    assert 0 < report["processor_seconds_per_image"] < 10

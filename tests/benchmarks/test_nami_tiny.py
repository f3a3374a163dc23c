"""The measure of small NAMIs on held-out shapes, and the shipped one by it."""

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


def test_an_untrained_model_draws_in_time_and_nothing_right(tmp_path: Path) -> None:
    from generators.nami.training.config import load_train_config
    from generators.nami.training.tiny import new_pipeline

    config = load_train_config(ROOT / "benchmarks" / "nami_tiny.toml")
    new_pipeline(config.model, config.bridge.kind, seed=0, start_noise=1.0).save_pretrained(
        tmp_path / "model"
    )
    code, report = _measure(tmp_path, str(tmp_path / "model"), "--per-task", "1", "--at-least", "0.5")
    assert code == 1
    assert report["images"] == 6 and len(report["tasks"]) == 6
    assert report["overall"] == 0


def test_the_shipped_model_is_the_one_that_was_measured_and_draws_what_it_never_saw(tmp_path: Path) -> None:
    """A subset; `python benchmarks/nami_tiny.py nami-tiny` measures every held-out prompt."""
    published = json.loads((RESULTS / "held-out.json").read_text())
    assert published["overall"] >= 0.8 and min(published["tasks"].values()) >= 0.5
    code, report = _measure(tmp_path, "nami-tiny", "--per-task", "8", "--at-least", "0.8")
    assert report["weights_sha256"] == published["weights_sha256"]
    assert report["megabytes"] < 10
    assert code == 0 and min(report["tasks"].values()) >= 0.5, report["tasks"]
    assert report["processor_seconds_per_image"] < 1


def _measure(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    output = folder / "report.json"
    script = [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "nami_tiny.py")]
    outputs = ["-o", str(output), "--sheet", str(folder / "sheet.png")]
    done = subprocess.run([*script, *arguments, *outputs], check=False, capture_output=True, cwd=folder)
    assert (folder / "sheet.png").is_file(), done.stderr.decode()
    return done.returncode, json.loads(output.read_text())

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


def test_the_shipped_model_is_the_one_that_was_measured_and_draws_what_it_never_saw(tmp_path: Path) -> None:
    """A subset; `make bench-nami-tiny` measures every held-out prompt."""
    published = json.loads((RESULTS / "held-out.json").read_text())
    assert published["overall"] >= 0.8 and min(published["tasks"].values()) >= 0.5
    code, report = _measure(tmp_path, "nami-tiny", "--per-task", "8", "--at-least", "0.8")
    assert report["weights_sha256"] == published["weights_sha256"]
    assert report["megabytes"] < 10
    assert code == 0, report["tasks"]
    # Of counting there are three images, which say nothing of the task alone.
    assert all(score >= 0.5 for task, score in report["tasks"].items() if task != "counting"), report["tasks"]
    assert report["processor_seconds_per_image"] < 1


def test_a_score_below_what_is_wanted_ends_with_exit_code_1(tmp_path: Path) -> None:
    code, report = _measure(tmp_path, "nami-tiny", "--per-task", "1", "--at-least", "1.01")
    assert code == 1 and report["images"] == 6


def _measure(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    output = folder / "report.json"
    script = [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "nami_tiny.py")]
    outputs = ["-o", str(output), "--sheet", str(folder / "sheet.png")]
    done = subprocess.run([*script, *arguments, *outputs], check=False, capture_output=True, cwd=folder)
    assert (folder / "sheet.png").is_file(), done.stderr.decode()
    return done.returncode, json.loads(output.read_text())

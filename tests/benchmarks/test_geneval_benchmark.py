"""The benchmark of GenEval's speed runs, and compares what it says it compares; its figures are no test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("open_clip")

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "geneval.py"


@pytest.mark.slow
def test_both_ways_judge_alike_and_colors_are_asked_for(tmp_path):
    output = tmp_path / "report.json"
    options = ["--images", "16", "--size", "64", "--rounds", "1", "--at-least", "0", "-o", str(output)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    assert report["verdicts_that_differ"] == 0
    assert 0 < report["correct"] < 16
    assert report["color_crops"] > 0
    assert report["ratio"] > 0
    assert "verdicts that differ: 0" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_peak_memory_is_measured(tmp_path):
    output = tmp_path / "report.json"
    options = ["--memory", "8", "40", "-o", str(output)]
    subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, check=True)
    few, more = json.loads(output.read_text())["memory"]
    assert (few["images"], more["images"]) == (8, 40)
    assert 20 < few["peak_mib"] < 2000

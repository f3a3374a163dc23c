"""The benchmark of questions' speed runs, and compares what it says it compares; its figures are no test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "questions.py"


@pytest.mark.slow
@pytest.mark.parametrize("network", ["small", "mplug"])
def test_both_ways_give_the_same_answers(network, tmp_path):
    output = tmp_path / "report.json"
    options = ["--network", network, "--images", "2", "--size", "64", "--rounds", "1", "--at-least", "0"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "-o", str(output)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    assert report["questions"] == 15
    assert report["answers_agree"] and report["words_that_differ"] == 0
    assert report["different_answers"] > 1, "answers that are all the same compare nothing"
    assert (report["largest_difference_of_probabilities"] is None) == (network == "mplug")
    assert report["ratio"] > 0


def test_mplug_has_one_dtype():
    options = ["--network", "mplug", "--dtype", "bfloat16"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "mPLUG is run in float32" in done.stderr

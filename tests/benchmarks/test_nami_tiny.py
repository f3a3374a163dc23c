"""The model that comes with the package is the one whose figures are quoted, and it draws."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from nami_bench.cli.app import cli

pytest.importorskip("torch")
pytest.importorskip("diffusers")

ROOT = Path(__file__).resolve().parents[2]
QUOTED = json.loads((ROOT / "docs" / "results" / "nami-tiny" / "held-out.json").read_text())


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A few held-out prompts of each task, as the benchmark measures all of them."""
    output = tmp_path_factory.mktemp("measured") / "report.json"
    script = ROOT / "benchmarks" / "nami_tiny.py"
    command = [sys.executable, "-W", "ignore", str(script), "measure", "--per-task", "5", "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    return dict(json.loads(output.read_text()))


def test_it_is_the_model_whose_figures_are_quoted(measured: dict[str, Any]) -> None:
    assert measured["weights_sha256"] == QUOTED["weights_sha256"]
    assert measured["sampling"] == QUOTED["sampling"]
    assert measured["megabytes"] <= 10


def test_it_draws_what_training_never_saw(measured: dict[str, Any]) -> None:
    """28 images: three standard errors below the quoted share."""
    assert measured["prompts"] == {
        "single_object": 5, "two_object": 5, "counting": 3, "colors": 5, "position": 5, "color_attr": 5
    }  # fmt: skip
    quoted = QUOTED["overall"]
    assert measured["overall"] > quoted - 3 * (quoted * (1 - quoted) / measured["images"]) ** 0.5
    assert measured["overall"] > 0.5


def test_an_image_takes_less_than_a_second_of_one_core(measured: dict[str, Any]) -> None:
    assert measured["processor_seconds_per_image"] < 1


def test_it_draws_from_the_command_line_by_its_name(tmp_path: Path) -> None:
    output = tmp_path / "star.png"
    prompts = ["a photo of a red star", "a photo of two circles"]
    done = CliRunner().invoke(cli, ["nami", "sample", "nami-tiny", *prompts, "-o", str(output)])
    assert done.exit_code == 0, done.output
    with Image.open(output) as sheet:
        assert sheet.size == (128, 64)

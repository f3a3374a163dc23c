"""`nami train --validate`, and a run's checkpoints as pipelines."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nami_bench.errors import InputError
from nami_bench.generators.nami.training.checkpoint_pipeline import checkpoint_pipeline
from tests.support.program import nami_bench

pytestmark = pytest.mark.slow
PROMPTS = [
    {"tag": "single_object", "include": [{"class": "star", "count": 1}], "prompt": "a photo of a star"},
    {"tag": "colors", "include": [{"class": "star", "count": 1, "color": "red"}], "prompt": "a red star"},
]
GENEVAL = ("--detector", "shapes")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(prompt) + "\n" for prompt in PROMPTS))
    return path


def weights(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): load_file(path)
        for path in sorted(folder.rglob("*.safetensors"))
        if "vae" not in path.parts
    }


def equal(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(
        torch.equal(tensor, second[file][name])
        for file, tensors in first.items()
        for name, tensor in tensors.items()
    )


def test_a_run_is_measured_as_it_goes_and_its_checkpoints_are_watched(
    toy_file: Path, tmp_path: Path, prompts: Path
) -> None:
    run = tmp_path / "run"
    validation = ("--validate", "geneval", *GENEVAL, "--validate-prompts", prompts, "--validate-every", 4)
    trained = nami_bench("nami", "train", toy_file, "-o", run, *validation, "--validate-option", "workers=0")
    assert trained.returncode == 0, trained.stderr
    assert any((run / "nami-watch" / "tensorboard").iterdir())
    within = json.loads(nami_bench("watch", "show", run, "--json").stdout)
    assert [row["step"] for row in within] == [4, 6]

    plain = tmp_path / "plain"
    assert nami_bench("nami", "train", toy_file, "-o", plain).returncode == 0
    assert equal(run / "pipeline", plain / "pipeline")  # measuring changed nothing

    once = ("--once", "--settle", 0, "--prompts", prompts, "--samples", 1, "-O", "workers=0")
    watched = nami_bench("watch", run, "geneval", *GENEVAL, *once, "--results", tmp_path / "watched")
    assert watched.returncode == 0, watched.stderr
    rows = json.loads(nami_bench("watch", "show", tmp_path / "watched", "--json").stdout)
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert [row["value"] for row in rows[1:]] == [row["value"] for row in within]

    last = run / "checkpoints" / "step-00000006"
    checkpoint_pipeline(last).save_pretrained(tmp_path / "from checkpoint")
    assert equal(tmp_path / "from checkpoint", run / "pipeline")

    averages = load_file(last / "average-0.safetensors")
    halves = [
        {name: tensor.tensor_split(2)[part].clone() for name, tensor in averages.items()} for part in (0, 1)
    ]
    for part, half in enumerate(halves):
        save_file(half, last / f"average-{part}.safetensors")
    checkpoint_pipeline(last).save_pretrained(tmp_path / "from parts")
    assert equal(tmp_path / "from parts", run / "pipeline")

    save_file({"0": torch.zeros(1)}, last / "average-0.safetensors")
    (last / "average-1.safetensors").unlink()
    with pytest.raises(InputError, match="holds 1 averaged weights, the model of"):
        checkpoint_pipeline(last)


def test_validation_that_lacks_a_part_is_refused_before_training(
    toy_file: Path, tmp_path: Path, prompts: Path
) -> None:
    for options, words in (
        (("--validate", "geneval"), "--validate needs --validate-prompts"),
        (GENEVAL, "--detector belongs to --validate"),
        (("--validate", "geneval", "--validate-prompts", prompts), "GenEval needs a detector"),
    ):
        done = nami_bench("nami", "train", toy_file, "-o", tmp_path / "run", *options)
        assert done.returncode == 2
        assert words in done.stderr

"""Weights that are overwritten in place: another model, which needs another name."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from nami_bench.cli.app import cli
from nami_bench.config import open_workspace
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.generators import checkpoints, diffusers_pipeline
from nami_bench.generators.diffusers_pipeline import DiffusersGenerator
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.images import hash_file
from nami_bench.store import Store

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

OPTIONS = {"steps": 1, "height": 32, "width": 32, "extra": '{"max_sequence_length": 48}'}


def overwrite(weights: Path) -> None:
    """Other numbers in the same file: its size, inode and date of change stay as they were."""
    status = weights.stat()
    tensors = {name: tensor + 1 for name, tensor in load_file(weights).items()}
    save_file(tensors, weights.with_suffix(".new"), metadata={"format": "pt"})
    data = weights.with_suffix(".new").read_bytes()
    weights.with_suffix(".new").unlink()
    with weights.open("r+b") as file:
        file.write(data)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert weights.stat().st_size == status.st_size


@pytest.fixture
def checkpoint(pipeline_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(pipeline_folder("flux"), tmp_path / "checkpoint"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Result:
        return CliRunner().invoke(cli, [*map(str, words)])

    for name in ("set", "others"):
        (tmp_path / f"{name}.txt").write_text("a red cat\ntwo dogs\n" if name == "set" else "a bird\n")
    assert run("init").exit_code == 0
    return run


def add(bench: Callable[..., Result], name: str, **options: Any) -> None:
    given = [part for key, value in (OPTIONS | options).items() for part in ("-O", f"{key}={value}")]
    result = bench("models", "add", name, "--adapter", "diffusers", *given)
    assert result.exit_code == 0, result.output


def generated(bench: Callable[..., Result], prompts: str, *words: object) -> Any:
    result = bench("generate", "--model", "m", "--prompts", prompts, "--samples", 1, *words, "--json")
    assert result.exception is None, result.output
    return json.loads(result.stdout)["m"]


@pytest.mark.parametrize("prompts", ["set.txt", "others.txt"])
def test_two_checkpoints_never_share_a_name(
    bench: Callable[..., Result], checkpoint: Path, tmp_path: Path, prompts: str
) -> None:
    add(bench, "m", model=checkpoint)
    assert generated(bench, "set.txt", "--limit", 1) == {"made": 1}
    overwrite(checkpoint / "transformer" / "diffusion_pytorch_model.safetensors")
    now = DiffusersGenerator(DiffusersGenerator.Options(model=str(checkpoint))).describe()["model_files"]
    refused = bench("generate", "--model", "m", "--prompts", prompts, "--samples", 1)
    assert isinstance(refused.exception, InputError)
    with Store.open(open_workspace(Path("nami-workspace")).database_url) as store:
        (record,) = store.images.find()
    before = record.provenance["settings"]["model_files"]
    assert before["sha256"][:12] in str(refused.exception) and now["sha256"][:12] in str(refused.exception)
    add(bench, "m-2", model=checkpoint)
    assert bench("generate", "--model", "m-2", "--prompts", prompts, "--samples", 1).exit_code == 0


def test_a_checkpoint_that_is_copied_back_goes_on(bench: Callable[..., Result], checkpoint: Path) -> None:
    add(bench, "m", model=checkpoint)
    generated(bench, "set.txt", "--limit", 1)
    weights = checkpoint / "transformer" / "diffusion_pytorch_model.safetensors"
    good = weights.read_bytes()
    overwrite(weights)
    weights.write_bytes(good)
    (checkpoint / "README.md").write_text("What lies beside the components makes no picture.")
    assert generated(bench, "set.txt") == {"kept": 1, "made": 1}


def test_an_overwritten_lora_is_another_model(
    bench: Callable[..., Result], checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusers_pipeline, "add_loras", lambda *arguments: {})
    lora = tmp_path / "lora.safetensors"
    lora.write_bytes(b"one")
    add(bench, "m", model=checkpoint, lora=lora)
    generated(bench, "set.txt", "--limit", 1)
    before = hash_file(lora)
    lora.write_bytes(b"two")
    refused = bench("generate", "--model", "m", "--prompts", "set.txt", "--samples", 1)
    assert f"lora sha256 {before[:12]}, then sha256 {hash_file(lora)[:12]}" in str(refused.exception)


def test_weights_overwritten_while_they_are_loaded_make_no_image(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = checkpoints.load_pipeline

    def load(folder: Path, *arguments: Any) -> Any:
        overwrite(folder / "transformer" / "diffusion_pytorch_model.safetensors")
        return original(folder, *arguments)

    monkeypatch.setattr(checkpoints, "load_pipeline", load)
    generator = DiffusersGenerator(DiffusersGenerator.Options(model=str(checkpoint), steps=1))
    with pytest.raises(InputError, match="was overwritten while it was loaded"):
        next(generator.generate([GenerationRequest(Prompt("00000", "a cat"), 0, 1)]))

"""A model handed on: half the size, the same pictures, with its own sampling."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from nami_bench.cli.app import cli
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.generators.nami.folder import PLAIN_SAMPLING, own_sampling, pipeline_folder, shipped_names
from nami_bench.generators.nami.generator import NamiGenerator
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.protocol import GenerationRequest


def export(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["nami", "export", *map(str, arguments)])


@pytest.fixture
def source(tiny_pipeline: NamiPipeline, tmp_path: Path) -> Path:
    """A pipeline's folder, with the sampling of models that are trained here."""
    tiny_pipeline.register_to_config(sampling=asdict(PLAIN_SAMPLING))
    tiny_pipeline.save_pretrained(tmp_path / "source")
    return tmp_path / "source"


@pytest.mark.slow
def test_an_exported_model_is_half_the_size_and_asks_for_its_own_steps(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "small"
    done = export(source, target, "--steps", "1,1,2", "--guidance-scale", "2.5", "--start-noise", "0.5")
    assert done.exit_code == 0, done.stderr
    assert "steps 1,1,2, guidance 2.5" in done.stderr
    sampling = own_sampling(target)
    assert (sampling.steps, sampling.guidance_scale) == ((1, 1, 2), 2.5)
    assert (sampling.prompt_suffix, sampling.timestep_spacing) == ("", "trailing")
    weights = Path("transformer") / "diffusion_pytorch_model.safetensors"
    kept, given = load_file(target / weights), load_file(source / weights)
    assert {tensor.dtype for tensor in kept.values()} == {torch.float16}
    for name, tensor in given.items():
        torch.testing.assert_close(kept[name].float(), tensor, atol=1e-3, rtol=1e-3)
    assert (target / weights).stat().st_size < 0.6 * (source / weights).stat().st_size

    assert load_pipeline(target).config.start_noise == 0.5
    generator = NamiGenerator(NamiGenerator.Options(target, device="cpu"))
    assert generator.describe()["steps"] == [1, 1, 2]
    (result,) = generator.generate([GenerationRequest(Prompt("p", "a star"), 0, 0)])
    assert result.image is not None


def test_an_exported_model_names_no_place_on_this_machine(source: Path, tmp_path: Path) -> None:
    # Exported twice, as a model that was loaded from a folder remembers it.
    export(source, tmp_path / "first")
    assert export(tmp_path / "first", tmp_path / "second").exit_code == 0
    texts = [path.read_text() for path in (tmp_path / "second").rglob("*.json")]
    assert texts and not any(str(tmp_path) in text for text in texts)
    assert {path.stat().st_mode & 0o444 for path in (tmp_path / "second").rglob("*.*")} == {0o444}


def test_what_cannot_be_exported_is_refused_in_one_sentence(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    for arguments, words in (
        ([tmp_path / "none", target], "holds no NAMI pipeline"),
        ([source, target, "--steps", "3,4"], "steps [3, 4]: give one number, or one for each"),
        ([source, target, "--steps", "0"], "each at least 1"),
        ([source, source], "exists already: name a new folder"),
    ):
        assert words in str(export(*arguments).exception)
    assert not target.exists()
    (source / "transformer" / "config.json").write_text("{}")
    assert f"cannot load {source}" in str(export(source, target).exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_shipped_model_is_known_by_its_name() -> None:
    assert "nami-tiny" in shipped_names()
    folder = pipeline_folder(Path("nami-tiny"))
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] == "NamiPipeline"
    assert load_pipeline(folder).num_stages == 3
    with pytest.raises(InputError, match=r"one that comes with the package: .*nami-tiny"):
        pipeline_folder(Path("nami-tiney"))

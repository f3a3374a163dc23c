"""The generator `nami`: a converted model under test."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from nami_bench import pipeline, registry
from nami_bench.cli.app import cli
from nami_bench.domain import ImageState, ModelCard, Prompt, PromptSet
from nami_bench.errors import InputError
from nami_bench.generators.nami.config import RELEASE_NEGATIVE_PROMPT, RELEASE_PROMPT_SUFFIX
from nami_bench.generators.nami.generator import NamiGenerator
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.store import Store

TEXTS = ("a red apple", "two blue dogs", "one cat on the moon")
PROMPTS = PromptSet("set", tuple(Prompt(f"{i:05d}", text) for i, text in enumerate(TEXTS)))
REQUESTS = [GenerationRequest(prompt, 0, 100 + index) for index, prompt in enumerate(PROMPTS.prompts)]


def make(folder: Path, **options: Any) -> NamiGenerator:
    return NamiGenerator(NamiGenerator.Options(folder, steps=(2,), **options))


def pixels(generator: NamiGenerator, requests: list[GenerationRequest]) -> np.ndarray[Any, Any]:
    results = list(generator.generate(requests))
    assert [result.request for result in results] == requests
    return np.stack([np.asarray(result.image, np.int16) for result in results])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as opened:
        opened.catalog.add_prompt_set(PROMPTS)
        yield opened


@pytest.mark.slow
def test_images_are_recorded_with_what_made_them(store: Store, tmp_path: Path, converted: Path) -> None:
    options = {"path": str(converted), "steps": "1,2,1", "guidance_scale": "2", "batch_size": "2"}
    store.catalog.add_model(ModelCard("nami", "nami", options))
    report = pipeline.generate(store, tmp_path / "images", "nami", PROMPTS, samples=2)
    assert report.counts == {"made": 6}
    records = store.images.find(models=["nami"], prompt_set="set")
    assert {(r.state, r.width, r.height) for r in records} == {(ImageState.DONE, 64, 64)}
    provenance = records[0].provenance
    assert (provenance["device"], provenance["dtype"], provenance["batch"]) == ("cpu", "float32", 2)
    assert provenance["libraries"].keys() >= {"torch", "diffusers", "transformers", "numpy", "pillow"}
    settings = provenance["settings"]
    assert (settings["steps"], settings["guidance_scale"]) == ([1, 2, 1], 2.0)
    assert settings["negative_prompt"] == RELEASE_NEGATIVE_PROMPT
    assert settings["prompt_suffix"] == RELEASE_PROMPT_SUFFIX
    assert len(settings["weights_sha256"]) == 64
    assert pipeline.generate(store, tmp_path / "images", "nami", PROMPTS, samples=2).counts == {"kept": 6}


@pytest.mark.slow
def test_an_image_depends_on_its_request_alone(converted: Path) -> None:
    alone = pixels(make(converted), REQUESTS)
    assert np.abs(alone[0] - alone[1]).mean() > 1
    assert np.array_equal(pixels(make(converted), REQUESTS[::-1])[::-1], alone)
    assert np.abs(pixels(make(converted, batch_size=3), REQUESTS) - alone).max() <= 1


@pytest.mark.slow
def test_it_draws_what_the_pipeline_draws(converted: Path) -> None:
    """The settings arrive, and the release's words are added."""
    direct = NamiPipeline.from_pretrained(converted, local_files_only=True)
    direct.set_progress_bar_config(disable=True)
    (expected,) = direct(
        TEXTS[0] + RELEASE_PROMPT_SUFFIX,
        RELEASE_NEGATIVE_PROMPT,
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(100),
    ).images
    assert np.array_equal(pixels(make(converted), REQUESTS[:1])[0], np.asarray(expected))
    plain = make(converted, prompt_suffix="", negative_prompt="", guidance_scale=1.0)
    assert not np.array_equal(pixels(plain, REQUESTS[:1])[0], np.asarray(expected))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"timestep_spacing": "trailing"}, {"width": 128, "interpolate_shift": True}, {"dtype": "bfloat16"}],
)
def test_an_option_changes_the_picture(converted: Path, options: dict[str, Any]) -> None:
    changed = pixels(make(converted, **options), REQUESTS[:1])
    assert changed.shape == (1, 64, options.get("width", 64), 3)
    assert not np.array_equal(changed, pixels(make(converted), REQUESTS[:1]))


def test_settings_name_the_weights_and_not_where_they_lie(converted: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(converted, tmp_path / "moved")
    settings = make(moved, device="cpu", batch_size=2).describe()
    assert settings == make(converted).describe()
    assert json.loads(json.dumps(settings)) == settings
    weights = moved / "bridge" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert make(moved).describe()["weights_sha256"] != settings["weights_sha256"]


def test_memory_that_runs_out_halves_the_batch(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = NamiPipeline.__call__
    sizes: list[int] = []

    def small(self: NamiPipeline, prompt: list[str], *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(prompt))
        if len(prompt) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, prompt, *args, **kwargs)

    monkeypatch.setattr(NamiPipeline, "__call__", small)
    results = list(make(converted, batch_size=3).generate(REQUESTS))
    assert [result.state for result in results] == [ImageState.DONE] * 3
    assert (sizes[0], sizes[-3:]) == (3, [1, 1, 1])
    assert {result.provenance["batch"] for result in results} == {1}


def test_values_that_are_no_numbers_are_a_failure(converted: Path) -> None:
    generator = make(converted)
    torch.nn.init.constant_(generator._pipeline.bridge.scale, float("nan"))
    (result,) = generator.generate(REQUESTS[:1])
    assert (result.state, result.image) == (ImageState.FAILED, None)
    assert result.reason is not None and "NaN" in result.reason


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "{tmp}/nothing"}, "holds no NAMI pipeline: make one with `nami-bench nami convert"),
        ({"path": "{model}", "steps": "10,x,10"}, "steps.1: input should be a valid integer"),
        ({"path": "{model}", "steps": "10,0,10"}, "steps [10, 0, 10] must be at least 1"),
        ({"path": "{model}", "dtype": "int8"}, "dtype: "),
        ({"path": "{model}", "batch_size": "0"}, "batch_size 0 is below 1"),
        ({"path": "{model}", "timestep_spacing": "leading"}, "timestep_spacing: input should be 'linspace'"),
        ({"path": "{model}", "sampler": "euler"}, "sampler: unknown key"),
        ({}, "path: is missing"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: dict[str, str], words: str, converted: Path, tmp_path: Path
) -> None:
    given = {name: value.format(tmp=tmp_path, model=converted) for name, value in options.items()}
    with pytest.raises(InputError) as caught:
        registry.create("generators", "nami", given)
    assert words in str(caught.value)


def test_a_device_or_size_that_is_not_there_is_refused(converted: Path) -> None:
    with pytest.raises(InputError, match="device 'cuda:9' cannot be used here"):
        list(make(converted, device="cuda:9").generate(REQUESTS))
    with pytest.raises(InputError, match="interpolate_shift=True"):
        list(make(converted, height=128).generate(REQUESTS))
    with pytest.raises(InputError, match="needs a GPU"):
        list(make(converted, device="cpu", offload="model").generate(REQUESTS))


def test_a_damaged_folder_is_named(converted: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(converted, tmp_path / "damaged")
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"generator 'nami': cannot load .*damaged"):
        list(make(folder).generate(REQUESTS))


@pytest.mark.slow
def test_from_the_command_line_into_the_leaderboard(converted: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(cli, ["--workspace", str(tmp_path / "w"), *arguments])
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        return done.stdout

    run("init")
    run("models", "add", "tiny", "--adapter", "nami", "-O", f"path={converted}", "-O", "steps=1")
    run("prompts", "build", "shapes-demo")
    run("generate", "--model", "tiny", "--prompts", "shapes-demo", "--samples", "2", "--limit", "3")
    run("images", "verify", "--model", "tiny")
    run("evaluate", "geneval", "--detector", "shapes")
    (row,) = json.loads(run("leaderboard", "--format", "json"))["rows"]
    assert row["model"] == "tiny"
    (score,) = row["automatic"].values()
    assert set(score["tasks"].values()) == {0.0, None}, "noise shows no objects"
    made = sorted((tmp_path / "w" / "images" / "tiny").rglob("*.png"))
    assert [path.name for path in made] == ["0000.png", "0001.png"] * 3

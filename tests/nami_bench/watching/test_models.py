"""Checkpoints that draw: tiny diffusers pipelines, networks and LoRAs on a base, NAMI's own."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nami_bench import Scorer, images
from nami_bench.domain import PromptSet
from nami_bench.errors import InputError
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.watching.checkpoints import recognised
from nami_bench.watching.lookout import Lookout
from nami_bench.watching.measuring import Plan
from nami_bench.watching.models import ModelSettings, generator_for
from nami_bench.watching.results import Measured, read_run
from nami_bench.watching.watcher import Watcher
from tests.generators.diffusers.conftest import pipeline_folder
from tests.nami_bench.watching.conftest import numbered

__all__ = ["pipeline_folder"]

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the extra models"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
]
SMALL = {"steps": 1, "height": 32, "width": 32, "extra": {"max_sequence_length": 48}}
PLAN = Plan(PromptSet("two", tuple(numbered(2))), 1)


class Brightness:
    """A metric that tells models with random weights apart."""

    name, instrument = "brightness", "brightness-1"

    def applies_to(self, prompt):
        return True

    def score(self, items):
        from nami_bench.evaluation.protocol import ScoringResult

        for item in items:
            yield ScoringResult(item, float(np.asarray(images.read_image(item.image)).mean()))


def pixels(path: Path, base: Path | None = None, part: str | None = None, **options) -> np.ndarray:
    """The first image of a checkpoint."""
    settings = ModelSettings(None if base is None else str(base), {**SMALL, **options})
    with generator_for(recognised(path, part), settings) as generator:
        (result,) = generator.generate([GenerationRequest(PLAN.prompts[0], 0, 5)])
    assert result.image is not None, result.reason
    return np.asarray(result.image, np.int16)


def changed(pipeline: Path, target: Path, by: float) -> Path:
    """Another checkpoint of the same training: the pipeline, its network's weights moved."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(pipeline, target)
    file = target / "transformer" / "diffusion_pytorch_model.safetensors"
    moved = {name: tensor + by for name, tensor in load_file(file).items()}
    save_file(moved, file, metadata={"format": "pt"})
    return target


def watched(run: Path, settings: ModelSettings, **more) -> list[Measured]:
    lookout = Lookout(run, ["checkpoint-*"], settle=0, leave_out=[run / "nami-watch"])
    watcher = Watcher(lookout, run / "nami-watch", PLAN, Scorer([Brightness()]), settings, **more)
    watcher.watch(once=True, settle=0)
    return list(read_run(run).measured)


def test_pipelines_are_measured_as_they_appear(pipeline_folder, run):
    shutil.copytree(pipeline_folder("sd3"), run / "checkpoint-1")
    settings = ModelSettings(options=SMALL)
    (first,) = watched(run, settings)
    assert first.made_with["dtype"] == "float32"
    assert [image.name for image in (run / "nami-watch" / "images").rglob("*.png")] == ["0.png", "1.png"]
    changed(pipeline_folder("sd3"), run / "checkpoint-2", 0.05)
    shutil.copytree(run / "checkpoint-1", run / "checkpoint-3")  # the same weights under another name
    _, second = watched(run, settings)
    assert (second.name, second.kind) == ("checkpoint-2", "pipeline")
    assert second.scores["brightness"].values != first.scores["brightness"].values


@pytest.mark.slow
def test_a_network_alone_is_drawn_with_on_its_base(pipeline_folder, run):
    base = pipeline_folder("sd3")
    whole = changed(base, run / "whole", 0.05)
    for name in ("transformer", "transformer_ema"):
        shutil.copytree(whole / "transformer", run / "checkpoint-5" / name)
    (run / "checkpoint-5" / "optimizer.bin").write_bytes(b"state")
    expected = pixels(whole)
    assert (pixels(run / "checkpoint-5", base) == expected).all()
    assert (pixels(run / "checkpoint-5", base, "transformer_ema") == expected).all()
    assert (pixels(whole / "transformer", base) == expected).all()  # save_pretrained of the network itself
    assert (pixels(base) != expected).any()
    shutil.copytree(pipeline_folder("sdxl") / "unet", run / "checkpoint-6" / "unet")
    with pytest.raises(InputError, match=r"holds a unet, which the base .* does not have"):
        pixels(run / "checkpoint-6", base)


@pytest.mark.slow
def test_loras_in_diffusers_form_and_in_pefts_own_are_drawn_with_at_their_strength(pipeline_folder, run):
    import torch
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
    from diffusers.training_utils import _collate_lora_metadata
    from peft import LoraConfig, get_peft_model
    from peft.utils import get_peft_model_state_dict

    base = pipeline_folder("sd3")
    settings = LoraConfig(r=2, lora_alpha=16, init_lora_weights=False, target_modules=["to_q", "to_v"])
    torch.manual_seed(1)
    network = SD3Transformer2DModel.from_pretrained(base / "transformer")
    network.add_adapter(settings)
    StableDiffusion3Pipeline.save_lora_weights(
        run / "checkpoint-5",
        transformer_lora_layers=get_peft_model_state_dict(network),
        **_collate_lora_metadata({"transformer": network}),
    )
    torch.manual_seed(1)
    wrapped = get_peft_model(SD3Transformer2DModel.from_pretrained(base / "transformer"), settings)
    wrapped.save_pretrained(run / "checkpoint-6")
    merged = shutil.copytree(base, run / "merged")
    wrapped.merge_and_unload().save_pretrained(merged / "transformer")
    expected, plain = pixels(merged), pixels(base)
    assert np.abs(expected - plain).max() > 1
    for name in ("checkpoint-5", "checkpoint-6"):
        assert np.abs(pixels(run / name, base) - expected).max() <= 1
    adapter = run / "checkpoint-6" / "adapter_config.json"
    adapter.write_text(json.dumps({**json.loads(adapter.read_text()), "peft_type": "LOHA"}))
    with pytest.raises(InputError, match="does not go with SD3Transformer2DModel"):
        pixels(run / "checkpoint-6", base)
    measured = watched(run, ModelSettings(str(base), SMALL))
    assert [one.name for one in measured] == ["checkpoint-5"]
    (failure,) = read_run(run).failed
    assert failure.name == "checkpoint-6"


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_loaded_is_a_failure_and_tried_again_later(pipeline_folder, run):
    broken = shutil.copytree(pipeline_folder("sd3"), run / "checkpoint-1")
    configuration = broken / "transformer" / "config.json"
    right = configuration.read_text()
    configuration.write_text(right.replace('"num_layers": 2', '"num_layers": 3'))
    shutil.copytree(pipeline_folder("sd3"), run / "checkpoint-2")
    (measured,) = watched(run, ModelSettings(options=SMALL))
    assert measured.name == "checkpoint-2"
    (failure,) = read_run(run).failed
    assert failure.name == "checkpoint-1"
    changed(pipeline_folder("sd3"), run / "new", 0.05)
    shutil.rmtree(broken)
    (run / "new").rename(broken)
    assert len(watched(run, ModelSettings(options=SMALL))) == 2


@pytest.mark.slow
def test_a_checkpoint_that_is_overwritten_while_it_is_drawn_with_is_measured_anew(
    pipeline_folder, run, monkeypatch
):
    from nami_bench.watching import watcher

    checkpoint = shutil.copytree(pipeline_folder("sd3"), run / "checkpoint-1")
    make_images = watcher.make_images

    def disturbed(*arguments):
        made = make_images(*arguments)
        shutil.rmtree(checkpoint)
        changed(pipeline_folder("sd3"), checkpoint, 0.05)
        return made

    monkeypatch.setattr(watcher, "make_images", disturbed)
    assert watched(run, ModelSettings(options=SMALL)) == []
    monkeypatch.setattr(watcher, "make_images", make_images)
    (again,) = watched(run, ModelSettings(options=SMALL))
    assert again.sha256 == recognised(checkpoint).sha256()

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import GenerationError, InputError
from nami_bench.generators.diffusers_loading import place
from nami_bench.generators.diffusers_pipeline import DiffusersGenerator
from nami_bench.generators.pipeline_content import pipeline_sha256
from nami_bench.generators.protocol import GenerationRequest
from tests.support.http_server import Asked, Reply, http_server

Folder = Callable[[str], Path]
REQUEST = GenerationRequest(Prompt("00000", "a cat"), 0, 1)


def create(**options: Any) -> DiffusersGenerator:
    """A generator from options as the command line gives them."""
    generator: DiffusersGenerator = registry.create("generators", "diffusers", options)
    return generator


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give model=OWNER/NAME, model=FOLDER or preset=NAME"),
        ({"preset": "flux-def"}, "unknown preset 'flux-def': did you mean 'flux-dev'"),
        ({"model": "a/b", "dtype": "half"}, "dtype: input should be 'float32', 'bfloat16' or 'float16'"),
        ({"model": "a/b", "steps": "0"}, "steps 0 is below 1"),
        ({"model": "a/b", "guidance_scale": "-1"}, "guidance_scale -1.0 is below 0"),
        ({"model": "a/b", "guidance_scale": "nan"}, "guidance_scale nan is below 0"),
        ({"model": "a/b", "batch_size": "0"}, "batch_size 0 is below 1"),
        ({"model": "a/b", "height": "100"}, "height 100 is no positive multiple of 8"),
        ({"model": "a/b", "extra": "{steps: 3}"}, "extra"),
        ({"model": "a/b", "extra": '{"height": 64}'}, "set height by the option height"),
        ({"model": "a/b", "extra": '{"generator": 1}'}, "generator cannot be set"),
        ({"model": "a/b", "lora_scale": "0.5"}, "lora_revision, lora_scale and lora_alpha need lora"),
        ({"model": "a/b", "offload": "disk"}, "offload"),
        ({"model": "/no/such/folder"}, "neither a folder nor a hub name"),
        ({"model": "a/b", "width": "wide"}, "width"),
        ({"model": "a/b", "sampler": "x"}, "sampler: unknown key"),
        ({"model": "a/b", "scheduler": "{x}"}, "scheduler '{x}' is not JSON"),
    ],
)
def test_bad_options_are_refused_before_anything_is_loaded(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        create(**options)


def test_a_folder_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model_index\.json"):
        create(model=str(tmp_path))


def test_a_folder_has_no_revisions(pipeline_folder: Folder) -> None:
    with pytest.raises(InputError, match="is a folder and has no revisions"):
        create(model=str(pipeline_folder("flux")), revision="main")


def test_presets_fill_in_what_is_not_given(pipeline_folder: Folder) -> None:
    folder = str(pipeline_folder("flux"))
    plain = create(preset="flux-schnell", model=folder).describe()
    assert plain["call"] == {
        "num_inference_steps": 4,
        "guidance_scale": 0.0,
        "height": 1024,
        "width": 1024,
        "max_sequence_length": 256,
    }
    assert (plain["preset"], plain["model"]) == ("flux-schnell", folder)
    own = create(preset="flux-schnell", model=folder, steps="2", extra='{"max_sequence_length": 64}')
    assert own.describe()["call"] == {
        **plain["call"],
        "num_inference_steps": 2,
        "max_sequence_length": 64,
    }


def test_a_hub_name_while_offline_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"HF_HUB_OFFLINE is set.*give a local folder") as caught:
        create(preset="flux-dev").describe()
    assert str(caught.value).startswith("model 'black-forest-labs/FLUX.1-dev'")
    assert "\n" not in str(caught.value)


def of_the_hub(asked: Asked) -> Reply:
    """What the hub says of such a repository, going by its name."""
    answers = {
        "/gated": (403, "GatedRepo"),
        "/missing": (404, "RepoNotFound"),
        "/old": (404, "RevisionNotFound"),
    }
    status, code = next((answer for name, answer in answers.items() if name in asked.path), (400, ""))
    return Reply(status, headers={"X-Error-Code": code})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hub's library talks to a local server."""
    from huggingface_hub import constants, hf_api

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with http_server(of_the_hub) as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(hf_api.api, "endpoint", address)
        yield


@pytest.mark.parametrize("option", ["model", "lora"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a/gated", r"is gated: accept its licence at http://127\.0\.0\.1:\d+/a/gated"),
        ("a/missing", "neither a folder here nor a public model of the hub"),
        ("a/old", "has no revision 'v0'"),
        ("a/broken", "cannot be had from the hub: Bad request"),
    ],
)
def test_what_the_hub_refuses_is_explained(
    hub: None, option: str, name: str, message: str, pipeline_folder: Folder
) -> None:
    if option == "model":
        generator = create(model=name, revision="v0")
    else:
        generator = create(model=str(pipeline_folder("flux")), lora=name, lora_revision="v0")
    with pytest.raises(InputError, match=message):
        generator.describe()


def test_a_hub_that_does_not_answer_is_no_missing_model(hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants, hf_api

    nobody = "http://127.0.0.1:9"
    monkeypatch.setattr(constants, "ENDPOINT", nobody)
    monkeypatch.setattr(hf_api.api, "endpoint", nobody)
    with pytest.raises(InputError, match=r"the hub is out of reach \(no answer\)"):
        create(model="a/b").describe()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            "pixart",
            {"extra": '{"true_cfg_scal": 1}'},
            "unknown argument of PixArtSigmaPipeline 'true_cfg_scal'",
        ),
        ("sd3", {"extra": '{"max_sequence_lenght": 64}'}, "did you mean 'max_sequence_length'"),
        ("sd3", {"offload": "model"}, "offload=model needs a GPU"),
        ("sd3", {"variant": "fp16"}, "cannot load the pipeline .*variant=fp16"),
        ("sd3", {"device": "cuda:7"}, "device 'cuda:7' cannot be used here"),
    ],
)
def test_what_shows_only_when_loading_ends_the_run_in_one_sentence(
    kind: str, options: dict[str, str], message: str, pipeline_folder: Folder
) -> None:
    generator = create(model=str(pipeline_folder(kind)), **options)
    with pytest.raises(InputError, match=message):
        list(generator.generate([REQUEST]))


def test_damaged_weights_are_named(pipeline_folder: Folder, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(pipeline_folder("flux"), folder)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError, match=f"cannot load the pipeline in {folder}.*diffusion_pytorch_model"):
        list(create(model=str(folder)).generate([REQUEST]))


def test_a_pipeline_that_takes_no_prompt_is_refused(tmp_path: Path) -> None:
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        norm_num_groups=2,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
    )
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="DDPMPipeline is no text-to-image pipeline"):
        list(create(model=str(tmp_path)).generate([REQUEST]))


def test_a_lora_must_go_with_the_pipeline(pipeline_folder: Folder, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "lora.safetensors"
    save_file({"transformer.nowhere.lora_A.weight": torch.zeros(2, 16)}, file)
    with pytest.raises(InputError, match="PixArtSigmaPipeline takes no LoRA"):
        list(create(model=str(pipeline_folder("pixart")), lora=str(file)).generate([REQUEST]))
    with pytest.raises(InputError, match=r"LoRA .*lora\.safetensors"):
        list(create(model=str(pipeline_folder("sd3")), lora=str(file)).generate([REQUEST]))
    shutil.copy(file, tmp_path / "second.safetensors")
    with pytest.raises(InputError, match="must hold one safetensors file"):
        create(model=str(pipeline_folder("sd3")), lora=str(tmp_path)).describe()
    with pytest.raises(InputError, match="neither a file, nor a folder, nor a hub name"):
        create(model=str(pipeline_folder("sd3")), lora="lora.safetensors").describe()


def test_offloading_and_a_model_too_large_for_the_device() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.calls: list[tuple[str, Any]] = []

        def enable_model_cpu_offload(self, device: Any) -> None:
            self.calls.append(("model", device))

        def enable_sequential_cpu_offload(self, device: Any) -> None:
            self.calls.append(("sequential", device))

        def to(self, device: Any) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 24.00 GiB")

    gpu, recorder = torch.device("mps"), Recorder()
    place(recorder, gpu, "model")
    place(recorder, gpu, "sequential")
    assert recorder.calls == [("model", gpu), ("sequential", gpu)]
    with pytest.raises(GenerationError, match="does not fit into the memory of mps: try offload=model"):
        place(recorder, gpu)


def test_the_hash_of_a_folder_is_that_of_its_parts(pipeline_folder: Folder, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(pipeline_folder("flux"), folder)
    original = pipeline_sha256(pipeline_folder("flux"))
    (folder / "README.md").write_text("not a part")
    assert pipeline_sha256(folder) == original
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("1.15", "1.16"))
    assert pipeline_sha256(folder) != original
    (folder / "model_index.json").write_text("{")
    with pytest.raises(InputError, match=r"model_index\.json is not readable JSON"):
        pipeline_sha256(folder)


def test_without_the_extra_the_install_command_is_given() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from nami_bench import registry\n"
        "from nami_bench.errors import InputError\n"
        "try: registry.load('generators', 'diffusers')\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "generator 'diffusers' needs the package 'torch': pip install 'nami-bench[models]'"
    )

"""Every preset's own class, tiny and with random weights, from the command line to the leaderboard."""

import inspect
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.generators.batch_sharing import ANY_LENGTHS, EQUAL_LENGTHS
from nami_bench.generators.diffusers_pipeline import DiffusersGenerator
from nami_bench.generators.pipeline_call import call_arguments
from nami_bench.generators.presets import PRESETS
from nami_bench.generators.protocol import GenerationRequest, GenerationResult

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
    # Of diffusers' own modules, while they are imported or used.
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*FluxPosEmbed. is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.LoraLoaderMixin. is deprecated:FutureWarning"),
]

Folder = Callable[[str], Path]
SHORT = {"max_sequence_length": 48}
UNBINNED = {"use_resolution_binning": False, "complex_human_instruction": None}
# By class: its tiny pipeline, and what that needs beside the preset's settings.
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "AuraFlowPipeline": ("aura_flow", {"extra": SHORT}),
    "BriaFibo2Pipeline": ("fibo2", {}),
    "BriaFiboPipeline": ("fibo", {"negative_prompt": "blur"}),
    "BriaPipeline": ("bria", {"extra": SHORT}),
    "ChromaPipeline": ("chroma", {"extra": SHORT}),
    "CogView4Pipeline": ("cogview4", {"negative_prompt": "blur", "extra": SHORT}),
    "Cosmos2TextToImagePipeline": ("cosmos2", {"extra": SHORT}),
    "DreamLitePipeline": ("dreamlite", {}),
    "ErnieImagePipeline": ("ernie_image", {}),
    "Flux2KleinKVPipeline": ("flux2_klein_kv", {"extra": {**SHORT, "text_encoder_out_layers": [1, 2, 3]}}),
    "Flux2KleinPipeline": ("flux2_klein", {"extra": {**SHORT, "text_encoder_out_layers": [1, 2, 3]}}),
    "Flux2Pipeline": ("flux2", {"extra": {**SHORT, "text_encoder_out_layers": [1, 2, 3]}}),
    "FluxPipeline": ("flux", {"extra": SHORT}),
    "GlmImagePipeline": ("glm_image", {}),
    "HiDreamImagePipeline": ("hidream", {}),
    "HunyuanDiTPipeline": ("hunyuan_dit", {"extra": {"use_resolution_binning": False}}),
    "HunyuanImagePipeline": ("hunyuan_image", {}),
    "Ideogram4Pipeline": ("ideogram4", {"steps": 48}),
    "Kandinsky5T2IPipeline": ("kandinsky5", {}),
    "KolorsPipeline": ("kolors", {"extra": SHORT}),
    "Krea2Pipeline": ("krea2", {"extra": SHORT}),
    "LongCatImagePipeline": ("longcat", {}),
    "Lumina2Pipeline": ("lumina2", {}),
    "NucleusMoEImagePipeline": ("nucleus", {}),
    "OmniGenPipeline": ("omnigen", {}),
    "OvisImagePipeline": ("ovis_image", {"extra": SHORT}),
    "PixArtSigmaPipeline": ("pixart", {"extra": {"use_resolution_binning": False, "clean_caption": False}}),
    "PRXPipeline": ("prx", {"extra": {"use_resolution_binning": False}}),
    "PRXPixelPipeline": ("prx_pixel", {"extra": {"use_resolution_binning": False}}),
    "QwenImage21Pipeline": ("qwen_image_21", {}),
    "QwenImagePipeline": ("qwen_image", {"extra": {**SHORT, "true_cfg_scale": 4.0}}),
    "SanaPipeline": ("sana", {"extra": UNBINNED}),
    "SanaSprintPipeline": ("sana_sprint", {"extra": UNBINNED}),
    "StableDiffusion3Pipeline": ("sd3", {"extra": SHORT}),
    "StableDiffusionXLPipeline": ("sdxl", {}),
    "WanPipeline": ("wan", {"extra": {"num_frames": 1, "max_sequence_length": 48}}),
    "ZImagePipeline": ("z_image", {"extra": SHORT}),
}
QUICK = ("FluxPipeline", "QwenImagePipeline", "ZImagePipeline")


def first_of(pipeline: str) -> str:
    return next(name for name, preset in PRESETS.items() if preset.pipeline == pipeline)


def tiny_options(pipeline: str, folder: Path) -> dict[str, Any]:
    """As the command line has them; `max_sequence_length` and the like only spare the tiny parts time."""
    own = dict(TINY[pipeline][1])
    extra = json.dumps(own.pop("extra", {}))
    small = {"steps": 2, "height": 64, "width": 64, **own}
    return {"preset": first_of(pipeline), "model": str(folder), **small, "extra": extra}


def test_every_class_of_a_preset_is_tried() -> None:
    assert TINY.keys() == {preset.pipeline for preset in PRESETS.values()}


@pytest.mark.parametrize("name", PRESETS)
def test_every_presets_class_takes_its_settings(name: str) -> None:
    preset = PRESETS[name]
    kind = getattr(diffusers, preset.pipeline)
    taken = inspect.signature(kind.__call__).parameters
    given = DiffusersGenerator.Options(preset=name)
    assert preset.extra.keys() <= taken.keys() and {"num_inference_steps", "height", "width"} <= taken.keys()
    if preset.guidance_scale is not None:
        assert "guidance_scale" in taken
    if preset.negative_prompt is not None:
        assert "negative_prompt" in taken
    instructed = {"complex_human_instruction"} & taken.keys() or hasattr(kind, "_get_gemma_prompt_embeds")
    assert (preset.rewriting == "instruction") == bool(instructed)
    assert preset.source and preset.licence and given.preset == name
    assert not ANY_LENGTHS & EQUAL_LENGTHS


@pytest.mark.parametrize("pipeline", QUICK)
def test_presets_settings_are_heeded_by_their_class(pipeline: str, pipeline_folder: Folder) -> None:
    from nami_bench.generators.diffusers_loading import load_pipeline
    from nami_bench.generators.torch_runtime import choose_dtype

    folder = pipeline_folder(TINY[pipeline][0])
    loaded = load_pipeline(folder, choose_dtype(loaded_on()))
    for name, preset in PRESETS.items():
        if preset.pipeline == pipeline:
            generator = DiffusersGenerator(DiffusersGenerator.Options(preset=name, model=str(folder)))
            call_arguments(loaded, generator.describe()["call"])  # refuses what would do nothing


def loaded_on() -> Any:
    import torch

    return torch.device("cpu")


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cosmos' safety checker is a package that fetches gated weights: another one stands in for it."""
    from diffusers.pipelines.cosmos import pipeline_cosmos2_text2image

    from tests.support.tiny_pipelines.with_special_parts import Checker

    monkeypatch.setattr(pipeline_cosmos2_text2image, "CosmosSafetyChecker", Checker)
    monkeypatch.setattr("nami_bench.generators.preset.version", lambda name: "1")


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", TINY)
def test_from_the_command_line_to_the_leaderboard(
    pipeline: str, pipeline_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded: None
) -> None:
    monkeypatch.chdir(tmp_path)

    def nami_bench(*arguments: str) -> str:
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    options = tiny_options(pipeline, pipeline_folder(TINY[pipeline][0]))
    nami_bench("init")
    nami_bench("models", "add", "m", "--adapter", "diffusers", *(f"-O{k}={v}" for k, v in options.items()))
    nami_bench("prompts", "build", "shapes-demo")
    made = nami_bench(
        "generate", "--model", "m", "--prompts", "shapes-demo", "--samples", "1", "--limit", "2", "--json"
    )
    assert json.loads(made) == {"m": {"made": 2}}
    nami_bench("evaluate", "geneval", "--detector", "shapes")
    (row,) = json.loads(nami_bench("leaderboard", "--json"))["rows"]
    rewriting = PRESETS[options["preset"]].rewriting
    assert (row["model"], row["prompt_rewriting"]) == ("m", "none" if "Sana" in pipeline else rewriting)


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", sorted(TINY.keys() & (ANY_LENGTHS | EQUAL_LENGTHS)))
def test_neighbours_in_a_batch_change_no_picture(pipeline: str, pipeline_folder: Folder) -> None:
    texts = ("a red fox", "a big cat", "two blue cars near a tall green tree")
    requests = [GenerationRequest(Prompt(f"{i:05d}", text), 0, 1000 + i) for i, text in enumerate(texts)]
    options = tiny_options(pipeline, pipeline_folder(TINY[pipeline][0]))
    options["extra"] = json.loads(options["extra"])

    def draw(size: int) -> list[GenerationResult]:
        return list(
            DiffusersGenerator(DiffusersGenerator.Options(**options, batch_size=size)).generate(requests)
        )

    alone, together = draw(1), draw(3)
    expected = [3, 3, 3] if pipeline in ANY_LENGTHS else [2, 2, 1]
    assert [result.provenance["batch"] for result in together] == expected
    one, other = (np.stack([np.asarray(r.image, np.int16) for r in drawn]) for drawn in (alone, together))
    # Kernels for three round the last bit differently.
    assert np.abs(one - other).max() <= 1
    assert np.abs(one[0] - one[1]).max() > 1


def test_a_bare_model_of_a_preset_is_told_of_it(caplog: pytest.LogCaptureFixture) -> None:
    DiffusersGenerator(DiffusersGenerator.Options(model="black-forest-labs/FLUX.2-klein-4B"))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith("without its publisher's settings: preset=flux2-klein-4b has them")


def test_parts_that_a_presets_folder_lacks_are_fetched_unless_others_are_given() -> None:
    published = PRESETS["hidream-i1-full"].components["text_encoder_4"]
    given = {"preset": "hidream-i1-full", "components": {"text_encoder_4": "me/llama"}}
    plain, other = ({"preset": "hidream-i1-full"}, given)
    found = [
        DiffusersGenerator(DiffusersGenerator.Options(**o))._checkpoint.components for o in (plain, other)
    ]
    assert [parts["text_encoder_4"] for parts in found] == [published, "me/llama"]
    assert {parts["tokenizer_4"] for parts in found} == {published}


@pytest.mark.slow
def test_a_folder_without_llama_draws_with_one_from_elsewhere(
    pipeline_folder: Folder, tmp_path: Path
) -> None:
    whole, lacking = pipeline_folder("hidream"), tmp_path / "hidream"
    shutil.copytree(whole, lacking, ignore=shutil.ignore_patterns("*_4"))
    index = json.loads((lacking / "model_index.json").read_text())
    lacks = ("text_encoder_4", "tokenizer_4")
    (lacking / "model_index.json").write_text(
        json.dumps({name: value for name, value in index.items() if name not in lacks})
    )
    request = GenerationRequest(Prompt("00000", "a red fox"), 0, 1000)
    pictures = []
    for folder, components in ((whole, {}), (lacking, {name: str(whole / name) for name in lacks})):
        options = DiffusersGenerator.Options(
            preset="hidream-i1-fast", model=str(folder), components=components, steps=1
        )
        (result,) = DiffusersGenerator(options).generate([request])
        pictures.append(np.asarray(result.image))
    assert np.array_equal(*pictures)


def test_a_package_that_a_preset_needs_is_named() -> None:
    with pytest.raises(InputError, match="needs the package cosmos-guardrail: pip install cosmos-guardrail"):
        PRESETS["cosmos-predict2-2b"].check_packages()


def test_presets_are_listed() -> None:
    result = CliRunner().invoke(cli, ["models", "presets", "--json"], catch_exceptions=False)
    listed = {row["preset"]: row for row in json.loads(result.stdout)}
    assert listed.keys() == PRESETS.keys()
    assert listed["qwen-image"]["extra"]["true_cfg_scale"] == 4.0
    assert listed["glm-image"]["batches"] == "one by one"
    assert "z-image-turbo" in CliRunner().invoke(cli, ["models", "presets"]).stdout

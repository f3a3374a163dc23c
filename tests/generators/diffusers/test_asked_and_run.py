"""What was asked for is what runs: steps, sizes, guidance; else it is refused or said, in one sentence."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nami_bench.domain import ImageState, Prompt
from nami_bench.errors import InputError
from nami_bench.generators.diffusers_pipeline import DiffusersGenerator
from nami_bench.generators.protocol import GenerationRequest, GenerationResult

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Folder = Callable[[str], Path]
TEXTS = ("a red fox", "two blue cars near a tall green tree")
REQUESTS = [GenerationRequest(Prompt(f"{i:05d}", text), 0, 1000 + i) for i, text in enumerate(TEXTS)]


def draw(
    folder: Path, requests: list[GenerationRequest] = REQUESTS[:1], **options: Any
) -> list[GenerationResult]:
    given = {"steps": 2, "height": 64, "width": 64, **options}
    return list(DiffusersGenerator(DiffusersGenerator.Options(model=str(folder), **given)).generate(requests))


def configured(folder: Path, copy: Path, **values: Any) -> Path:
    """A copy of a pipeline with other values in its index."""
    shutil.copytree(folder, copy)
    index = copy / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **values}))
    return copy


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            "qwen_image",
            {"guidance_scale": 4.0},
            'guidance_scale 4.0 does nothing in QwenImagePipeline, .* give extra={"true_cfg_scale": 4.0}',
        ),
        (
            "qwen_image",
            {"extra": {"true_cfg_scale": 4.0}},
            "QwenImagePipeline heeds true_cfg_scale 4.0 only with a negative prompt: give negative",
        ),
        (
            "qwen_image",
            {"extra": {"true_cfg_scale": 1.0}, "negative_prompt": "blur"},
            "negative_prompt does nothing in QwenImagePipeline with true_cfg_scale 1.0",
        ),
        ("flux", {"negative_prompt": "blur"}, "negative_prompt does nothing in FluxPipeline"),
        (
            "flux2_klein",
            {"guidance_scale": 4.0},
            "guidance_scale 4.0 does nothing in Flux2KleinPipeline, whose model is distilled: leave it out",
        ),
        (
            "flux2_klein",
            {"negative_prompt": "blur"},
            "unknown argument of Flux2KleinPipeline 'negative_prompt'",
        ),
    ],
)
def test_guidance_that_does_nothing_is_refused_with_the_right_name(
    kind: str, options: dict[str, Any], message: str, pipeline_folder: Folder
) -> None:
    with pytest.raises(InputError, match=message.replace("{", r"\{").replace("}", r"\}")):
        draw(pipeline_folder(kind), **options)


@pytest.mark.slow
def test_a_pipeline_that_is_unguided_by_default_says_so_once(
    pipeline_folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    draw(pipeline_folder("qwen_image"), REQUESTS)
    (said,) = [record.getMessage() for record in caplog.records if record.name.startswith("nami_bench")]
    assert said.startswith("QwenImagePipeline heeds true_cfg_scale 4.0 only with a negative prompt")
    assert said.endswith("its images are unguided")


@pytest.mark.slow
def test_steps_that_a_configuration_overrides_are_refused(pipeline_folder: Folder, tmp_path: Path) -> None:
    plain = pipeline_folder("qwen_image_21")
    (result,) = draw(plain, steps=4)
    assert result.provenance["steps_run"] == 4
    other = configured(plain, tmp_path / "other", sample_sigmas=[1.0, 0.6, 0.3])
    message = (
        "ran 3 steps where 20 were asked for: the sample_sigmas in its model_index.json decide; give steps=3"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        draw(other, steps=20)
    (result,) = draw(other, steps=3)
    assert result.provenance["steps_run"] == 3


@pytest.mark.slow
def test_another_size_than_asked_is_recorded_and_said_once(
    pipeline_folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    results = draw(pipeline_folder("flux"), REQUESTS, height=72, width=64)
    assert [r.image.size for r in results if r.image] == [(64, 72)] * 2
    assert not caplog.records
    results = draw(pipeline_folder("hidream"), REQUESTS)
    sizes = {r.image.size for r in results if r.image}
    assert sizes == {(256, 256)} and {r.provenance["asked_size"] for r in results} == {"64x64"}
    said = [record.getMessage() for record in caplog.records if record.name.startswith("nami_bench")]
    sentence = "HiDreamImagePipeline makes images of 256x256 where 64x64 was asked for"
    assert said == [f"{sentence}: each image's record holds both"]


@pytest.mark.slow
def test_an_argument_that_is_wrong_for_every_prompt_ends_the_run(pipeline_folder: Folder) -> None:
    with pytest.raises(
        InputError, match=r"whatever the prompt: ValueError: `guidance_schedule` must have length"
    ):
        draw(pipeline_folder("ideogram4"), REQUESTS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kandinsky5", "wan"])
def test_pictures_under_other_names_and_videos_of_one_frame(kind: str, pipeline_folder: Folder) -> None:
    (result,) = draw(pipeline_folder(kind))
    assert result.state is ImageState.DONE and result.image is not None and result.image.mode == "RGB"
    assert result.provenance["steps_run"] == 2


@pytest.mark.slow
def test_a_video_is_no_image(pipeline_folder: Folder) -> None:
    with pytest.raises(
        InputError, match=r"WanPipeline gives videos of 5 frames: only extra=\{\"num_frames\": 1\}"
    ):
        draw(pipeline_folder("wan"), extra={"num_frames": 5})


@pytest.mark.slow
def test_guiders_are_given_the_scale(pipeline_folder: Folder) -> None:
    options = DiffusersGenerator.Options(str(pipeline_folder("hunyuan_image")), guidance_scale=9.0)
    pipeline = DiffusersGenerator(options)._pipeline
    assert [part.guidance_scale for part in (pipeline.guider, pipeline.ocr_guider)] == [9.0, 9.0]

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nami_bench import images, pipeline
from nami_bench.domain import ImageState, ModelCard, Prompt, PromptSet
from nami_bench.errors import GenerationError
from nami_bench.generators import batch_sharing
from nami_bench.generators.diffusers_pipeline import DiffusersGenerator
from nami_bench.generators.prompt_rewriting import Rewriter
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.store import Store

# diffusers' schedulers hand torch tensors to numpy in a way that numpy 2 frowns upon.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Folder = Callable[[str], Path]
KINDS = ("sd3", "sana", "flux", "sdxl", "pixart")
SMALL = {"steps": 2, "height": 32, "width": 32}
EXTRA: dict[str, dict[str, Any]] = {
    "sd3": {"max_sequence_length": 48},
    "flux": {"max_sequence_length": 48},
    # Binning would blow the picture up to 1024 pixels; the long instruction takes seconds letter by letter.
    "sana": {"use_resolution_binning": False, "complex_human_instruction": None},
    "pixart": {"use_resolution_binning": False, "clean_caption": False},
}
TEXTS = ("a red cat", "two dogs in a kitchen with large windows", "x", "blue bird")
PROMPTS = PromptSet("set", tuple(Prompt(f"{i:05d}", text) for i, text in enumerate(TEXTS)))
REQUESTS = [
    GenerationRequest(prompt, sample, pipeline.image_seed(0, prompt.id, sample))
    for prompt in PROMPTS.prompts
    for sample in (0, 1)
]


def generator(folder: Path, **options: Any) -> DiffusersGenerator:
    extra = {**EXTRA.get(folder.name, {}), **options.pop("extra", {})}
    return DiffusersGenerator(
        DiffusersGenerator.Options(model=str(folder), extra=extra, **{**SMALL, **options})
    )


def draw(chosen: DiffusersGenerator, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
    size = chosen.batch_size
    return [r for at in range(0, len(requests), size) for r in chosen.generate(requests[at : at + size])]


def pixels(results: Iterable[GenerationResult]) -> list[NDArray[np.int16]]:
    """The pictures, ordered by request whatever the order of the results."""
    ordered = sorted(results, key=lambda r: (r.request.prompt.id, r.request.sample))
    return [np.asarray(r.image, np.int16) for r in ordered]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as opened:
        opened.catalog.add_prompt_set(PROMPTS)
        yield opened


def run(store: Store, tmp_path: Path, folder: Path, **options: Any) -> pipeline.GenerationReport:
    """Generate two samples of every prompt, with the options as the command line hands them over."""
    given = {"model": str(folder), **SMALL, **options, "extra": json.dumps(EXTRA.get(folder.name, {}))}
    store.catalog.add_model(ModelCard("m", "diffusers", {name: str(value) for name, value in given.items()}))
    return pipeline.generate(store, tmp_path / "images", "m", PROMPTS, samples=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_image_is_recorded_with_what_made_it(
    kind: str, pipeline_folder: Folder, store: Store, tmp_path: Path
) -> None:
    assert run(store, tmp_path, pipeline_folder(kind), batch_size=3).counts == {"made": 8}
    records = store.images.find(models=["m"], prompt_set="set")
    assert {(r.state, r.width, r.height) for r in records} == {(ImageState.DONE, 32, 32)}
    # The pipeline asks for 3, 3 and 2 at once.
    assert [r.provenance["batch"] for r in records] == [3, 3, 3, 3, 3, 3, 2, 2]
    record = records[0]
    assert record.seconds is not None and record.seconds > 0
    assert record.provenance["device"] == "cpu" and record.provenance["dtype"] == "float32"
    assert record.provenance["libraries"].keys() >= {"torch", "diffusers", "transformers", "numpy", "pillow"}
    settings = record.provenance["settings"]
    assert settings["call"] == {
        "num_inference_steps": 2,
        "height": 32,
        "width": 32,
        **EXTRA.get(kind, {}),
    }
    assert len(settings["model_files"]["sha256"]) == 64
    assert run(store, tmp_path, pipeline_folder(kind), batch_size=3).counts == {"kept": 8}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_image_depends_on_its_request_alone(kind: str, pipeline_folder: Folder) -> None:
    alone = pixels(draw(generator(pipeline_folder(kind)), REQUESTS))
    again = pixels(draw(generator(pipeline_folder(kind)), REQUESTS[::-1]))
    assert np.array_equal(alone, again)
    together = pixels(draw(generator(pipeline_folder(kind), batch_size=3), REQUESTS[::-1]))
    difference = np.abs(np.stack(alone) - together)
    # Kernels for three round the last bit differently, seldom enough to change an 8-bit value.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    # Other seeds and other prompts are other pictures, by far.
    first, second, other = alone[:3]
    assert np.abs(first - second).mean() > 5 and np.abs(first - other).mean() > 5


def test_results_keep_the_order_of_requests_where_lengths_keep_batches_apart(
    pipeline_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As for a pipeline that pads to the longest prompt of a batch.
    monkeypatch.setattr(batch_sharing, "ANY_LENGTHS", frozenset())
    monkeypatch.setattr(batch_sharing, "EQUAL_LENGTHS", {"StableDiffusion3Pipeline"})
    mixed = [REQUESTS[i] for i in (0, 2, 1, 4, 3, 5)]
    results = draw(generator(pipeline_folder("sd3"), batch_size=6), mixed)
    assert [r.request for r in results] == mixed
    assert [r.provenance["batch"] for r in results] == [2] * 6
    alone = pixels(draw(generator(pipeline_folder("sd3")), mixed))
    assert np.abs(np.stack(alone) - pixels(results)).max() <= 1


def test_seeds_mean_the_same_for_half_precision_weights(pipeline_folder: Folder) -> None:
    (full,) = draw(generator(pipeline_folder("flux")), REQUESTS[:1])
    (half,) = draw(generator(pipeline_folder("flux"), dtype="bfloat16"), REQUESTS[:1])
    assert half.provenance["dtype"] == "bfloat16"
    assert half.state is ImageState.DONE and full.image is not None
    assert half.image is not None and half.image.size == full.image.size


def test_negative_prompts_and_guidance_reach_every_image_of_a_batch(pipeline_folder: Folder) -> None:
    plain, against, weak = (
        pixels(draw(generator(pipeline_folder("sd3"), batch_size=2, **options), REQUESTS[:2]))
        for options in ({}, {"negative_prompt": "dogs"}, {"guidance_scale": 1.0})
    )
    for i in (0, 1):
        assert not np.array_equal(plain[i], against[i]) and not np.array_equal(plain[i], weak[i])


def test_memory_that_runs_out_halves_the_batch_and_loses_nothing(
    pipeline_folder: Folder, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import SD3Transformer2DModel

    original, tried = SD3Transformer2DModel.forward, []

    def forward(self: Any, hidden_states: Any, *args: Any, **kwargs: Any) -> Any:
        tried.append(len(hidden_states) // 2)  # guidance doubles the batch
        if len(hidden_states) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return original(self, hidden_states, *args, **kwargs)

    monkeypatch.setattr(SD3Transformer2DModel, "forward", forward)
    assert run(store, tmp_path, pipeline_folder("sd3"), batch_size=8).counts == {"made": 8}
    assert [r.provenance["batch"] for r in store.images.find()] == [2] * 8
    assert tried[:3] == [8, 4, 2] and set(tried[3:]) == {2}


def test_an_image_too_large_even_alone_fails_with_the_reason(
    pipeline_folder: Folder, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr("diffusers.FluxTransformer2DModel.forward", forward)
    report = run(store, tmp_path, pipeline_folder("flux"), batch_size=2)
    assert report.counts == {"failed": 8}
    assert "CUDA out of memory" in report.problems[0]
    assert {r.path for r in store.images.find()} == {None}


def test_a_safety_checkers_black_picture_is_a_refusal(
    pipeline_folder: Folder, store: Store, tmp_path: Path
) -> None:
    assert run(store, tmp_path, pipeline_folder("refusing_sd"), batch_size=4).counts == {"refused": 8}
    records = store.images.find()
    assert {r.reason for r in records} == {"the pipeline's safety checker withheld the image"}
    assert run(store, tmp_path, pipeline_folder("refusing_sd"), batch_size=4).counts == {"refused": 8}


def test_not_a_number_is_a_failure_and_no_black_picture(pipeline_folder: Folder, tmp_path: Path) -> None:
    from diffusers import AutoencoderKL

    folder = tmp_path / "flux"
    shutil.copytree(pipeline_folder("flux"), folder)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    vae.decoder.conv_out.bias.data.fill_(float("nan"))
    vae.save_pretrained(folder / "vae")
    (result,) = draw(generator(folder), REQUESTS[:1])
    assert result.state is ImageState.FAILED and result.image is None
    assert result.reason is not None and "NaN" in result.reason


class Foreign:
    """A pipeline of someone else's: no tokenizer, DeepFloyd's name for the safety flags."""

    components: Mapping[str, Any] = {}

    def __init__(self, images: int) -> None:
        self.images, self.batches = images, list[int]()

    def __call__(self, prompt: list[str], **arguments: Any) -> Any:
        self.batches.append(len(prompt))
        drawn = np.zeros((self.images or len(prompt), 8, 8, 3))
        return SimpleNamespace(images=drawn, nsfw_detected=["dogs" in text for text in prompt])


def with_foreign(foreign: Foreign, **options: Any) -> DiffusersGenerator:
    chosen = DiffusersGenerator(DiffusersGenerator.Options(model="a/b", device="cpu", **options))
    chosen._pipeline, chosen._rewriter = foreign, Rewriter(foreign, {})
    return chosen


def test_a_pipeline_not_known_to_be_safe_in_batches_draws_one_by_one() -> None:
    results = draw(with_foreign(foreign := Foreign(images=0), batch_size=4), REQUESTS[:4])
    assert foreign.batches == [1] * 4
    assert [r.state.value for r in results] == ["done", "done", "refused", "refused"]


def test_a_pipeline_that_gives_no_image_for_each_prompt_ends_the_run() -> None:
    with pytest.raises(GenerationError, match="Foreign did not give one image for each prompt"):
        draw(with_foreign(Foreign(images=3)), REQUESTS[:1])


def test_a_pipeline_comes_from_the_hubs_cache_at_a_pinned_commit(
    pipeline_folder: Folder, tmp_path: Path
) -> None:
    commit, other = "1" * 40, "2" * 40
    repository = tmp_path / "hub" / "models--tiny--flux"
    shutil.copytree(pipeline_folder("flux"), repository / "snapshots" / commit)
    shutil.copytree(pipeline_folder("flux"), repository / "snapshots" / other)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    for revision, expected in ((None, commit), (other, other)):
        options = DiffusersGenerator.Options(model="tiny/flux", revision=revision, **SMALL)
        chosen = DiffusersGenerator(options)
        assert chosen.describe()["model_files"] == {"commit": expected}
        (result,) = chosen.generate(REQUESTS[:1])
        assert result.state is ImageState.DONE


@pytest.mark.slow
def test_a_lora_changes_the_picture_by_its_scale(pipeline_folder: Folder, tmp_path: Path) -> None:
    file = _save_lora(pipeline_folder("sd3"), tmp_path)
    plain, none, half, whole = (
        next(generator(pipeline_folder("sd3"), **options).generate(REQUESTS[:1]))
        for options in (
            {},
            {"lora": str(file), "lora_scale": 0.0, "lora_alpha": "rank"},
            {"lora": str(file.parent), "lora_scale": 0.5, "lora_alpha": "rank"},
            {"lora": str(file), "lora_alpha": "2"},
        )
    )
    base = np.asarray(plain.image, np.int16)
    distances = [np.abs(base - np.asarray(r.image, np.int16)).mean() for r in (none, half, whole)]
    assert distances[0] == 0 < distances[1] < distances[2]
    described = generator(pipeline_folder("sd3"), lora=str(file)).describe()["lora"]
    assert described == {"name": str(file), "scale": 1.0, "sha256": images.hash_file(file)}


def _save_lora(folder: Path, tmp_path: Path) -> Path:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    transformer = SD3Transformer2DModel.from_pretrained(folder / "transformer")
    torch.manual_seed(1)
    transformer.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
    StableDiffusion3Pipeline.save_lora_weights(
        tmp_path / "lora", transformer_lora_layers=get_peft_model_state_dict(transformer)
    )
    (file,) = (tmp_path / "lora").glob("*.safetensors")
    return file

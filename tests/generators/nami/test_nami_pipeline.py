"""The pipeline: parity with the original to 1e-4, and what a caller may rely on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from accelerate import cpu_offload_with_hook
from torch.utils._python_dispatch import TorchDispatchMode

from nami_bench.errors import InputError
from nami_bench.generators.nami.bridge import BRIDGES
from nami_bench.generators.nami.latents import pack, shrink_noise, unpack
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.scheduler import NamiEulerScheduler

from .conftest import DATA, TINY, Golden, make_pipeline

CASES = ("cfg3_333", "cfg3_245", "nopool_cfg3_333", "nocfg_333", "cfg3_111")
PROMPTS = ["a red apple", "two blue dogs on the moon", ""]


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def seeds(*numbers: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(number) for number in numbers]


def draw(pipeline: NamiPipeline, prompt: Any, *numbers: int, **arguments: Any) -> torch.Tensor:
    settings = {"num_inference_steps": 2, "output_type": "pt", "generator": seeds(*numbers), **arguments}
    return pipeline(prompt, **settings).images


@pytest.mark.parametrize("case", CASES)
def test_every_step_equals_the_original(golden: Golden, case: str) -> None:
    assert set(CASES) == set(golden.facts["cases"])
    settings = golden.facts["cases"][case]
    steps = settings["num_inference_steps"]
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    pipeline = NamiPipeline(golden.transformer, golden.bridge, NamiEulerScheduler())
    pipeline.set_progress_bar_config(disable=True)
    given = golden.under("inputs.")
    latents = pipeline(
        prompt_embeds=given["prompt_embeds"],
        pooled_prompt_embeds=given["pooled_prompt_embeds"],
        negative_prompt_embeds=given["negative_prompt_embeds"],
        negative_pooled_prompt_embeds=given["negative_pooled_prompt_embeds"],
        latents=given["noise"],
        guidance_scale=settings["guidance_scale"],
        num_inference_steps=steps,
        use_pooled=settings["if_use_pool"],
        output_type="latent",
        callback_on_step_end=lambda pipe, step, timestep, tensors: seen.append(
            (timestep, tensors["latents"])
        ),
    ).images
    expected = golden.under(f"case.{case}.")
    close(latents, expected["final_latents"])
    close(torch.stack([timestep for timestep, _ in seen]) / 1000, expected["model_timestep_inputs"])
    ends = [sum(steps[: stage + 1]) - 1 for stage in range(3)]
    for stage, end in enumerate(ends):
        close(seen[end][1], expected[f"stage{stage}.end_latents"])
    compared = [step for step in range(sum(steps)) if f"step{step}.latents" in expected]
    for step in compared:
        close(seen[step][1], expected[f"step{step}.latents"])
    assert len(seen) == sum(steps)
    if case == "cfg3_333":
        assert len(compared) == 9


def test_the_start_equals_the_original(golden: Golden) -> None:
    start = shrink_noise(golden.tensors["inputs.noise"], 2)
    close(start, golden.tensors["inputs.init_latents"])


def test_bridges_equal_the_original(golden: Golden) -> None:
    case = golden.under("case.cfg3_333.")
    for transition in (0, 1):
        crossed = golden.bridge(case[f"stage{transition}.end_latents"], transition)
        close(crossed, case[f"stage{transition + 1}.start_latents"])


def test_packing_equals_the_original(golden: Golden) -> None:
    given = golden.under("forward.")
    assert torch.equal(pack(given["latents"]), given["hidden_states"])
    assert torch.equal(unpack(given["hidden_states"], 16, 16), given["latents"])
    wide = torch.randn(1, 3, 4, 10)
    assert torch.equal(unpack(pack(wide), 4, 10), wide)


def test_half_sized_noise_keeps_unit_variance() -> None:
    noise = shrink_noise(torch.randn(8, 4, 128, 128, generator=torch.Generator().manual_seed(1)), 2)
    assert noise.shape == (8, 4, 32, 32)
    assert noise.std().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("bridge", ["scale-shift", "renoise"])
def test_an_image_depends_on_neither_batch_nor_order(tiny_pipeline: NamiPipeline, bridge: str) -> None:
    if bridge == "renoise":
        tiny_pipeline.bridge = BRIDGES[bridge](latent_channels=4)
    together = draw(tiny_pipeline, PROMPTS, 1, 2, 3)
    assert (together[0] - together[1]).abs().max() > 0.01
    for index, prompt in enumerate(PROMPTS):
        torch.testing.assert_close(draw(tiny_pipeline, prompt, index + 1), together[index : index + 1])
    torch.testing.assert_close(draw(tiny_pipeline, PROMPTS[::-1], 3, 2, 1), together.flip(0))


def test_several_images_of_a_prompt_lie_beside_each_other(tiny_pipeline: NamiPipeline) -> None:
    images = draw(tiny_pipeline, PROMPTS[:2], 1, 2, 3, 4, num_images_per_prompt=2)
    torch.testing.assert_close(images[1:2], draw(tiny_pipeline, PROMPTS[0], 2))
    torch.testing.assert_close(images[2:3], draw(tiny_pipeline, PROMPTS[1], 3))


def test_embeddings_do_what_their_prompts_do(tiny_pipeline: NamiPipeline) -> None:
    embeds, pooled = tiny_pipeline.encode_prompt("a red apple", prompt_suffix=", best quality")
    negative, negative_pooled = tiny_pipeline.encode_prompt("blur")
    assert embeds.shape == (1, 256, TINY.joint_attention_dim)
    assert pooled is not None and pooled.shape == (1, TINY.pooled_projection_dim)
    given = {
        "prompt_embeds": embeds,
        "pooled_prompt_embeds": pooled,
        "negative_prompt_embeds": negative,
        "negative_pooled_prompt_embeds": negative_pooled,
    }
    expected = draw(tiny_pipeline, "a red apple", 1, negative_prompt="blur", prompt_suffix=", best quality")
    assert torch.equal(draw(tiny_pipeline, None, 1, **given), expected)
    assert not torch.allclose(draw(tiny_pipeline, "a red apple", 1, negative_prompt="blur"), expected)


@pytest.mark.slow
def test_the_negative_prompt_counts_only_with_guidance(tiny_pipeline: NamiPipeline) -> None:
    def images(guidance_scale: float, negative_prompt: Any) -> torch.Tensor:
        arguments = {"guidance_scale": guidance_scale, "negative_prompt": negative_prompt}
        return draw(tiny_pipeline, PROMPTS[:2], 1, 2, **arguments)

    assert torch.equal(images(1.0, "blur"), images(1.0, ""))
    assert not torch.allclose(images(3.0, "blur"), images(3.0, ""))
    torch.testing.assert_close(images(3.0, ["blur", ""])[1:], images(3.0, "")[1:])


def test_padding_of_the_text_follows_the_release(tiny_pipeline: NamiPipeline) -> None:
    """mCLIP gets an attention mask, mT5 none: what its padding holds changes the sequence."""
    masks: list[Any] = []
    for encoder in (tiny_pipeline.text_encoder, tiny_pipeline.text_encoder_2):
        encoder.register_forward_pre_hook(
            lambda module, args, kwargs: masks.append((args[0].shape, kwargs.get("attention_mask"))),
            with_kwargs=True,
        )
    embeds, pooled = tiny_pipeline.encode_prompt("a " * 300)
    (pooled_shape, mask), (sequence_shape, no_mask) = masks
    assert (pooled_shape, sequence_shape) == ((1, 77), (1, 256))
    assert mask.sum() == 77
    assert no_mask is None
    assert (embeds.shape[1], pooled.shape) == (256, (1, TINY.pooled_projection_dim))


def test_a_callback_sees_every_step_and_may_replace_latents(tiny_pipeline: NamiPipeline) -> None:
    steps: list[tuple[int, tuple[int, ...]]] = []

    def blank(
        pipe: NamiPipeline, step: int, timestep: torch.Tensor, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        steps.append((step, tuple(tensors["latents"].shape)))
        return {"latents": torch.zeros_like(tensors["latents"])}

    arguments = {"num_inference_steps": (1, 2, 1), "output_type": "latent", "callback_on_step_end": blank}
    latents = draw(tiny_pipeline, "a", 1, **arguments)
    assert steps == [(0, (1, 4, 4, 4)), (1, (1, 4, 8, 8)), (2, (1, 4, 8, 8)), (3, (1, 4, 16, 16))]
    assert not latents.any()


def test_a_callback_may_stop_the_run(tiny_pipeline: NamiPipeline) -> None:
    steps: list[int] = []

    def stop(pipe: NamiPipeline, step: int, *_: Any) -> None:
        steps.append(step)
        pipe._interrupt = step == 2

    images = draw(tiny_pipeline, "a", 1, callback_on_step_end=stop)
    assert (steps, images.shape) == ([0, 1, 2], (1, 3, 64, 64))
    assert (
        len(draw(tiny_pipeline, "a", 1, callback_on_step_end=lambda pipe, step, *_: steps.append(step))) == 1
    )
    assert steps[3:] == [0, 1, 2, 3, 4, 5]


def test_output_types(tiny_pipeline: NamiPipeline) -> None:
    picture = draw(tiny_pipeline, "a", 1, output_type="pil")[0]
    assert (picture.size, picture.mode) == ((64, 64), "RGB")
    assert draw(tiny_pipeline, "a", 1, output_type="np").shape == (1, 64, 64, 3)
    assert draw(tiny_pipeline, "a", 1, output_type="latent").shape == (1, 4, 16, 16)
    (images,) = tiny_pipeline("a", num_inference_steps=1, output_type="np", return_dict=False)
    assert images.shape == (1, 64, 64, 3)


def test_sliced_decoding_gives_the_same_images(tiny_pipeline: NamiPipeline) -> None:
    whole = draw(tiny_pipeline, PROMPTS, 1, 2, 3)
    calls: list[int] = []
    tiny_pipeline.vae.decoder.register_forward_pre_hook(lambda module, args: calls.append(len(args[0])))
    tiny_pipeline.vae.enable_slicing()
    torch.testing.assert_close(draw(tiny_pipeline, PROMPTS, 1, 2, 3), whole)
    assert calls == [1, 1, 1]


@pytest.mark.slow
def test_another_size_needs_a_choice(tiny_pipeline: NamiPipeline) -> None:
    calls: list[int] = []
    tiny_pipeline.transformer.register_forward_pre_hook(lambda *_: calls.append(1))
    with pytest.raises(InputError, match=r"made for latents of 8x8, not 8x16: .*interpolate_shift=True"):
        draw(tiny_pipeline, "a", 1, width=128)
    assert not calls, "refused before any work"
    assert draw(tiny_pipeline, "a", 1, width=128, interpolate_shift=True).shape == (1, 3, 64, 128)
    tiny_pipeline.bridge = BRIDGES["mlp"](latent_channels=4)
    assert draw(tiny_pipeline, "a", 1, height=96).shape == (1, 3, 96, 64)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_draws_the_same_picture_from_the_same_noise(dtype: torch.dtype) -> None:
    exact = draw(make_pipeline(TINY), "a red apple", 1)
    half = make_pipeline(TINY)
    for name in ("transformer", "bridge", "vae", "text_encoder", "text_encoder_2"):
        getattr(half, name).to(dtype)
    image = draw(half, "a red apple", 1)
    assert image.dtype == dtype
    assert (image.float() - exact).abs().mean() < 0.02


@pytest.mark.slow
def test_trailing_steps_move_more_than_the_releases(tiny_pipeline: NamiPipeline) -> None:
    trailing = NamiEulerScheduler.from_config(tiny_pipeline.scheduler.config, timestep_spacing="trailing")
    for steps in (1, 4):
        released = draw(tiny_pipeline, "a", 1, num_inference_steps=steps, output_type="latent")
        other = NamiPipeline(**{**tiny_pipeline.components, "scheduler": trailing})
        other.set_progress_bar_config(disable=True)
        spaced = draw(other, "a", 1, num_inference_steps=steps, output_type="latent")
        assert torch.equal(spaced, released) is (steps == 1)


@pytest.mark.slow
@pytest.mark.parametrize("stages", [1, 2, 4])
def test_any_number_of_stages(stages: int) -> None:
    index = tuple(range(5 - stages, 5))
    pipeline = make_pipeline(replace(TINY, stage_singleblock_index=index, sample_size=32))
    assert draw(pipeline, "a", 1, num_inference_steps=1).shape == (1, 3, 128, 128)


@pytest.mark.slow
def test_saved_and_loaded_it_draws_the_same(tiny_pipeline: NamiPipeline, tmp_path: Path) -> None:
    tiny_pipeline.save_pretrained(tmp_path)
    loaded = NamiPipeline.from_pretrained(tmp_path, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    assert torch.equal(draw(loaded, PROMPTS, 1, 2, 3), draw(tiny_pipeline, PROMPTS, 1, 2, 3))


@pytest.mark.slow
def test_text_side_work_is_done_once(tiny_pipeline: NamiPipeline) -> None:
    calls: list[str] = []
    transformer = tiny_pipeline.transformer
    once = {
        "mclip": tiny_pipeline.text_encoder,
        "mt5": tiny_pipeline.text_encoder_2,
        "context": transformer.context_embedder,
        "pooled": transformer.time_text_embed.text_embedder,
    }
    for name, module in {**once, "step": transformer}.items():
        module.register_forward_pre_hook(lambda *_, name=name: calls.append(name))
    draw(tiny_pipeline, PROMPTS, 1, 2, 3)
    # Once for the prompts and once for the negative prompt; then both in one batch.
    assert sorted(calls) == ["context", "mclip", "mclip", "mt5", "mt5", "pooled", *["step"] * 6]


@pytest.mark.slow
def test_a_compiled_transformer_is_one_graph_a_stage(tiny_pipeline: NamiPipeline) -> None:
    expected = draw(tiny_pipeline, "a", 1)
    graphs: list[Any] = []

    def backend(graph: Any, examples: Any) -> Any:
        graphs.append(graph)
        return graph

    torch.compiler.reset()
    tiny_pipeline.transformer = torch.compile(tiny_pipeline.transformer, backend=backend, fullgraph=True)
    for _ in range(2):
        torch.testing.assert_close(draw(tiny_pipeline, "a", 1), expected)
    assert len(graphs) == 3


class _Synchronizations(TorchDispatchMode):
    """Records operations that make the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        self.operations += 1
        if name.startswith(("aten._local_scalar_dense", "aten.nonzero", "aten.is_nonzero", "aten._to_copy")):
            copies = name.startswith("aten._to_copy") and "device" not in (kwargs or {})
            if not copies:
                self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.slow
def test_the_host_never_waits_within_the_loop(tiny_pipeline: NamiPipeline) -> None:
    mode = _Synchronizations()
    depth: list[int] = []

    def enter(pipe: NamiPipeline, step: int, *_: Any) -> None:
        # From the first step's end to the last step's: bridges included.
        if step == 0:
            mode.__enter__()
            depth.append(1)
        elif step == 5:
            mode.__exit__(None, None, None)
            depth.pop()

    draw(tiny_pipeline, PROMPTS, 1, 2, 3, callback_on_step_end=enter)
    assert (mode.found, depth) == ([], [])
    assert mode.operations > 500


@pytest.mark.slow
def test_offloaded_parts_are_fetched_for_every_use(tiny_pipeline: NamiPipeline) -> None:
    """The order in which diffusers offloads, with hooks that say which part was fetched."""
    expected = draw(tiny_pipeline, "a", 1)
    fetched: list[str] = []
    previous = None
    for name in tiny_pipeline.model_cpu_offload_seq.split("->"):
        module = getattr(tiny_pipeline, name)
        _, previous = cpu_offload_with_hook(module, "cpu", previous)
        hook = module._hf_hook
        before = hook.pre_forward
        hook.pre_forward = lambda module, *args, name=name, before=before, **kwargs: (
            fetched.append(name),
            before(module, *args, **kwargs),
        )[1]
    assert torch.equal(draw(tiny_pipeline, "a", 1), expected)
    # project_text is no forward pass, yet it has to fetch the transformer: once more than there are steps.
    assert fetched.count("transformer") == 6 + 1
    assert {"text_encoder", "text_encoder_2", "vae"} < set(fetched)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"prompt": None}, "nothing to draw: pass prompt or prompt_embeds"),
        ({"num_inference_steps": (1, 2)}, "2 numbers of steps were given for 3 stages"),
        ({"num_inference_steps": 0}, "at least one step"),
        ({"height": 72}, "64x72 pixels cannot be made in 3 stages: both sides must be multiples of 32"),
        ({"height": -64}, "cannot be made"),
        ({"width": 0}, "an image of 0x64 pixels cannot be made"),
        ({"generator": seeds(1, 2)}, "2 generators were given for 1 images"),
        ({"latents": torch.zeros(1, 4, 8, 8)}, r"where \(1, 4, 16, 16\) are needed"),
        ({"prompt_embeds": torch.zeros(1, 5, 9)}, r"where \(prompts, tokens, 24\) are needed"),
        ({"prompt_embeds": torch.zeros(1, 5, 24)}, r"pooled_prompt_embeds of shape \(1, 12\) are needed"),
        ({"negative_prompt": ["a", "b"]}, "do not fit those of the prompts"),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    tiny_pipeline: NamiPipeline, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        tiny_pipeline(**{"prompt": "a", "num_inference_steps": 1, **arguments})


@pytest.mark.slow
def test_parts_that_are_missing_or_do_not_fit_are_named(golden: Golden) -> None:
    pipeline = NamiPipeline(golden.transformer, golden.bridge, NamiEulerScheduler())
    pipeline.set_progress_bar_config(disable=True)
    with pytest.raises(InputError, match="no text encoders: pass prompt_embeds"):
        pipeline("a")
    embeds = golden.tensors["inputs.prompt_embeds"], golden.tensors["inputs.pooled_prompt_embeds"]
    arguments = {"prompt_embeds": embeds[0], "pooled_prompt_embeds": embeds[1], "num_inference_steps": 1}
    with pytest.raises(InputError, match="no VAE: ask for output_type='latent'"):
        pipeline(**arguments, guidance_scale=1.0)
    with pytest.raises(InputError, match="for 3, 3 and 2 stages"):
        NamiPipeline(golden.transformer, golden.bridge, NamiEulerScheduler((0, 0.5, 1)))


@pytest.mark.slow
def test_the_golden_files_are_whole() -> None:
    assert (DATA / "golden_a.safetensors").stat().st_size > 1_000_000


@pytest.mark.slow
def test_start_noise_is_fine_noise_of_the_flows_level(tiny_pipeline: NamiPipeline) -> None:
    """What a block of 2x2 latents has in common stays as the bridge left it; the differences get noise."""
    latents = torch.randn(2, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = tiny_pipeline._cross(latents, 0, generator=None, interpolate_shift=True)
    tiny_pipeline.register_to_config(start_noise=0.5)
    noisy = tiny_pipeline._cross(
        latents, 0, generator=torch.Generator().manual_seed(1), interpolate_shift=True
    )
    added = noisy - plain
    torch.testing.assert_close(F.avg_pool2d(added, 2), torch.zeros_like(latents), atol=1e-6, rtol=0)
    # A third of the flow is over at the first bridge; three quarters of white noise is fine.
    assert added.std().item() == pytest.approx(0.5 * (2 / 3) * 0.75**0.5, rel=0.03)


@pytest.mark.slow
def test_start_noise_leaves_each_image_to_its_own_generator(tiny_pipeline: NamiPipeline) -> None:
    plain = draw(tiny_pipeline, PROMPTS, 1, 2, 3)
    tiny_pipeline.register_to_config(start_noise=1.0)
    noisy = draw(tiny_pipeline, PROMPTS, 1, 2, 3)
    assert (noisy - plain).abs().mean() > 0.01
    torch.testing.assert_close(draw(tiny_pipeline, PROMPTS[1], 2), noisy[1:2], atol=1e-4, rtol=0)

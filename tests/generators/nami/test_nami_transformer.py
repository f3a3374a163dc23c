"""The staged transformer, against the original's tensors, outputs and counts, and against plain FLUX."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from torch.utils.flop_counter import FlopCounterMode

from nami_bench.errors import InputError
from nami_bench.generators.nami.config import NAMI_0_6B, NAMI_2B
from nami_bench.generators.nami.cost import stage_costs
from nami_bench.generators.nami.latents import image_ids, text_ids
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.transformer import NamiTransformer2DModel

from .conftest import TINY, Golden

STAGES = (-1, 0, 1, 2)


def make(shape: Any = TINY) -> NamiTransformer2DModel:
    torch.manual_seed(0)
    return NamiTransformer2DModel.from_shape(shape).eval()


def on_meta(shape: Any) -> NamiTransformer2DModel:
    with torch.device("meta"):
        return NamiTransformer2DModel.from_shape(shape)


def inputs(shape: Any = TINY, batch: int = 2, text: int = 5, side: int = 8) -> dict[str, torch.Tensor]:
    """Random arguments of a forward pass for latents of `side` x `side`, on the model's present device."""
    torch.manual_seed(1)
    return {
        "hidden_states": torch.randn(batch, side * side // 4, shape.in_channels),
        "encoder_hidden_states": torch.randn(batch, text, shape.joint_attention_dim),
        "pooled_projections": torch.randn(batch, shape.pooled_projection_dim),
        "timestep": torch.rand(batch),
        "img_ids": image_ids(side, side),
        "txt_ids": text_ids(text),
    }


def test_names_and_shapes_equal_the_released_checkpoints(read_json: Callable[[str], Any]) -> None:
    facts = read_json("nami_2b_state_dict.json")
    model = on_meta(NAMI_2B)
    assert {name: list(tensor.shape) for name, tensor in model.state_dict().items()} == facts["transformer"]
    assert model.num_parameters() == facts["total_params"]["transformer"] == 2_117_643_840
    assert not list(model.buffers())


@pytest.mark.slow
@pytest.mark.parametrize("shape", [NAMI_2B, NAMI_0_6B], ids=["2b", "0.6b"])
def test_parameters_and_flops_are_those_that_arithmetic_says(shape: Any) -> None:
    model = on_meta(shape)
    for stage in stage_costs(shape, (128, 128), batch=2):
        with torch.device("meta"):
            given = inputs(shape, text=256, side=stage.latent_height)
        touched: set[int] = set()
        handles = [
            module.register_forward_hook(
                lambda module, *_, seen=touched: seen.update(map(id, module.parameters(recurse=False)))
            )
            for module in model.modules()
        ]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(**given, stage=stage.stage)
        for handle in handles:
            handle.remove()
        assert counter.get_total_flops() == stage.flops.total
        assert sum(p.numel() for p in model.parameters() if id(p) in touched) == stage.parameters


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("pooled", [True, False], ids=["pool", "nopool"])
def test_forward_equals_the_original(golden: Golden, stage: int, pooled: bool) -> None:
    given = golden.under("forward.")
    with torch.no_grad():
        velocity = golden.transformer(
            given["hidden_states"],
            timestep=given["timestep"],
            stage=stage,
            encoder_hidden_states=given["encoder_hidden_states"],
            pooled_projections=given["pooled_projections"] if pooled else None,
            img_ids=given["img_ids"],
            txt_ids=given["txt_ids"],
        ).sample
    expected = given[f"stage{stage}.{'pool' if pooled else 'nopool'}.output"]
    torch.testing.assert_close(velocity, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("factor", [1, 2])
def test_rotary_embedding_equals_the_original(golden: Golden, factor: int) -> None:
    shape = replace(golden.transformer.shape, ntk_factor=float(factor))
    model = on_meta(shape)
    ids = golden.tensors["forward.img_ids"], golden.tensors["forward.txt_ids"]
    for stage, name in enumerate(("pos_embed_0" if factor == 2 else "pos_embed", "pos_embed", "pos_embed")):
        for found, axis in zip(model.rotary_embedding(*ids, stage), ("cos", "sin"), strict=True):
            expected = golden.tensors[f"rope.ntk{factor}.{name}.{axis}"]
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_image_ids_equal_the_original(golden: Golden) -> None:
    assert torch.equal(image_ids(16, 16), golden.tensors["forward.img_ids"])
    assert torch.equal(text_ids(7), golden.tensors["forward.txt_ids"])


def test_a_stage_touches_its_own_blocks_only() -> None:
    model = make()
    given = inputs()
    for stage, count in enumerate(TINY.stage_singleblock_index):
        expected = model(**given, stage=stage).sample
        poisoned = make()
        for block in poisoned.single_transformer_blocks[count:]:
            for parameter in block.parameters():
                torch.nn.init.constant_(parameter, float("nan"))
        assert torch.equal(poisoned(**given, stage=stage).sample, expected)
        poisoned(**given, stage=stage).sample.sum().backward()
        trained = {name for name, p in poisoned.named_parameters() if p.grad is not None}
        later = tuple(f"single_transformer_blocks.{index}." for index in range(count, TINY.num_single_layers))
        assert trained == {name for name, _ in poisoned.named_parameters() if not name.startswith(later)}


def test_one_stage_is_plain_flux() -> None:
    shape = replace(TINY, stage_singleblock_index=(4,))
    model = make(shape)
    plain = asdict(shape)
    for name in ("stage_singleblock_index", "ntk_factor", "sample_size"):
        del plain[name]
    flux = FluxTransformer2DModel(**plain).eval()
    flux.load_state_dict(model.state_dict())
    given = inputs(shape)
    torch.testing.assert_close(model(**given).sample, flux(**given).sample, rtol=0, atol=1e-5)


def test_what_is_handed_in_ready_changes_nothing() -> None:
    model = make()
    given = inputs()
    ready = {
        "text": model.project_text(given["encoder_hidden_states"], given["pooled_projections"]),
        "image_rotary_emb": model.rotary_embedding(given["img_ids"], given["txt_ids"], 1),
    }
    same = model(given["hidden_states"], timestep=given["timestep"], stage=1, **ready).sample
    assert torch.equal(same, model(**given, stage=1).sample)


def test_leaving_the_pooled_text_out_is_not_feeding_zeros() -> None:
    model = make()
    given = inputs()
    zeros = model(**{**given, "pooled_projections": torch.zeros(2, 12)}).sample
    without = model(**{**given, "pooled_projections": None}).sample
    assert (zeros - without).abs().max() > 1e-4


@pytest.mark.parametrize("stage", [0, 2])
def test_gradient_checkpointing_changes_no_gradient(stage: int) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = make().train()
        if checkpointing:
            model.enable_gradient_checkpointing()
        model(**inputs(), stage=stage).sample.square().mean().backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_compiles_to_one_graph(stage: int) -> None:
    model = make()
    given = inputs()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        assert torch.equal(compiled(**given, stage=stage).sample, model(**given, stage=stage).sample)


def test_attention_backends_can_be_chosen() -> None:
    model = make()
    given = inputs()
    with torch.no_grad():
        expected = model(**given).sample
        model.set_attention_backend("_native_math")
        processors = model.attn_processors.values()
        assert len(processors) == TINY.num_layers + TINY.num_single_layers
        assert {processor._attention_backend for processor in processors} == {"_native_math"}
        torch.testing.assert_close(model(**given).sample, expected, rtol=0, atol=1e-5)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    model = make()
    model.save_pretrained(tmp_path)
    assert (tmp_path / "diffusion_pytorch_model.safetensors").is_file()
    loaded = NamiTransformer2DModel.from_pretrained(tmp_path)
    assert loaded.shape == model.shape
    assert torch.equal(loaded(**inputs(), stage=0).sample, model(**inputs(), stage=0).sample)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_half_and_near(dtype: torch.dtype) -> None:
    half = make().to(dtype)
    given = {name: t if "ids" in name else t.to(dtype) for name, t in inputs().items()}
    exact = make()(**inputs()).sample
    with torch.no_grad():
        velocity = half(**given).sample
    assert velocity.dtype == dtype
    assert (velocity.float() - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_model_sees_the_originals_timesteps(dtype: str, read_json: Callable[[str], Any]) -> None:
    scheduler = NamiEulerScheduler()
    seen = []
    embed = make().time_text_embed
    embed.time_proj.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    model = make()
    model.time_text_embed = embed
    model.to(getattr(torch, dtype))
    for steps, stages in read_json("scheduler_tables.json")["tables"].items():
        for stage, expected in stages.items():
            timesteps, _ = scheduler.stage_steps(int(stage), int(steps), dtype=getattr(torch, dtype))
            given = inputs(batch=len(timesteps), text=1, side=2)
            given = {n: t if "ids" in n else t.to(getattr(torch, dtype)) for n, t in given.items()}
            with torch.no_grad():
                model(**{**given, "timestep": timesteps / 1000}, stage=0)
            assert seen.pop().tolist() == expected[f"effective_timestep_{dtype}"]


def test_what_is_missing_is_named() -> None:
    model = make()
    given = inputs()
    with pytest.raises(InputError, match="no stage 3: this model has stages 0 to 2"):
        model(**given, stage=3)
    with pytest.raises(InputError, match="needs encoder_hidden_states, or text"):
        model(**{**given, "encoder_hidden_states": None})
    with pytest.raises(InputError, match="needs img_ids and txt_ids"):
        model(**{**given, "txt_ids": None})

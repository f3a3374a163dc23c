"""What is put under the clock: pipelines that share one set of random weights, and the plain loop."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn

from nami_bench.generators.nami.bench.plain import plain_loop
from nami_bench.generators.nami.bench.results import PLAIN
from nami_bench.generators.nami.bench.settings import Arm, SpeedSettings
from nami_bench.generators.nami.bridge import BridgeFlow
from nami_bench.generators.nami.config import NamiConfig
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.transformer import NamiTransformer2DModel

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to be timed: `run` uses `pipeline` and returns the final latents."""

    arm: Arm
    pipeline: NamiPipeline
    run: Callable[[], Tensor]


def candidates(settings: SpeedSettings, device: torch.device, dtype: torch.dtype) -> dict[str, Candidate]:
    """The arms by name, and under PLAIN NAMI in the plain loop, which is never compiled."""
    weights = random_transformer(settings.shape, device, dtype, settings.seed)
    inputs = _Inputs.draw(settings, device, dtype)
    found = {}
    for arm in settings.arms:
        pipeline = _pipeline(_sibling(weights, arm.shape), settings)
        if settings.compiled:
            pipeline.transformer.compile_repeated_blocks(fullgraph=True, dynamic=False)
        found[arm.name] = Candidate(arm, pipeline, partial(_run_pipeline, pipeline, arm, settings, inputs))
    nami = settings.arms[-1]
    pipeline = _pipeline(weights, settings)
    loop = partial(
        plain_loop,
        pipeline,
        inputs.noise,
        nami.steps,
        inputs.context,
        inputs.pooled,
        settings.guidance_scale,
    )
    return {**found, PLAIN: Candidate(nami, pipeline, loop)}


def random_transformer(
    shape: NamiConfig, device: torch.device, dtype: torch.dtype, seed: int
) -> NamiTransformer2DModel:
    """A transformer with random weights, made on the device: the host never holds it."""
    with torch.device("meta"):
        transformer = _cast(NamiTransformer2DModel.from_shape(shape), dtype)
    transformer.to_empty(device=device)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter.shape[1] ** -0.5, generator=generator)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    return transformer.eval()


def _sibling(transformer: NamiTransformer2DModel, shape: NamiConfig) -> NamiTransformer2DModel:
    """A transformer of another depth in its stages, with the very same tensors as weights."""
    with torch.device("meta"):
        sibling = NamiTransformer2DModel.from_shape(shape)
    sibling.load_state_dict(transformer.state_dict(), assign=True)
    return sibling.eval()


def _cast(model: M, dtype: torch.dtype) -> M:
    # Not diffusers' own `to`, which warns that nothing need stay in float32.
    nn.Module.to(model, dtype)
    return model


def _pipeline(transformer: NamiTransformer2DModel, settings: SpeedSettings) -> NamiPipeline:
    shape = transformer.shape
    stages = shape.num_stages
    bridge = BridgeFlow(stages, shape.in_channels // 4, settings.latent_size)
    pipeline = NamiPipeline(
        transformer=transformer,
        bridge=_cast(bridge, transformer.dtype).to(transformer.device).eval(),
        scheduler=NamiEulerScheduler(tuple(stage / stages for stage in range(stages + 1))),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Noise at the last stage's size, and text embeddings, with guidance the negative prompt's first."""

    noise: Tensor
    context: Tensor
    pooled: Tensor

    @classmethod
    def draw(cls, settings: SpeedSettings, device: torch.device, dtype: torch.dtype) -> "_Inputs":
        shape, sequences = settings.shape, settings.sequences
        generator = torch.Generator("cpu").manual_seed(settings.seed)
        draw = partial(randn_tensor, generator=generator, device=device)
        return cls(
            draw((1, shape.in_channels // 4, *settings.latent_size), dtype=torch.float32),
            draw((sequences, settings.text_tokens, shape.joint_attention_dim), dtype=dtype),
            draw((sequences, shape.pooled_projection_dim), dtype=dtype),
        )


def _run_pipeline(pipeline: NamiPipeline, arm: Arm, settings: SpeedSettings, inputs: _Inputs) -> Tensor:
    height, width = settings.pixels
    (latents,) = pipeline(
        prompt_embeds=inputs.context[-1:],
        pooled_prompt_embeds=inputs.pooled[-1:],
        negative_prompt_embeds=inputs.context[:1],  # not looked at without guidance
        negative_pooled_prompt_embeds=inputs.pooled[:1],
        height=height,
        width=width,
        num_inference_steps=arm.steps,
        guidance_scale=settings.guidance_scale,
        latents=inputs.noise,
        output_type="latent",
        return_dict=False,
    )
    return latents

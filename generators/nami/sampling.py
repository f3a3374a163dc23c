"""The denoising loop's parts: what is computed once for each stage, and one step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nami_bench.generators.nami.cost import stage_size
from nami_bench.generators.nami.latents import image_ids, text_ids
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.transformer import NamiTransformer2DModel, TextConditioning


@dataclass(frozen=True, slots=True)
class StagePlan:
    """All of one stage that does not depend on the images: lies on the device before the loop begins.

    `height` and `width` are the latents' size; `timesteps` and `deltas` are (steps,).
    """

    stage: int
    height: int
    width: int
    timesteps: Tensor
    deltas: Tensor
    image_rotary_emb: tuple[Tensor, Tensor]

    @property
    def steps(self) -> int:
        """Number of Euler steps."""
        return self.timesteps.shape[0]


def plan_stages(
    transformer: NamiTransformer2DModel,
    scheduler: NamiEulerScheduler,
    latent_size: tuple[int, int],
    steps: Sequence[int],
    *,
    text_tokens: int,
    dtype: torch.dtype,
    device: torch.device,
) -> list[StagePlan]:
    """Plan every stage; `latent_size` is the last stage's (height, width), `steps` has one entry a stage."""
    plans = []
    for stage, count in enumerate(steps):
        height, width = stage_size(transformer.shape, latent_size, stage)
        timesteps, deltas = scheduler.stage_steps(stage, count, dtype=dtype, device=device)
        positions = image_ids(height, width).to(device), text_ids(text_tokens).to(device)
        rotary = transformer.rotary_embedding(*positions, stage)
        plans.append(StagePlan(stage, height, width, timesteps, deltas, rotary))
    return plans


def denoise_step(
    transformer: NamiTransformer2DModel,
    tokens: Tensor,
    plan: StagePlan,
    step: int,
    text: TextConditioning,
    guidance_scale: float,
) -> Tensor:
    """Packed latents after Euler step `step` of the stage: (batch, tokens, channels) -> the same shape.

    With a `guidance_scale` above 1, `text` holds the negative prompts' conditioning first, then the
    prompts': twice the batch. Nothing here waits for the device.
    """
    guided = guidance_scale > 1
    inputs = torch.cat((tokens, tokens)) if guided else tokens
    velocity = transformer(
        inputs,
        timestep=(plan.timesteps[step] / 1000).expand(inputs.shape[0]),
        stage=plan.stage,
        text=text,
        image_rotary_emb=plan.image_rotary_emb,
        return_dict=False,
    )[0]
    if guided:
        negative, positive = velocity.float().chunk(2)
        velocity = negative + guidance_scale * (positive - negative)
    return NamiEulerScheduler.step(velocity, plan.deltas[step], tokens)

"""The denoising loop as one writes it first: what the pipeline's is measured against."""

import torch
from torch import Tensor

from nami_bench.generators.nami.latents import image_ids, pack, shrink_noise, text_ids, unpack
from nami_bench.generators.nami.pipeline import NamiPipeline


@torch.no_grad()
def plain_loop(
    pipeline: NamiPipeline,
    noise: Tensor,
    steps: tuple[int, ...],
    context: Tensor,
    pooled: Tensor,
    guidance_scale: float,
) -> Tensor:
    """Final latents (1, channels, height, width) for `noise` of that shape, one step after the other.

    `context` (sequences, text tokens, joint_attention_dim) and `pooled` (sequences, pooled_projection_dim)
    are raw embeddings, with guidance the negative prompt's first. As in the common pipelines, every pass
    is handed these and positions, and so projects the text and makes the rotary embedding again, and
    latents are packed and unpacked in every step. Numbers are those of the pipeline's own loop.
    """
    transformer, scheduler = pipeline.transformer, pipeline.scheduler
    guided = guidance_scale > 1
    latents = shrink_noise(noise, pipeline.num_stages - 1).to(transformer.dtype)
    for stage, count in enumerate(steps):
        if stage > 0:
            latents = pipeline.bridge(latents, stage - 1)
        height, width = latents.shape[-2:]
        img_ids = image_ids(height, width).to(latents.device)
        txt_ids = text_ids(context.shape[1]).to(latents.device)
        schedule = scheduler.stage_steps(stage, count, dtype=latents.dtype, device=latents.device)
        for timestep, delta in zip(*schedule, strict=True):
            tokens = pack(torch.cat((latents, latents)) if guided else latents)
            velocity = transformer(
                tokens,
                timestep=(timestep / 1000).expand(tokens.shape[0]),
                stage=stage,
                encoder_hidden_states=context,
                pooled_projections=pooled,
                img_ids=img_ids,
                txt_ids=txt_ids,
            ).sample
            velocity = unpack(velocity, height, width)
            if guided:
                negative, positive = velocity.float().chunk(2)
                velocity = negative + guidance_scale * (positive - negative)
            latents = scheduler.step(velocity, delta, latents)
    return latents

"""What a stage costs: layers, parameters touched and floating-point operations, by arithmetic alone.

FLOPs are 2 x multiply-adds of the matrix products and of attention, as torch's FlopCounterMode counts
them for one forward pass of the transformer; bridges, VAE and text encoders are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nami_bench.errors import InputError
from nami_bench.generators.nami.config import NamiConfig

TIME_CHANNELS = 256
"""Width of the sinusoidal timestep embedding."""


@dataclass(frozen=True, slots=True)
class Flops:
    """FLOPs of one forward pass, by kind."""

    linear: int
    attention: int
    adaln: int
    embed_io: int

    @property
    def total(self) -> int:
        """All kinds together."""
        return self.linear + self.attention + self.adaln + self.embed_io


@dataclass(frozen=True, slots=True)
class StageCost:
    """One stage of a model at one image size. `flops` are those of one step."""

    stage: int
    single_blocks: int
    layers: int
    latent_height: int
    latent_width: int
    image_tokens: int
    parameters: int
    flops: Flops


def stage_costs(
    config: NamiConfig, latent_size: tuple[int, int], *, text_tokens: int = 256, batch: int = 1
) -> tuple[StageCost, ...]:
    """The stages of `config` for images whose last latents are `latent_size` (height, width).

    `batch` counts sequences: guidance doubles it.
    """
    costs = []
    for stage, single_blocks in enumerate(config.stage_singleblock_index):
        height, width = stage_size(config, latent_size, stage)
        image_tokens = height * width // 4
        costs.append(
            StageCost(
                stage=stage,
                single_blocks=single_blocks,
                layers=config.num_layers + single_blocks,
                latent_height=height,
                latent_width=width,
                image_tokens=image_tokens,
                parameters=parameters(config, single_blocks),
                flops=forward_flops(config, single_blocks, image_tokens, text_tokens, batch),
            )
        )
    return tuple(costs)


@dataclass(frozen=True, slots=True)
class RunFlops:
    """FLOPs of one whole run, beside those of doing without NAMI's two ideas.

    `uniform` takes the same number of steps at full depth and full resolution; `segmentation_only` has
    the stages' resolutions but always full depth.
    """

    nami: int
    segmentation_only: int
    uniform: int

    @property
    def saved(self) -> float:
        """Share of the uniform run's FLOPs that NAMI saves, 0..1."""
        return 1 - self.nami / self.uniform

    @property
    def saved_by_segmentation(self) -> float:
        """Share of the uniform run's FLOPs that segmentation alone saves, 0..1."""
        return 1 - self.segmentation_only / self.uniform


def run_flops(
    config: NamiConfig,
    latent_size: tuple[int, int],
    steps: Sequence[int],
    *,
    text_tokens: int = 256,
    batch: int = 1,
) -> RunFlops:
    """FLOPs of a run with `steps[k]` steps in stage k; see `stage_costs` for the other arguments."""
    stages = stage_costs(config, latent_size, text_tokens=text_tokens, batch=batch)
    if len(steps) != len(stages) or min(steps) < 1:
        raise InputError(f"steps {list(steps)} are not {len(stages)} positive numbers, one for each stage")
    full_depth = [
        forward_flops(config, config.num_single_layers, stage.image_tokens, text_tokens, batch).total
        for stage in stages
    ]
    return RunFlops(
        nami=sum(count * stage.flops.total for count, stage in zip(steps, stages, strict=True)),
        segmentation_only=sum(count * flops for count, flops in zip(steps, full_depth, strict=True)),
        uniform=sum(steps) * full_depth[-1],
    )


def stage_size(config: NamiConfig, latent_size: tuple[int, int], stage: int) -> tuple[int, int]:
    """Latents' (height, width) in `stage`; raises InputError where they cannot be halved and packed."""
    if any(side <= 0 or side % config.size_multiple for side in latent_size):
        raise InputError(
            f"latents of {latent_size[0]}x{latent_size[1]} do not fit {config.num_stages} stages: "
            f"both sides must be multiples of {config.size_multiple}"
        )
    shrink = 2 ** (config.num_stages - 1 - stage)
    return latent_size[0] // shrink, latent_size[1] // shrink


def parameters(config: NamiConfig, single_blocks: int) -> int:
    """Parameters that a forward pass through `single_blocks` single-stream blocks touches."""
    d, head = config.inner_dim, config.attention_head_dim
    double_block = 36 * d * d + 30 * d + 4 * head
    single_block = 15 * d * d + 11 * d + 2 * head
    image_in = _linear(config.in_channels, d)
    text_in = _linear(config.joint_attention_dim, d)
    timestep = _linear(TIME_CHANNELS, d) + _linear(d, d)
    pooled = _linear(config.pooled_projection_dim, d) + _linear(d, d)
    image_out = _linear(d, 2 * d) + _linear(d, config.in_channels)
    blocks = config.num_layers * double_block + single_blocks * single_block
    return blocks + image_in + text_in + timestep + pooled + image_out


def forward_flops(
    config: NamiConfig, single_blocks: int, image_tokens: int, text_tokens: int, batch: int = 1
) -> Flops:
    """FLOPs of one forward pass, pooled text and text projection included."""
    d = config.inner_dim
    tokens = image_tokens + text_tokens
    layers = config.num_layers + single_blocks
    once = config.pooled_projection_dim * d + TIME_CHANNELS * d + 2 * d * d
    projections = text_tokens * config.joint_attention_dim * d + 2 * image_tokens * config.in_channels * d
    return Flops(
        # Both kinds of block do 12 d^2 multiply-adds for each token: 4 for attention, 8 for the MLP.
        linear=2 * batch * layers * tokens * 12 * d * d,
        attention=2 * batch * layers * 2 * tokens * tokens * d,
        # Six vectors for each stream of a double-stream block, three for a single-stream one, two at the end.
        adaln=2 * batch * (12 * config.num_layers + 3 * single_blocks + 2) * d * d,
        embed_io=2 * batch * (projections + once),
    )


def shift_map_parameters(config: NamiConfig, latent_size: tuple[int, int]) -> int:
    """Parameters of the released BridgeFlow for latents of `latent_size`: scales and shift maps."""
    channels = config.in_channels // 4
    sizes = [stage_size(config, latent_size, stage) for stage in range(1, config.num_stages)]
    return len(sizes) + sum(channels * height * width for height, width in sizes)


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs

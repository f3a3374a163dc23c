"""Published systems that diffusers can run, with the settings their publishers give.

Sources are the models' cards on the Hugging Face hub and diffusers' own pages on each pipeline, as of
diffusers 0.42; where neither gives a setting, the pipeline's default is written out, so that an update of the
library cannot change it. Infinity and Matryoshka are not in diffusers: the adapter `command` runs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nami_bench.generators.torch_runtime import DtypeName


@dataclass(frozen=True, slots=True)
class Preset:
    """Where a system's weights are, and how it is run. `extra`: further arguments of the pipeline's call."""

    model: str
    dtype: DtypeName
    steps: int
    guidance_scale: float
    variant: str | None = None
    height: int = 1024
    width: int = 1024
    extra: Mapping[str, Any] = field(default_factory=dict)


PRESETS: Mapping[str, Preset] = {
    # Card: 28 steps, guidance 7.0, float16. T5 reads 256 tokens unless told otherwise.
    "sd3-medium": Preset(
        model="stabilityai/stable-diffusion-3-medium-diffusers",
        dtype="float16",
        steps=28,
        guidance_scale=7.0,
        extra={"max_sequence_length": 256},
    ),
    # Card: 40 steps, guidance 4.5, bfloat16.
    "sd3.5-medium": Preset(
        model="stabilityai/stable-diffusion-3.5-medium",
        dtype="bfloat16",
        steps=40,
        guidance_scale=4.5,
        extra={"max_sequence_length": 256},
    ),
    # Card: 20 steps, guidance 4.5, all parts in bfloat16.
    "sana-1.6b": Preset(
        model="Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers",
        dtype="bfloat16",
        variant="bf16",
        steps=20,
        guidance_scale=4.5,
        extra={"max_sequence_length": 300},
    ),
    # Card: 50 steps, guidance 3.5 (distilled), 512 tokens, bfloat16.
    "flux-dev": Preset(
        model="black-forest-labs/FLUX.1-dev",
        dtype="bfloat16",
        steps=50,
        guidance_scale=3.5,
        extra={"max_sequence_length": 512},
    ),
    # Card: 4 steps, no guidance, at most 256 tokens, bfloat16.
    "flux-schnell": Preset(
        model="black-forest-labs/FLUX.1-schnell",
        dtype="bfloat16",
        steps=4,
        guidance_scale=0.0,
        extra={"max_sequence_length": 256},
    ),
    # Card: float16, the base model alone. Steps and guidance: the pipeline's defaults.
    "sdxl": Preset(
        model="stabilityai/stable-diffusion-xl-base-1.0",
        dtype="float16",
        variant="fp16",
        steps=50,
        guidance_scale=5.0,
    ),
    # Card: 50 steps, guidance 3, float16.
    "playground-v2.5": Preset(
        model="playgroundai/playground-v2.5-1024px-aesthetic",
        dtype="float16",
        variant="fp16",
        steps=50,
        guidance_scale=3.0,
    ),
    # scripts/inference.py of PixArt-sigma: DPM-Solver with 20 steps, guidance 4.5, 300 tokens, float16. It
    # doesn't clean captions, as the pipeline does by default wherever two optional packages are installed.
    "pixart-sigma": Preset(
        model="PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
        dtype="float16",
        steps=20,
        guidance_scale=4.5,
        extra={"max_sequence_length": 300, "clean_caption": False},
    ),
    # Card: float16. Steps and guidance: the pipeline's defaults.
    "hunyuan-dit": Preset(
        model="Tencent-Hunyuan/HunyuanDiT-v1.2-Diffusers",
        dtype="float16",
        steps=50,
        guidance_scale=5.0,
    ),
}

"""Presets of systems that were published until 2024.

Sources are the models' cards on the Hugging Face hub, or copies of them where the card itself could not be
read again, and diffusers 0.42; `source` says which, and when. Where neither gives a setting, the pipeline's
default is written out, so that an update of the library cannot change it.
"""

from collections.abc import Mapping

from nami_bench.generators.preset import Preset

UNTIL_2024: Mapping[str, Preset] = {
    "sd3-medium": Preset(
        "stabilityai/stable-diffusion-3-medium-diffusers",
        "StableDiffusion3Pipeline",
        licence="Stability AI Community",
        source="copies of the model card, 2026-12: 28 steps, 7.0, float16; T5 reads 256 tokens unless told",
        dtype="float16",
        steps=28,
        guidance_scale=7.0,
        extra={"max_sequence_length": 256},
    ),
    "sd3.5-medium": Preset(
        "stabilityai/stable-diffusion-3.5-medium",
        "StableDiffusion3Pipeline",
        licence="Stability AI Community",
        source="copies of the model card, 2026-12: 40 steps, 4.5, bfloat16",
        steps=40,
        guidance_scale=4.5,
        extra={"max_sequence_length": 256},
    ),
    "sana-1.6b": Preset(
        "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers",
        "SanaPipeline",
        licence="NSCL v2, non-commercial",
        source="copies of the model card, 2026-12: 20 steps, 4.5, all parts in bfloat16",
        variant="bf16",
        steps=20,
        guidance_scale=4.5,
        extra={"max_sequence_length": 300},
        rewriting="instruction",
    ),
    "flux-dev": Preset(
        "black-forest-labs/FLUX.1-dev",
        "FluxPipeline",
        licence="FLUX.1 [dev] Non-Commercial",
        source="copies of the model card, 2026-12: 50 steps, 3.5 (distilled), 512 tokens, bfloat16",
        steps=50,
        guidance_scale=3.5,
        extra={"max_sequence_length": 512},
    ),
    "flux-schnell": Preset(
        "black-forest-labs/FLUX.1-schnell",
        "FluxPipeline",
        licence="Apache-2.0",
        source="copies of the model card, 2026-12: 4 steps, no guidance, at most 256 tokens, bfloat16",
        steps=4,
        guidance_scale=0.0,
        extra={"max_sequence_length": 256},
    ),
    "sdxl": Preset(
        "stabilityai/stable-diffusion-xl-base-1.0",
        "StableDiffusionXLPipeline",
        licence="CreativeML Open RAIL++-M",
        source="diffusers 0.42, 2026-12: the pipeline's defaults; float16 and the base model alone after its "
        "card, which was not read again",
        dtype="float16",
        variant="fp16",
        steps=50,
        guidance_scale=5.0,
    ),
    "playground-v2.5": Preset(
        "playgroundai/playground-v2.5-1024px-aesthetic",
        "StableDiffusionXLPipeline",
        licence="Playground v2.5 Community",
        source="model card (guidance) and copies of it (steps), 2026-12: 50 steps, 3.0, float16",
        dtype="float16",
        variant="fp16",
        steps=50,
        guidance_scale=3.0,
    ),
    # Captions are not cleaned, as the pipeline does by default wherever two optional packages are installed.
    "pixart-sigma": Preset(
        "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
        "PixArtSigmaPipeline",
        licence="CreativeML Open RAIL++-M",
        source="scripts/inference.py of PixArt-sigma, 2026-12 in repositories that go on from it: DPM-Solver "
        "with 20 steps, 4.5, 300 tokens, float16",
        dtype="float16",
        steps=20,
        guidance_scale=4.5,
        extra={"max_sequence_length": 300, "clean_caption": False},
    ),
    "hunyuan-dit": Preset(
        "Tencent-Hunyuan/HunyuanDiT-v1.2-Diffusers",
        "HunyuanDiTPipeline",
        licence="Tencent Hunyuan Community",
        source="diffusers 0.42, 2026-12: the pipeline's defaults; float16 after its card, which was not read "
        "again",
        dtype="float16",
        steps=50,
        guidance_scale=5.0,
    ),
    "sd3.5-large": Preset(
        "stabilityai/stable-diffusion-3.5-large",
        "StableDiffusion3Pipeline",
        licence="Stability AI Community",
        source="copies of the model card, 2026-11: 28 steps, 3.5, bfloat16; 256 tokens as the pipeline",
        steps=28,
        guidance_scale=3.5,
        extra={"max_sequence_length": 256},
    ),
    "sd3.5-large-turbo": Preset(
        "stabilityai/stable-diffusion-3.5-large-turbo",
        "StableDiffusion3Pipeline",
        licence="Stability AI Community",
        source="the publisher's app on the hub, 2026-11: 4 steps, 0.0",
        steps=4,
        guidance_scale=0.0,
        extra={"max_sequence_length": 256},
    ),
    "auraflow-0.3": Preset(
        "fal/AuraFlow-v0.3",
        "AuraFlowPipeline",
        licence="Apache-2.0",
        source="diffusers 0.42, 2026-11: the pipeline's defaults",
        dtype="float16",
        steps=50,
        guidance_scale=3.5,
        extra={"max_sequence_length": 256},
    ),
    "kolors": Preset(
        "Kwai-Kolors/Kolors-diffusers",
        "KolorsPipeline",
        licence="Apache-2.0 for research, registration for commercial use",
        source="diffusers 0.42, 2026-11: the pipeline's defaults, float16",
        dtype="float16",
        variant="fp16",
        steps=50,
        guidance_scale=5.0,
        extra={"max_sequence_length": 256},
    ),
    "omnigen": Preset(
        "Shitao/OmniGen-v1-diffusers",
        "OmniGenPipeline",
        licence="MIT",
        source="diffusers 0.42, 2026-11: the pipeline's defaults",
        steps=50,
        guidance_scale=2.5,
    ),
}

"""Presets of systems that were published in 2025 and 2026.

Read in November and December 2026 from models' cards, their publishers' repositories, and diffusers 0.42 (its
pages, its signatures and examples); `source` says which, and where only copies or nothing could be read.
"""

from collections.abc import Mapping
from dataclasses import replace

from nami_bench.generators.preset import Preset

_QWEN_IMAGE = Preset(
    "Qwen/Qwen-Image",
    "QwenImagePipeline",
    licence="Apache-2.0",
    source="model card, 2026-11: 50 steps, true_cfg_scale 4.0, negative prompt ' ', 1328x1328; its demo puts "
    "', Ultra HD, 4K, cinematic composition.' behind each prompt, which is left out here",
    steps=50,
    negative_prompt=" ",
    height=1328,
    width=1328,
    extra={"true_cfg_scale": 4.0, "max_sequence_length": 512},
)
_KLEIN = Preset(
    "black-forest-labs/FLUX.2-klein-4B",
    "Flux2KleinPipeline",
    licence="Apache-2.0",
    source="model card, 2026-11: 4 steps; distilled, so that nothing guides it",
    steps=4,
    guidance_scale=1.0,
    extra={"max_sequence_length": 512},
)
_HIDREAM = Preset(
    "HiDream-ai/HiDream-I1-Full",
    "HiDreamImagePipeline",
    licence="MIT; Llama 3.1 Community for its text encoder",
    source="publisher's repository, 2026-11: 50 steps, 5.0; the hub folder's scheduler decides, where the "
    "publisher's own app brings another",
    steps=50,
    guidance_scale=5.0,
    extra={"max_sequence_length": 128},
    components={
        "text_encoder_4": "meta-llama/Meta-Llama-3.1-8B-Instruct",
        "tokenizer_4": "meta-llama/Meta-Llama-3.1-8B-Instruct",
    },
)
_SANA_SPRINT = Preset(
    "Efficient-Large-Model/Sana_Sprint_1.6B_1024px_diffusers",
    "SanaSprintPipeline",
    licence="NSCL v2, non-commercial",
    source="diffusers' page, 2026-11: 2 steps, 4.5 (embedded), bfloat16",
    steps=2,
    guidance_scale=4.5,
    extra={"max_sequence_length": 300},
    rewriting="instruction",
)
_SANA_15 = Preset(
    "Efficient-Large-Model/SANA1.5_1.6B_1024px_diffusers",
    "SanaPipeline",
    licence="NSCL v2, non-commercial",
    source="copies of the model card, 2026-11: 20 steps, 4.5, bfloat16",
    steps=20,
    guidance_scale=4.5,
    extra={"max_sequence_length": 300},
    rewriting="instruction",
)
_ERNIE = Preset(
    "baidu/ERNIE-Image",
    "ErnieImagePipeline",
    licence="Apache-2.0",
    source="diffusers 0.42, 2026-11: 50 steps, 4.0; its prompt enhancer is off here",
    steps=50,
    guidance_scale=4.0,
)
_CODE = "diffusers 0.42, 2026-11: the pipeline's defaults"

SINCE_2025: Mapping[str, Preset] = {
    "qwen-image": _QWEN_IMAGE,
    "qwen-image-2512": replace(
        _QWEN_IMAGE,
        model="Qwen/Qwen-Image-2512",
        source="model card, 2026-11: 50 steps, true_cfg_scale 4.0, this negative prompt, 1328x1328; the "
        "rewriter that it recommends is left out here",
        negative_prompt="低分辨率，低画质，肢体畸形，手指畸形，画面过饱和，蜡像感，人脸无细节，过度光滑，"
        "画面具有AI感。构图混乱。文字模糊，扭曲。",
    ),
    "qwen-image-2.1": Preset(
        "Qwen/Qwen-Image-2.1",
        "QwenImage21Pipeline",
        licence="Qwen Research, non-commercial (after copies of its weights)",
        source=f"{_CODE}; a sample_sigmas in the model's index would decide the steps, and end the run",
        steps=40,
        extra={"true_cfg_scale": 1.0},
    ),
    "flux2-dev": Preset(
        "black-forest-labs/FLUX.2-dev",
        "Flux2Pipeline",
        licence="FLUX.2 [dev] Non-Commercial",
        source=f"{_CODE}, 50 steps and 4.0 (its example has 2.5)",
        steps=50,
        guidance_scale=4.0,
        extra={"max_sequence_length": 512},
    ),
    "flux2-klein-4b": _KLEIN,
    "flux2-klein-9b": replace(
        _KLEIN, model="black-forest-labs/FLUX.2-klein-9B", licence="FLUX Non-Commercial"
    ),
    # Nothing guides it, by any argument. It keeps keys and values of pictures to edit: here are none.
    "flux2-klein-9b-kv": Preset(
        "black-forest-labs/FLUX.2-klein-9b-kv",
        "Flux2KleinKVPipeline",
        licence="FLUX Non-Commercial",
        source="diffusers 0.42, 2026-12: the pipeline's defaults, 4 steps; licence from the publisher's "
        "repository",
        steps=4,
        extra={"max_sequence_length": 512},
    ),
    "flux2-klein-base-4b": replace(
        _KLEIN,
        model="black-forest-labs/FLUX.2-klein-base-4B",
        source="diffusers' example, 2026-11: 50 steps, 4.0",
        steps=50,
        guidance_scale=4.0,
    ),
    "flux2-klein-base-9b": replace(
        _KLEIN,
        model="black-forest-labs/FLUX.2-klein-base-9B",
        licence="FLUX Non-Commercial",
        source="diffusers' example, 2026-11: 50 steps, 4.0",
        steps=50,
        guidance_scale=4.0,
    ),
    "z-image-turbo": Preset(
        "Tongyi-MAI/Z-Image-Turbo",
        "ZImagePipeline",
        licence="Apache-2.0",
        source="model card, 2026-11: 9 steps, which are 8 passes, no guidance",
        steps=9,
        guidance_scale=0.0,
        extra={"max_sequence_length": 512},
    ),
    # cond + s (cond - uncond): 4 here is 5 in the usual convention, and 1 is not "off".
    "z-image": Preset(
        "Tongyi-MAI/Z-Image",
        "ZImagePipeline",
        licence="Apache-2.0",
        source="publisher's repository, 2026-11: 28 to 50 steps, example 50; 3 to 5, example 4; "
        "cfg_normalization false in general",
        steps=50,
        guidance_scale=4.0,
        extra={"cfg_normalization": False, "max_sequence_length": 512},
    ),
    "hidream-i1-full": _HIDREAM,
    "hidream-i1-dev": replace(
        _HIDREAM,
        model="HiDream-ai/HiDream-I1-Dev",
        source="copies of the publisher's app, 2026-11: 28 steps, no guidance; it brings its own scheduler",
        steps=28,
        guidance_scale=0.0,
    ),
    "hidream-i1-fast": replace(
        _HIDREAM,
        model="HiDream-ai/HiDream-I1-Fast",
        source="copies of the publisher's app, 2026-11: 16 steps, no guidance; it brings its own scheduler",
        steps=16,
        guidance_scale=0.0,
    ),
    "lumina2": Preset(
        "Alpha-VLLM/Lumina-Image-2.0",
        "Lumina2Pipeline",
        licence="Apache-2.0",
        source="copies of the model card, 2026-11: 50 steps, 4.0, cfg_trunc_ratio 0.25, normalised",
        steps=50,
        guidance_scale=4.0,
        extra={"cfg_trunc_ratio": 0.25, "cfg_normalization": True, "max_sequence_length": 256},
        rewriting="instruction",
    ),
    "sana-sprint-1.6b": _SANA_SPRINT,
    "sana-sprint-0.6b": replace(
        _SANA_SPRINT, model="Efficient-Large-Model/Sana_Sprint_0.6B_1024px_diffusers"
    ),
    "sana1.5-1.6b": _SANA_15,
    "sana1.5-4.8b": replace(_SANA_15, model="Efficient-Large-Model/SANA1.5_4.8B_1024px_diffusers"),
    "cogview4": Preset(
        "THUDM/CogView4-6B",
        "CogView4Pipeline",
        licence="Apache-2.0",
        source="copies of the model card, 2026-11: 50 steps, 3.5, bfloat16",
        steps=50,
        guidance_scale=3.5,
        extra={"max_sequence_length": 1024},
    ),
    "glm-image": Preset(
        "zai-org/GLM-Image",
        "GlmImagePipeline",
        licence="MIT",
        source="diffusers' page, 2026-11: 30 steps, 1.5; sizes are multiples of 32",
        steps=30,
        guidance_scale=1.5,
    ),
    # Its component guides it: adaptive projected guidance, 3.5. Prompts with quoted text have another one.
    "hunyuanimage-2.1": Preset(
        "hunyuanvideo-community/HunyuanImage-2.1-Diffusers",
        "HunyuanImagePipeline",
        licence="Tencent Hunyuan Community",
        source="diffusers' page, 2026-11: 50 steps, 2048x2048, the folder's guiders; without the refiner",
        steps=50,
        height=2048,
        width=2048,
    ),
    "longcat-image": Preset(
        "meituan-longcat/LongCat-Image",
        "LongCatImagePipeline",
        licence="Apache-2.0",
        source="publisher's repository, 2026-11: 50 steps, 4.0, 1344x768; its prompt rewriting is off here",
        steps=50,
        guidance_scale=4.0,
        height=768,
        width=1344,
    ),
    "ernie-image": _ERNIE,
    "ernie-image-turbo": replace(
        _ERNIE,
        model="baidu/ERNIE-Image-Turbo",
        source="diffusers' page, 2026-11: 8 steps; 1.0 after others who serve it; its enhancer is off here",
        steps=8,
        guidance_scale=1.0,
    ),
    "kandinsky5-lite": Preset(
        "kandinskylab/Kandinsky-5.0-T2I-Lite-sft-Diffusers",
        "Kandinsky5T2IPipeline",
        licence="MIT",
        source=_CODE,
        steps=50,
        guidance_scale=3.5,
        extra={"max_sequence_length": 512},
    ),
    # Its guidance is a value for each of 48 steps, the pipeline's default: 45 times 7, 3 times 3.
    "ideogram4": Preset(
        "ideogram-ai/ideogram-4-nf4-diffusers",
        "Ideogram4Pipeline",
        licence="Ideogram 4 Non-Commercial",
        source=f"{_CODE}; its prompt upsampling is off; made for JSON prompts, it is given the plain ones; "
        "the publisher has diffusers' folder in 4 bits alone (bitsandbytes, a GPU)",
        steps=48,
        height=2048,
        width=2048,
    ),
    "ovis-image": Preset(
        "AIDC-AI/Ovis-Image-7B",
        "OvisImagePipeline",
        licence="Apache-2.0",
        source=_CODE,
        steps=50,
        guidance_scale=5.0,
        extra={"max_sequence_length": 256},
    ),
    "chroma1-hd": Preset(
        "lodestones/Chroma1-HD",
        "ChromaPipeline",
        licence="Apache-2.0",
        source="diffusers' page, 2026-11: 40 steps, 3.0, its negative prompt",
        steps=40,
        guidance_scale=3.0,
        negative_prompt="low quality, ugly, unfinished, out of focus, deformed, disfigure, blurry, smudged, "
        "restricted palette, flat colors",
        extra={"max_sequence_length": 512},
    ),
    "prx-512": Preset(
        "Photoroom/prx-512-t2i-sft",
        "PRXPipeline",
        licence="Apache-2.0",
        source="diffusers' example, 2026-11: 28 steps, 5.0 (the signature has 4.0)",
        steps=28,
        guidance_scale=5.0,
        height=512,
        width=512,
    ),
    "bria-3.2": Preset(
        "briaai/BRIA-3.2",
        "BriaPipeline",
        licence="Bria non-commercial",
        source=f"{_CODE}, 128 tokens",
        steps=30,
        guidance_scale=5.0,
        extra={"max_sequence_length": 128},
    ),
    # Trained on JSON that a language model writes; plain prompts run without complaint.
    "fibo": Preset(
        "briaai/FIBO",
        "BriaFiboPipeline",
        licence="Bria non-commercial",
        source=f"{_CODE}; it was trained on JSON, and is given the plain prompts here",
        steps=30,
        guidance_scale=5.0,
    ),
    "fibo-2": Preset(
        "briaai/Fibo-2.0-dev",
        "BriaFibo2Pipeline",
        licence="CC BY-NC 4.0 (after users of its edit model)",
        source="diffusers 0.42, 2026-12: the pipeline's defaults, its negative prompt too; it was trained on "
        "JSON, and is given the plain prompts here",
        steps=30,
        guidance_scale=5.0,
    ),
    # cond + s (cond - uncond), on above 0: 3.5 here is 4.5 in the usual convention.
    "krea2-raw": Preset(
        "krea/Krea-2-Raw",
        "Krea2Pipeline",
        licence="Krea 2 Community",
        source="publisher's repository, 2026-12: 52 steps, 3.5, up to 1024 pixels (diffusers' example: 28, "
        "4.5); the model that Turbo is made from, for training",
        steps=52,
        guidance_scale=3.5,
        extra={"max_sequence_length": 512},
    ),
    "krea2-turbo": Preset(
        "krea/Krea-2-Turbo",
        "Krea2Pipeline",
        licence="Krea 2 Community",
        source="publisher's repository, 2026-12: 8 steps, no guidance; it draws 1024 to 2048 pixels",
        steps=8,
        guidance_scale=0.0,
        extra={"max_sequence_length": 512},
    ),
    "prxpixel": Preset(
        "Photoroom/prxpixel-t2i",
        "PRXPixelPipeline",
        licence="not found",
        source="model card, 2026-12: 28 steps, 5.0, bfloat16 (the signature has 4.0)",
        steps=28,
        guidance_scale=5.0,
    ),
    # It puts "[Generate]: " before each prompt, a part of how it was trained.
    "dreamlite": Preset(
        "carlofkl/DreamLite-base",
        "DreamLitePipeline",
        licence="not found (copies: CC BY-NC 4.0)",
        source="diffusers 0.42, 2026-12: the pipeline's defaults; it reads hidden states that transformers 5 "
        "gives otherwise than the version that it was trained with, so its pictures may be worse than they "
        "should be",
        revision="diffusers",
        steps=30,
        guidance_scale=3.5,
        extra={"max_sequence_length": 200},
    ),
    "cosmos-predict2-2b": Preset(
        "nvidia/Cosmos-Predict2-2B-Text2Image",
        "Cosmos2TextToImagePipeline",
        licence="NVIDIA Open Model",
        source=f"{_CODE}, without the long negative prompt of its example",
        steps=35,
        guidance_scale=7.0,
        height=768,
        width=1360,
        extra={"max_sequence_length": 512},
        requires=("cosmos-guardrail",),
    ),
    "nucleus-moe": Preset(
        "NucleusAI/Nucleus-Image",
        "NucleusMoEImagePipeline",
        licence="Apache-2.0",
        source=_CODE,
        steps=50,
        guidance_scale=4.0,
    ),
    "wan2.1-1.3b": Preset(
        "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        "WanPipeline",
        licence="Apache-2.0",
        source=f"{_CODE}; a model of videos, of one frame",
        steps=50,
        guidance_scale=5.0,
        height=480,
        width=832,
        extra={"num_frames": 1, "max_sequence_length": 512},
    ),
}

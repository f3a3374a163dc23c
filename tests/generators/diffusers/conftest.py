"""Tiny pipelines of the real classes: random weights, tokenizers made here, nothing from the hub."""

import importlib.util
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHARACTERS = string.ascii_lowercase + string.digits
SIZE = 32
"""Side of every picture, in pixels."""

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]  # nothing here works without the extra `models`


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As under HF_HUB_OFFLINE=1 with an empty cache, whenever the hub's library was first imported."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny saved pipeline, by kind: a key of _BUILDERS, or of those in tests/support."""
    root = tmp_path_factory.mktemp("pipelines")

    def folder(kind: str) -> Path:
        path = root / kind
        if not path.exists():
            import torch

            from tests.support.tiny_pipelines import builders

            torch.manual_seed(0)
            (_BUILDERS | builders())[kind]().save_pretrained(path)
        return path

    return folder


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    tokens = [*CHARACTERS, *(c + "</w>" for c in CHARACTERS), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def _clip_encoder(*, projected: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    size = 2 * len(CHARACTERS) + 2
    config = CLIPTextConfig(
        vocab_size=size,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        projection_dim=16,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def _t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    tokens = ["<pad>", "</s>", "<unk>", "▁", *CHARACTERS]
    return T5Tokenizer(vocab=[(token, -1.0) for token in tokens], extra_ids=0, model_max_length=256)


def _t5_encoder(width: int = 16) -> Any:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=64, d_model=width, d_kv=8, d_ff=16, num_heads=2, num_layers=1)
    return T5EncoderModel(config).eval()


def _vae(latent_channels: int, **config: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latent_channels,
        norm_num_groups=2,
        sample_size=SIZE,
        **config,
    ).eval()


def _sd3() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        pos_embed_max_size=16,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(4, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06),
        text_encoder=_clip_encoder(projected=True),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=_clip_encoder(projected=True),
        tokenizer_2=_clip_tokenizer(),
        text_encoder_3=_t5_encoder(width=32),  # the width of both CLIPs together
        tokenizer_3=_t5_tokenizer(),
    )


def _flux() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        guidance_embeds=True,
        axes_dims_rope=(4, 6, 6),
    )
    return FluxPipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_vae(4, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06),
        text_encoder=_clip_encoder(projected=False),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=_t5_encoder(),
        tokenizer_2=_t5_tokenizer(),
    )


def _sana() -> Any:
    from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel
    from transformers import Gemma2Config, Gemma2Model, GemmaTokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"]
    vocabulary = {token: number for number, token in enumerate([*special, *CHARACTERS])}
    gemma = Gemma2Config(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    transformer = SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=16,
        sample_size=32,
    )
    blocks = {
        f"{half}_{key}": value
        for half in ("encoder", "decoder")
        for key, value in {
            "block_types": ("ResBlock", "EfficientViTBlock"),
            "block_out_channels": (8, 8),
            "layers_per_block": (1, 1),
            "qkv_multiscales": ((), (5,)),
        }.items()
    }
    vae = AutoencoderDC(latent_channels=4, attention_head_dim=4, scaling_factor=0.41, **blocks)
    return SanaPipeline(
        tokenizer=GemmaTokenizer(vocab=vocabulary, merges=[]),
        text_encoder=Gemma2Model(gemma).eval(),
        vae=vae.eval(),
        transformer=transformer.eval(),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    )


def _sdxl() -> Any:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        use_linear_projection=True,
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
    )
    return StableDiffusionXLPipeline(
        unet=unet.eval(),
        scheduler=EulerDiscreteScheduler(),
        vae=_vae(4),
        text_encoder=_clip_encoder(projected=False),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=_clip_encoder(projected=True),
        tokenizer_2=_clip_tokenizer(),
    )


def _pixart() -> Any:
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel(
        sample_size=16,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        in_channels=4,
        out_channels=8,
        cross_attention_dim=16,
        caption_channels=16,
        use_additional_conditions=False,
    )
    return PixArtSigmaPipeline(
        transformer=transformer.eval(),
        scheduler=DPMSolverMultistepScheduler(),
        vae=_vae(4),
        text_encoder=_t5_encoder(),
        tokenizer=_t5_tokenizer(),
    )


def _refusing_sd() -> Any:
    """Stable Diffusion with the real safety checker, which here finds every picture offensive."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        cross_attention_dim=16,
    )
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**sizes, "image_size": SIZE, "patch_size": 16}
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, text_config=sizes)).eval()
    checker.concept_embeds_weights.data.fill_(-2.0)  # cosine similarities start at -1
    square = {"height": SIZE, "width": SIZE}
    return StableDiffusionPipeline(
        unet=unet.eval(),
        scheduler=EulerDiscreteScheduler(steps_offset=1),
        vae=_vae(4),
        text_encoder=_clip_encoder(projected=False),
        tokenizer=_clip_tokenizer(),
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size=square, crop_size=square),
    )


_BUILDERS: dict[str, Callable[[], Any]] = {
    "sd3": _sd3,
    "flux": _flux,
    "sana": _sana,
    "sdxl": _sdxl,
    "pixart": _pixart,
    "refusing-sd": _refusing_sd,
}

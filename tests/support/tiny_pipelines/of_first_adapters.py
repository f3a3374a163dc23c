"""Tiny pipelines of the systems until 2024: Stable Diffusion 1.5, XL and 3, FLUX.1, Sana, PixArt-Sigma."""

from typing import Any

from tests.support.tiny_pipelines.parts import (
    PLAIN,
    SIZE,
    clip,
    dc_ae,
    euler,
    gemma2,
    kl,
    letters_tokenizer,
    t5,
)


def sd3() -> Any:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

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
        scheduler=euler(shift=3.0),
        vae=kl(4, **PLAIN),
        text_encoder=clip(),
        tokenizer=letters_tokenizer("CLIPTokenizer"),
        text_encoder_2=clip(),
        tokenizer_2=letters_tokenizer("CLIPTokenizer"),
        text_encoder_3=t5(32),  # the width of both CLIPs together
        tokenizer_3=letters_tokenizer("T5Tokenizer"),
    )


def flux() -> Any:
    from diffusers import FluxPipeline, FluxTransformer2DModel

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
        scheduler=euler(use_dynamic_shifting=True),
        vae=kl(4, **PLAIN),
        text_encoder=clip(projected=False),
        tokenizer=letters_tokenizer("CLIPTokenizer"),
        text_encoder_2=t5(16),
        tokenizer_2=letters_tokenizer("T5Tokenizer"),
    )


def sana() -> Any:
    from diffusers import DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel

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
    return SanaPipeline(
        tokenizer=letters_tokenizer("GemmaTokenizer"),
        text_encoder=gemma2(),
        vae=dc_ae(),
        transformer=transformer.eval(),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    )


def sdxl() -> Any:
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
        vae=kl(4),
        text_encoder=clip(projected=False),
        tokenizer=letters_tokenizer("CLIPTokenizer"),
        text_encoder_2=clip(),
        tokenizer_2=letters_tokenizer("CLIPTokenizer"),
    )


def pixart() -> Any:
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
        vae=kl(4),
        text_encoder=t5(16),
        tokenizer=letters_tokenizer("T5Tokenizer"),
    )


def refusing_sd() -> Any:
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
        vae=kl(4),
        text_encoder=clip(projected=False),
        tokenizer=letters_tokenizer("CLIPTokenizer"),
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size=square, crop_size=square),
    )

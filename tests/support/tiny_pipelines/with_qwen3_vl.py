"""Tiny pipelines of autumn 2026, whose prompts Qwen3-VL reads: FIBO 2, PRXPixel, DreamLite."""

from typing import Any

from tests.support.tiny_pipelines.parts import bytes_tokenizer, euler, flux2_kl, qwen3vl, qwen_vl_processor


def fibo2() -> Any:
    """It reads eighteen layers of the language model, up to the 35th, so this one has as many.

    Its feed-forward layers are multiples of 64, and empty below a width of 24.
    """
    from diffusers import BriaFibo2Pipeline, BriaFibo2Transformer2DModel

    transformer = BriaFibo2Transformer2DModel(
        in_channels=4,
        patch_size=2,
        dim=24,
        n_layers=5,
        n_refiner_layers=1,
        n_heads=2,
        cap_feat_dim=48,
        injection_layer_ids=(0, 1, 2, 3, 4),
        perceiver_num_layers=1,
        min_num_gist_tokens=8,
        max_num_gist_tokens=16,
        gist_step=8,
        gist_min_text_len=16,
        gist_max_text_len=64,
        axes_dims=(4, 4, 4),
        axes_lens=(4096, 64, 64),
    )
    return BriaFibo2Pipeline(
        transformer=transformer.eval(),
        scheduler=euler(use_dynamic_shifting=True),
        vae=flux2_kl(),
        text_encoder=qwen3vl(layers=36),
        processor=qwen_vl_processor("Qwen3VLProcessor"),
    )


def prx_pixel() -> Any:
    from diffusers import PRXPixelPipeline, PRXTransformer2DModel

    transformer = PRXTransformer2DModel(
        patch_size=4,
        in_channels=3,
        context_in_dim=16,
        hidden_size=8,
        mlp_ratio=2.0,
        num_heads=2,
        depth=1,
        axes_dim=[2, 2],
        bottleneck_size=4,
        resolution_embeds=True,
    )
    return PRXPixelPipeline(
        transformer=transformer.eval(),
        scheduler=euler(),
        text_encoder=qwen3vl("Qwen3VLModel").language_model,
        tokenizer=bytes_tokenizer(),
        default_sample_size=64,
        prompt_max_tokens=48,
    )


def dreamlite() -> Any:
    from diffusers import AutoencoderTiny, DreamLitePipeline, DreamLiteUNetModel

    unet = DreamLiteUNetModel(
        sample_size=8,
        block_out_channels=(8, 16),
        down_block_types=("DreamLiteCrossAttnNoSelfAttnDownBlock2D", "DreamLiteCrossAttnDownBlock2D"),
        up_block_types=("DreamLiteCrossAttnUpBlock2D", "DreamLiteUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=2,
        cross_attention_dim=16,
        attention_head_dim=4,
        ff_mult=2,
        use_linear_projection=True,
    )
    channels, blocks = (8, 8, 8, 8), (1, 1, 1, 1)
    vae = AutoencoderTiny(
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        num_encoder_blocks=blocks,
        num_decoder_blocks=blocks,
        latent_channels=4,
    )
    return DreamLitePipeline(
        text_encoder=qwen3vl(),
        tokenizer=bytes_tokenizer(),
        processor=qwen_vl_processor("Qwen3VLProcessor"),
        vae=vae.eval(),
        unet=unet.eval(),
        scheduler=euler(use_dynamic_shifting=True),
    )

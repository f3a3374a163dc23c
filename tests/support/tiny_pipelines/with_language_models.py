"""Tiny pipelines whose prompts are read by language models: Qwen, Mistral, GLM, SmolLM."""

from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    PLAIN,
    bytes_tokenizer,
    clip,
    euler,
    flux2_kl,
    heeding,
    kl,
    letters_tokenizer,
    qwen3,
    qwen3vl,
    qwen25vl,
    qwen_kl,
    qwen_vl_processor,
)


def qwen_image() -> Any:
    from diffusers import QwenImagePipeline, QwenImageTransformer2DModel

    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        guidance_embeds=False,
        axes_dims_rope=(8, 4, 4),
    )
    return QwenImagePipeline(
        transformer=transformer,
        vae=qwen_kl(),
        scheduler=euler(),
        text_encoder=qwen25vl(),
        tokenizer=bytes_tokenizer(),
    )


def qwen_image_21(sample_sigmas: list[float] | None = None) -> Any:
    from diffusers import AutoencoderKLQwenImage21, QwenImage21Pipeline, QwenImage21Transformer2DModel

    vae = AutoencoderKLQwenImage21(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    transformer = QwenImage21Transformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        context_in_dim=16,
        axes_dims_rope=(8, 4, 4),
    )
    return QwenImage21Pipeline(
        transformer=transformer,
        vae=vae.eval(),
        scheduler=euler(),
        text_encoder=qwen3vl(),
        processor=qwen_vl_processor("Qwen3VLProcessor"),
        sample_sigmas=sample_sigmas,
    )


def flux2() -> Any:
    from diffusers import Flux2Pipeline
    from transformers import (
        Mistral3Config,
        Mistral3ForConditionalGeneration,
        PixtralImageProcessor,
        PixtralProcessor,
    )

    config = Mistral3Config(
        text_config={
            "model_type": "mistral",
            "vocab_size": 512,
            "hidden_size": 16,
            "intermediate_size": 16,
            "max_position_embeddings": 4096,
            "num_attention_heads": 2,
            "num_hidden_layers": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "pad_token_id": 0,
        },
        vision_config={
            "model_type": "pixtral",
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 16,
            "image_size": 28,
            "patch_size": 14,
        },
        image_token_index=5,
    )
    tokenizer = bytes_tokenizer()
    processor = PixtralProcessor(
        image_processor=PixtralImageProcessor(),
        tokenizer=tokenizer,
        image_token="<|image_pad|>",
        image_break_token="<|vision_start|>",
        image_end_token="<|vision_end|>",
        chat_template=tokenizer.chat_template,
    )
    return Flux2Pipeline(
        transformer=flux2_transformer(True),
        vae=flux2_kl(),
        scheduler=euler(use_dynamic_shifting=True),
        text_encoder=Mistral3ForConditionalGeneration(config).eval(),
        tokenizer=processor,
    )


def flux2_transformer(guidance: bool) -> Any:
    from diffusers import Flux2Transformer2DModel

    return Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=256,
        axes_dims_rope=[4, 4, 4, 4],
        guidance_embeds=guidance,
    )


def flux2_klein(distilled: bool = True) -> Any:
    from diffusers import Flux2KleinPipeline

    return Flux2KleinPipeline(
        transformer=flux2_transformer(False),
        vae=flux2_kl(),
        scheduler=euler(use_dynamic_shifting=True),
        text_encoder=qwen3("Qwen3ForCausalLM", layers=4),
        tokenizer=bytes_tokenizer(),
        is_distilled=distilled,
    )


def flux2_klein_base() -> Any:
    return flux2_klein(distilled=False)


def flux2_klein_kv() -> Any:
    from diffusers import Flux2KleinKVPipeline

    return Flux2KleinKVPipeline(
        transformer=flux2_transformer(False),
        vae=flux2_kl(),
        scheduler=euler(use_dynamic_shifting=True),
        text_encoder=qwen3("Qwen3ForCausalLM", layers=4),
        tokenizer=bytes_tokenizer(),
    )


def z_image() -> Any:
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[4096, 64, 64],
    )
    with torch.no_grad():  # made by torch.empty
        transformer.x_pad_token.fill_(1.0)
        transformer.cap_pad_token.fill_(1.0)
    return ZImagePipeline(
        transformer=transformer,
        vae=kl(16, shift_factor=0.1159, scaling_factor=0.3611),
        scheduler=euler(shift=3.0),
        text_encoder=qwen3(),
        tokenizer=bytes_tokenizer(),
    )


def cogview4() -> Any:
    from diffusers import CogView4Pipeline, CogView4Transformer2DModel
    from transformers import GlmConfig, GlmModel

    transformer = CogView4Transformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        out_channels=4,
        text_embed_dim=32,
        time_embed_dim=8,
        condition_dim=4,
    )
    glm = GlmModel(
        GlmConfig(
            hidden_size=32,
            intermediate_size=8,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            vocab_size=512,
            pad_token_id=0,
            eos_token_id=0,
        )
    ).eval()
    return CogView4Pipeline(
        transformer=transformer,
        vae=kl(4),
        text_encoder=glm,
        tokenizer=bytes_tokenizer("Qwen2Tokenizer"),
        scheduler=euler(
            base_shift=0.25,
            max_shift=0.75,
            base_image_seq_len=256,
            use_dynamic_shifting=True,
            time_shift_type="linear",
        ),
    )


def longcat() -> Any:
    from diffusers import LongCatImagePipeline, LongCatImageTransformer2DModel

    transformer = LongCatImageTransformer2DModel(
        patch_size=1,
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        axes_dims_rope=[4, 6, 6],
    )
    return LongCatImagePipeline(
        transformer=transformer,
        vae=kl(16, **PLAIN),
        scheduler=euler(use_dynamic_shifting=True),
        text_encoder=qwen25vl(),
        tokenizer=bytes_tokenizer(),
        text_processor=qwen_vl_processor("Qwen2VLProcessor"),
    )


def ernie_image(enhancer: bool = True) -> Any:
    from diffusers import ErnieImagePipeline, ErnieImageTransformer2DModel
    from transformers import Ministral3Config, Ministral3ForCausalLM, Mistral3Config, Mistral3Model

    transformer = ErnieImageTransformer2DModel(
        hidden_size=32,
        num_attention_heads=2,
        num_layers=1,
        ffn_hidden_size=32,
        in_channels=16,
        out_channels=16,
        text_in_dim=16,
        rope_axes_dim=(8, 4, 4),
    )
    sizes = {
        "vocab_size": 512,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    encoder = Mistral3Model(
        Mistral3Config(
            text_config={"model_type": "mistral", **sizes},
            vision_config={
                "model_type": "pixtral",
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "intermediate_size": 16,
                "image_size": 28,
                "patch_size": 14,
            },
            image_token_index=5,
        )
    ).eval()
    return ErnieImagePipeline(
        transformer=heeding(transformer),
        vae=flux2_kl(),
        scheduler=euler(shift=4.0),
        text_encoder=heeding(encoder),
        tokenizer=bytes_tokenizer(),
        pe=Ministral3ForCausalLM(Ministral3Config(**sizes)).eval() if enhancer else None,
        pe_tokenizer=bytes_tokenizer(length=24) if enhancer else None,
    )


def kandinsky5() -> Any:
    from diffusers import Kandinsky5T2IPipeline, Kandinsky5Transformer3DModel

    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=16,
        in_text_dim=32,
        in_text_dim2=16,
        time_dim=16,
        out_visual_dim=16,
        patch_size=(1, 2, 2),
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=1,
        axes_dims=(1, 1, 2),
        visual_cond=False,
        attention_type="regular",
    )
    return Kandinsky5T2IPipeline(
        transformer=transformer,
        vae=kl(16, blocks=4, **PLAIN),
        scheduler=euler(shift=5.0),
        text_encoder=qwen25vl(32),
        tokenizer=qwen_vl_processor(),
        text_encoder_2=clip(projected=False),
        tokenizer_2=letters_tokenizer("CLIPTokenizer"),
    )


def ideogram4() -> Any:
    from diffusers import Ideogram4Pipeline, Ideogram4Transformer2DModel

    def transformer() -> Any:
        return Ideogram4Transformer2DModel(
            in_channels=16,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            intermediate_size=32,
            adaln_dim=16,
            llm_features_dim=13 * 16,
            mrope_section=(4, 2, 2),
        )

    return Ideogram4Pipeline(
        transformer=transformer(),
        unconditional_transformer=transformer(),
        vae=flux2_kl(),
        scheduler=euler(),
        text_encoder=qwen3vl("Qwen3VLModel", layers=36),
        tokenizer=bytes_tokenizer(),
        prompt_enhancer_head=None,
    )


def ovis_image() -> Any:
    from diffusers import OvisImagePipeline, OvisImageTransformer2DModel

    transformer = OvisImageTransformer2DModel(
        patch_size=1,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    )
    return OvisImagePipeline(
        transformer=transformer,
        vae=kl(4, **PLAIN),
        scheduler=euler(use_dynamic_shifting=True),
        text_encoder=qwen3(),
        tokenizer=bytes_tokenizer(),
    )


def krea2() -> Any:
    from diffusers import Krea2Pipeline, Krea2Transformer2DModel

    transformer = Krea2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=32,
        timestep_embed_dim=8,
        text_hidden_dim=16,
        num_text_layers=3,
        text_num_attention_heads=2,
        text_num_key_value_heads=1,
        text_intermediate_size=16,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 2, 2),
        rope_theta=1000.0,
    )
    return Krea2Pipeline(
        transformer=transformer,
        vae=qwen_kl(),
        scheduler=euler(use_dynamic_shifting=True),
        text_encoder=qwen3vl("Qwen3VLModel"),
        tokenizer=bytes_tokenizer(),
        text_encoder_select_layers=(0, 1, 2),
    )


def nucleus() -> Any:
    from diffusers import NucleusMoEImagePipeline, NucleusMoEImageTransformer2DModel

    transformer = NucleusMoEImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=4,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
        moe_enabled=False,
        capacity_factors=[8.0],
    )
    return NucleusMoEImagePipeline(
        transformer=transformer,
        vae=qwen_kl(),
        scheduler=euler(),
        text_encoder=qwen3vl(layers=8),
        processor=qwen_vl_processor("Qwen3VLProcessor"),
    )


def fibo() -> Any:
    from diffusers import AutoencoderKLWan, BriaFiboTransformer2DModel
    from diffusers.pipelines.bria_fibo import BriaFiboPipeline
    from transformers import SmolLM3Config, SmolLM3ForCausalLM

    transformer = BriaFiboTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=64,
        text_encoder_dim=32,
        pooled_projection_dim=None,
        axes_dims_rope=[0, 4, 4],
    )
    vae = AutoencoderKLWan(
        base_dim=8,
        decoder_base_dim=8,
        num_res_blocks=1,
        out_channels=12,
        in_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
        temperal_downsample=[False, True, True],
        z_dim=16,
    )
    smol = SmolLM3Config(
        hidden_size=32,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=512,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return BriaFiboPipeline(
        transformer=transformer,
        vae=vae.eval(),
        scheduler=euler(),
        text_encoder=SmolLM3ForCausalLM(smol).eval(),
        tokenizer=bytes_tokenizer(),
    )

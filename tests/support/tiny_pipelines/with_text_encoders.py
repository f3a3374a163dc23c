"""Tiny pipelines whose prompts are read by text encoders: CLIP, T5, Gemma; and HiDream, which has all."""

from typing import Any

from tests.support.tiny_pipelines.parts import (
    LETTERS,
    PLAIN,
    bytes_tokenizer,
    clip,
    dc_ae,
    euler,
    gemma2,
    kl,
    letters_tokenizer,
    qwen25vl,
    t5,
    wan_kl,
)


def hidream() -> Any:
    from diffusers import HiDreamImagePipeline, HiDreamImageTransformer2DModel
    from transformers import LlamaConfig, LlamaForCausalLM

    transformer = HiDreamImageTransformer2DModel(
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_channels=[32, 16],
        text_emb_dim=32,
        num_routed_experts=4,
        num_activated_experts=2,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(32, 32),
        llama_layers=(0, 1),
    ).eval()
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=512,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    ).eval()
    return HiDreamImagePipeline(
        transformer=transformer,
        vae=kl(4, **PLAIN),
        scheduler=euler(shift=3.0),
        text_encoder=clip(width=16),
        tokenizer=letters_tokenizer("CLIPTokenizer"),
        text_encoder_2=clip(width=16),
        tokenizer_2=letters_tokenizer("CLIPTokenizer"),
        text_encoder_3=t5(32),
        tokenizer_3=letters_tokenizer("T5Tokenizer"),
        text_encoder_4=llama,
        tokenizer_4=bytes_tokenizer(),
    )


def lumina2() -> Any:
    from diffusers import Lumina2Pipeline, Lumina2Transformer2DModel

    transformer = Lumina2Transformer2DModel(
        sample_size=4,
        patch_size=2,
        in_channels=4,
        hidden_size=8,
        num_layers=1,
        num_attention_heads=1,
        num_kv_heads=1,
        multiple_of=16,
        axes_dim_rope=[4, 2, 2],
        cap_feat_dim=16,
    )
    return Lumina2Pipeline(
        transformer=transformer,
        vae=kl(4, **PLAIN),
        scheduler=euler(shift=6.0),
        text_encoder=gemma2(),
        tokenizer=letters_tokenizer("GemmaTokenizer"),
    )


def sana_sprint() -> Any:
    from diffusers import SanaSprintPipeline, SanaTransformer2DModel, SCMScheduler

    transformer = SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=8,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=16,
        sample_size=32,
        qk_norm="rms_norm_across_heads",
        guidance_embeds=True,
    )
    return SanaSprintPipeline(
        tokenizer=letters_tokenizer("GemmaTokenizer"),
        text_encoder=gemma2(),
        vae=dc_ae(),
        transformer=transformer,
        scheduler=SCMScheduler(),
    )


def hunyuan_image() -> Any:
    from diffusers import AutoencoderKLHunyuanImage, HunyuanImagePipeline, HunyuanImageTransformer2DModel
    from diffusers.guiders import AdaptiveProjectedMixGuidance
    from transformers import ByT5Tokenizer

    transformer = HunyuanImageTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=4,
        attention_head_dim=8,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=(1, 1),
        guidance_embeds=False,
        text_embed_dim=32,
        text_embed_2_dim=32,
        rope_axes_dim=(4, 4),
    )
    vae = AutoencoderKLHunyuanImage(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32, 32, 32),
        layers_per_block=1,
        scaling_factor=0.47,
        spatial_compression_ratio=8,
        sample_size=32,
    )
    return HunyuanImagePipeline(
        transformer=transformer,
        vae=vae.eval(),
        scheduler=euler(shift=7.0),
        text_encoder=qwen25vl(32),
        tokenizer=bytes_tokenizer(),
        text_encoder_2=t5(32, vocab=512),
        tokenizer_2=ByT5Tokenizer(),
        guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=2),
        ocr_guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=3),
    )


def chroma() -> Any:
    from diffusers import ChromaPipeline, ChromaTransformer2DModel

    transformer = ChromaTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=[4, 4, 8],
        approximator_hidden_dim=32,
        approximator_layers=1,
        approximator_num_channels=16,
    )
    return ChromaPipeline(
        transformer=transformer,
        vae=kl(4, **PLAIN),
        scheduler=euler(),
        text_encoder=t5(32),
        tokenizer=letters_tokenizer("T5Tokenizer", 512),
    )


def bria() -> Any:
    from diffusers import BriaTransformer2DModel
    from diffusers.pipelines.bria import BriaPipeline

    transformer = BriaTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=None,
        axes_dims_rope=[0, 4, 4],
    )
    return BriaPipeline(
        transformer=transformer,
        vae=kl(4, shift_factor=0),
        scheduler=euler(),
        text_encoder=t5(32),
        tokenizer=letters_tokenizer("T5Tokenizer"),
    )


def aura_flow() -> Any:
    from diffusers import AuraFlowPipeline, AuraFlowTransformer2DModel

    transformer = AuraFlowTransformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_projection_dim=16,
        joint_attention_dim=32,
        out_channels=4,
        pos_embed_max_size=256,
    )
    return AuraFlowPipeline(
        transformer=transformer,
        vae=kl(4),
        scheduler=euler(),
        text_encoder=t5(32, cls="UMT5EncoderModel"),
        tokenizer=letters_tokenizer("T5Tokenizer"),
    )


def omnigen() -> Any:
    from diffusers import OmniGenPipeline, OmniGenTransformer2DModel

    transformer = OmniGenTransformer2DModel(
        hidden_size=16,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=32,
        num_layers=1,
        in_channels=4,
        time_step_dim=4,
        rope_scaling={"long_factor": [1, 2], "short_factor": [1, 2]},
        vocab_size=512,
        pad_token_id=0,
    )
    return OmniGenPipeline(
        transformer=transformer,
        vae=kl(4, blocks=4),
        scheduler=euler(invert_sigmas=True, num_train_timesteps=1),
        tokenizer=letters_tokenizer("LlamaTokenizer", 512),
    )


def wan() -> Any:
    from diffusers import WanPipeline, WanTransformer3DModel

    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=1,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    return WanPipeline(
        transformer=transformer,
        transformer_2=None,
        vae=wan_kl(),
        scheduler=euler(shift=7.0),
        text_encoder=t5(32, cls="UMT5EncoderModel"),
        tokenizer=letters_tokenizer("T5Tokenizer", 512),
    )


def hunyuan_dit() -> Any:
    from diffusers import DDPMScheduler, HunyuanDiT2DModel, HunyuanDiTPipeline
    from transformers import BertConfig, BertModel, BertTokenizer

    words = {
        word: number for number, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS))
    }
    transformer = HunyuanDiT2DModel(
        sample_size=16,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        in_channels=4,
        cross_attention_dim=32,
        cross_attention_dim_t5=32,
        pooled_projection_dim=16,
        hidden_size=24,
        activation_fn="gelu-approximate",
    )
    bert = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    return HunyuanDiTPipeline(
        transformer=transformer.eval(),
        vae=kl(4, blocks=4),
        scheduler=DDPMScheduler(),
        text_encoder=BertModel(bert).eval(),
        tokenizer=BertTokenizer(vocab=words, model_max_length=77),
        text_encoder_2=t5(32),
        tokenizer_2=letters_tokenizer("T5Tokenizer"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )

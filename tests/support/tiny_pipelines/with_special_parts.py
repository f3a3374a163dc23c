"""Tiny pipelines with parts of their own kind: GLM-Image's processor, Kolors' ChatGLM, PRX's T5Gemma encoder,
and Cosmos-Predict2, whose safety checker is a package with gated weights."""

import io
import tempfile
from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    CHAT,
    PLAIN,
    SPECIAL,
    euler,
    kl,
    letters_tokenizer,
    t5,
    tokens_of_bytes,
    wan_kl,
)

GLM_TOKENS = {
    "image_token": "<|image|>",
    "grid_bos_token": "<|grid_bos|>",
    "grid_eos_token": "<|grid_eos|>",
}
_CODES = 64
"""Of GLM-Image's pictures as its first half draws them."""
_NEVER = 511
"""A token that GLM-Image's first half cannot draw: with random weights it would end anywhere."""


def glm_image() -> Any:
    import transformers
    from diffusers import GlmImagePipeline, GlmImageTransformer2DModel

    tokenizer = transformers.Qwen2Tokenizer(
        vocab={token: n for n, token in enumerate([*SPECIAL, *GLM_TOKENS.values(), *tokens_of_bytes()])},
        merges=[],
        unk_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        bos_token="<|im_start|>",
        extra_special_tokens=GLM_TOKENS,
    )
    tokenizer.chat_template = CHAT
    processor = transformers.GlmImageProcessor(
        image_processor=transformers.GlmImageImageProcessor(), tokenizer=tokenizer, chat_template=CHAT
    )
    transformer = GlmImageTransformer2DModel(
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        text_embed_dim=32,
        time_embed_dim=16,
        condition_dim=8,
        prior_vq_quantizer_codebook_size=2 * _CODES,
    )
    return GlmImagePipeline(
        tokenizer=transformers.ByT5Tokenizer(),
        processor=processor,
        text_encoder=t5(32, vocab=384),
        vision_language_encoder=_glm_of_codes(),
        vae=kl(4, blocks=4, latents_mean=[0.0] * 4, latents_std=[1.0] * 4),
        transformer=transformer.eval(),
        scheduler=euler(use_dynamic_shifting=True),
    )


def _glm_of_codes() -> Any:
    from transformers import GlmImageConfig, GlmImageForConditionalGeneration

    sizes = {"hidden_size": 16, "intermediate_size": 16}
    config = GlmImageConfig(
        text_config={
            **sizes,
            "vocab_size": 512,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 4096,
            "pad_token_id": 0,
            "vision_vocab_size": _CODES + 4,
            "eos_token_id": _NEVER,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "partial_rotary_factor": 0.5,
                "mrope_section": [1, 1, 0],
            },
        },
        vision_config={**sizes, "depth": 1, "num_heads": 2, "image_size": 64, "patch_size": 16},
        vq_config={"embed_dim": 8, "num_embeddings": _CODES, "latent_channels": 16},
        image_token_id=len(SPECIAL),
        image_start_token_id=_CODES,
        image_end_token_id=_CODES + 1,
    )
    model = GlmImageForConditionalGeneration(config).eval()
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = _NEVER, 0
    return model


def kolors() -> Any:
    from diffusers import EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
    from diffusers.pipelines.kolors import ChatGLMModel
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig

    config = ChatGLMConfig(
        num_layers=2,
        padded_vocab_size=512,
        hidden_size=16,
        ffn_hidden_size=16,
        kv_channels=8,
        num_attention_heads=2,
        seq_length=64,
        multi_query_attention=True,
        multi_query_group_num=1,
        add_bias_linear=False,
        add_qkv_bias=True,
        rmsnorm=True,
        apply_residual_connection_post_layernorm=False,
        original_rope=True,
    )
    encoder = ChatGLMModel(config).eval()
    # The class leaves its weights as the memory was.
    with torch.no_grad():
        for name, weights in encoder.named_parameters():
            weights.fill_(1.0) if "norm" in name else weights.normal_(0.0, 0.1)
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        use_linear_projection=True,
        cross_attention_dim=16,
        encoder_hid_dim=16,
        encoder_hid_dim_type="text_proj",
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
    )
    return KolorsPipeline(
        vae=kl(4),
        text_encoder=encoder,
        tokenizer=_chatglm_tokenizer(),
        unet=unet.eval(),
        scheduler=EulerDiscreteScheduler(),
    )


def _chatglm_tokenizer() -> Any:
    """Of a sentencepiece model that is trained here, on a few sentences."""
    import sentencepiece
    from diffusers.pipelines.kolors import ChatGLMTokenizer

    texts = ["a red fox near a tall green tree", "two blue cars", "a photo of a big cat", "0 1 2 3 4 5"]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 20),
        model_writer=model,
        vocab_size=60,
        model_type="bpe",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.model"
        path.write_bytes(model.getvalue())
        tokenizer = ChatGLMTokenizer(str(path))

    def save(folder: str, **_: Any) -> tuple[str]:
        """It would copy the file, which is gone."""
        path = Path(folder) / "tokenizer.model"
        path.write_bytes(model.getvalue())
        return (str(path),)

    tokenizer.save_vocabulary = save
    return tokenizer


def prx() -> Any:
    """Saved as published ones are: the encoder alone, with the settings of encoder and decoder."""
    from diffusers import PRXPipeline, PRXTransformer2DModel
    from transformers.models.t5gemma.configuration_t5gemma import T5GemmaConfig, T5GemmaModuleConfig
    from transformers.models.t5gemma.modeling_t5gemma import T5GemmaEncoder

    sizes = {
        "vocab_size": 64,
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 4,
        "max_position_embeddings": 64,
        "layer_types": ["full_attention"],
    }
    config = T5GemmaConfig(encoder=T5GemmaModuleConfig(**sizes), is_encoder_decoder=False, **sizes)
    encoder = T5GemmaEncoder(config.encoder).eval()

    def save(folder: Any, **options: Any) -> None:
        T5GemmaEncoder.save_pretrained(encoder, folder, **options)
        config.save_pretrained(folder)

    encoder.save_pretrained = save
    transformer = PRXTransformer2DModel(
        patch_size=1,
        in_channels=4,
        context_in_dim=8,
        hidden_size=8,
        mlp_ratio=2.0,
        num_heads=2,
        depth=1,
        axes_dim=[2, 2],
    )
    return PRXPipeline(
        transformer=transformer.eval(),
        vae=kl(4, **PLAIN),
        scheduler=euler(),
        text_encoder=encoder,
        tokenizer=letters_tokenizer("GemmaTokenizer", 64),
    )


class Checker(torch.nn.Module):
    """Stands in for the package's: it lets everything pass."""

    device = torch.device("cpu")
    dtype = torch.float32

    def check_text_safety(self, prompt: str) -> bool:
        return True

    def check_video_safety(self, video: Any) -> Any:
        return video


def cosmos2() -> Any:
    from diffusers import Cosmos2TextToImagePipeline, CosmosTransformer3DModel

    transformer = CosmosTransformer3DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        mlp_ratio=2,
        text_embed_dim=32,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
        patch_size=(1, 2, 2),
        rope_scale=(2.0, 1.0, 1.0),
        concat_padding_mask=True,
        extra_pos_embed_type=None,
    )
    return Cosmos2TextToImagePipeline(
        transformer=transformer,
        vae=wan_kl(),
        scheduler=euler(use_karras_sigmas=True),
        text_encoder=t5(32),
        tokenizer=letters_tokenizer("T5Tokenizer", 512),
        safety_checker=Checker(),
    )

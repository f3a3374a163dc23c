"""Parts that tiny pipelines share: tokenizers made here, random text encoders, small VAEs."""

import string
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel

SIZE = 32
"""Side of every picture that a pipeline draws by itself, in pixels."""
LETTERS = string.ascii_lowercase + string.digits
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{{ c['text'] if 'text' in c else '' }}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<think>",
    "</think>",
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[gMASK]",
    "<sop>",
    "<|dit_token_16384|>",
]


def tokens_of_bytes() -> list[str]:
    """A token for each byte."""
    return sorted(ByteLevel.alphabet())


def bytes_tokenizer(cls: str = "Qwen2Tokenizer", length: int = 4096) -> Any:
    """One token a byte, with the special tokens of the chat models."""
    import transformers

    tokens = [*SPECIAL, *tokens_of_bytes()]
    tokenizer = getattr(transformers, cls)(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=[],
        additional_special_tokens=SPECIAL[1:],
        unk_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        model_max_length=length,
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def letters_tokenizer(cls: str, length: int = 256) -> Any:
    import transformers

    if cls == "CLIPTokenizer":
        tokens = [*LETTERS, *(c + "</w>" for c in LETTERS), "<|startoftext|>", "<|endoftext|>"]
        return transformers.CLIPTokenizer(
            vocab={token: number for number, token in enumerate(tokens)}, merges=[], model_max_length=77
        )
    if cls == "T5Tokenizer":
        tokens = ["<pad>", "</s>", "<unk>", "▁", *LETTERS]
        return transformers.T5Tokenizer(
            vocab=[(t, -1.0) for t in tokens], extra_ids=0, model_max_length=length
        )
    if cls == "GemmaTokenizer":
        tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *LETTERS]
        return transformers.GemmaTokenizer(
            vocab={t: n for n, t in enumerate(tokens)}, merges=[], model_max_length=length
        )
    tokens = ["<unk>", "<s>", "</s>", "▁", *LETTERS]
    return transformers.LlamaTokenizer(
        vocab={t: n for n, t in enumerate(tokens)}, merges=[], model_max_length=length, pad_token="</s>"
    )


def clip(projected: bool = True, width: int = 16) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    size = 2 * len(LETTERS) + 2
    config = CLIPTextConfig(
        vocab_size=size,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
        hidden_size=width,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        projection_dim=width,
        max_position_embeddings=128,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def t5(width: int = 32, vocab: int = 64, cls: str = "T5EncoderModel") -> Any:
    import transformers

    config_class = transformers.UMT5Config if cls.startswith("UMT5") else transformers.T5Config
    config = config_class(vocab_size=vocab, d_model=width, d_kv=8, d_ff=16, num_heads=2, num_layers=1)
    return getattr(transformers, cls)(config).eval()


def qwen25vl(width: int = 16) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": width,
            "intermediate_size": 16,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vocab_size": 512,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "pad_token_id": 0,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [width // 16, width // 16, width // 8],
            },
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": width,
        },
        vision_start_token_id=3,
        vision_end_token_id=4,
        image_token_id=5,
        video_token_id=6,
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def qwen3(cls: str = "Qwen3Model", width: int = 16, layers: int = 2, **more: Any) -> Any:
    import transformers

    config = transformers.Qwen3Config(
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        vocab_size=512,
        max_position_embeddings=4096,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        **more,
    )
    return getattr(transformers, cls)(config).eval()


def qwen3vl(cls: str = "Qwen3VLForConditionalGeneration", width: int = 16, layers: int = 2) -> Any:
    import transformers

    config = transformers.Qwen3VLConfig(
        text_config={
            "hidden_size": width,
            "intermediate_size": 16,
            "num_hidden_layers": layers,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "vocab_size": 512,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "pad_token_id": 0,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": width,
            "deepstack_visual_indexes": [0],
        },
        vision_start_token_id=3,
        vision_end_token_id=4,
        image_token_id=5,
        video_token_id=6,
    )
    return getattr(transformers, cls)(config).eval()


def qwen_vl_processor(kind: str = "Qwen2_5_VLProcessor") -> Any:
    import transformers

    video = (
        transformers.Qwen3VLVideoProcessor if kind.startswith("Qwen3") else transformers.Qwen2VLVideoProcessor
    )()
    return getattr(transformers, kind)(
        image_processor=transformers.Qwen2VLImageProcessor(),
        tokenizer=bytes_tokenizer(),
        video_processor=video,
        chat_template=CHAT,
    )


def gemma2(width: int = 16) -> Any:
    from transformers import Gemma2Config, Gemma2Model

    return Gemma2Model(
        Gemma2Config(
            vocab_size=64,
            hidden_size=width,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
    ).eval()


def kl(channels: int = 4, blocks: int = 2, **config: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8,) * blocks,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        latent_channels=channels,
        norm_num_groups=2,
        sample_size=SIZE,
        **config,
    ).eval()


def dc_ae() -> Any:
    from diffusers import AutoencoderDC

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
    return AutoencoderDC(latent_channels=4, attention_head_dim=4, scaling_factor=0.41, **blocks).eval()


PLAIN = {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.06}


def flux2_kl(channels: int = 4) -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=2,
        sample_size=32,
    ).eval()


def qwen_kl(z: int = 4) -> Any:
    from diffusers import AutoencoderKLQwenImage

    return AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=z,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.0] * z,
        latents_std=[1.0] * z,
    ).eval()


def wan_kl() -> Any:
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    ).eval()


def heeding(network: Any) -> Any:
    """`network` with larger weights: at its own, what it reads would change no pixel."""
    torch.manual_seed(1)
    for weight in network.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return network


def euler(**config: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**config)

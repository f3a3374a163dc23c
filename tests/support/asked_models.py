"""Tiny image-text models of transformers with random weights."""

import string
from pathlib import Path
from typing import Any

import pytest

from tests.support import llava as support
from tests.support.llava import IMAGE_MARK, TEMPLATE, apart, fast_tokenizer

QWEN_MARKS = tuple(
    f"<|{name}|>" for name in ("image_pad", "video_pad", "vision_start", "vision_end", "im_start", "im_end")
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>user {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)
WORDS = [
    *("Yes", "yes", "No", "no", "USER", "ASSISTANT", "Does", "this", "figure", "show", "Please", "answer"),
    *("or", "a", "cat", "dog", "red", "old", "rain"),
]


def tokenizer(*marks: str, **named: str) -> Any:
    """Words of the question, single characters, and special tokens, some `named` for a processor."""
    from tokenizers import pre_tokenizers

    characters = [*string.ascii_letters, *string.digits, *string.punctuation]
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    return fast_tokenizer([*WORDS, *(c for c in characters if c not in WORDS)], split, *marks, **named)


def answering(network: Any, words: Any) -> None:
    """Make a network as drawn one whose images look different to it and that answers yes or no."""
    import torch

    with torch.no_grad():
        apart(network)
        head = network.lm_head.weight
        answers = words.convert_tokens_to_ids(["Yes", "No", "yes", "no"])
        keep = head[answers].clone() * 2
        head.mul_(0.05)
        head[answers] = keep


def save_llava(folder: Path, positions: int = 256, template: str | None = TEMPLATE) -> Path:
    """A LLaVA that answers yes or no and is not sure which."""
    words = tokenizer(IMAGE_MARK, image_token=IMAGE_MARK)
    return support.save_llava(
        folder, words, lambda network: answering(network, words), positions=positions, template=template
    )


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("models") / "tiny-llava")


def save_qwen(folder: Path) -> Path:
    """A Qwen2-VL, which turns images of different sizes into different numbers of tokens."""
    import torch
    import transformers

    words = tokenizer(*QWEN_MARKS, image_token=QWEN_MARKS[0], video_token=QWEN_MARKS[1])
    image, video, start, end = words.convert_tokens_to_ids(QWEN_MARKS[:4])
    config = transformers.Qwen2VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 256,
            "rope_parameters": {
                "rope_type": "default",
                "mrope_section": [2, 3, 3],
                "rope_theta": 10000.0,
            },
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2},
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    torch.manual_seed(4)
    network = transformers.Qwen2VLForConditionalGeneration(config).eval()
    answering(network, words)
    network.save_pretrained(folder)
    transformers.Qwen2VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(
            size={"shortest_edge": 28 * 28 * 4, "longest_edge": 28 * 28 * 16}
        ),
        tokenizer=words,
        video_processor=transformers.Qwen2VLVideoProcessor(),
        chat_template=QWEN_TEMPLATE,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def qwen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_qwen(tmp_path_factory.mktemp("models") / "tiny-qwen")

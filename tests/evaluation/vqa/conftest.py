"""Tiny image-text models of transformers with random weights."""

import string
from pathlib import Path
from typing import Any

import pytest

IMAGE_MARK = "<image>"
TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
WORDS = [
    *("Yes", "yes", "No", "no", "USER", "ASSISTANT", "Does", "this", "figure", "show", "Please", "answer"),
    *("or", "a", "cat", "dog", "red", "old", "rain"),
]


def tokenizer() -> Any:
    """Words of the question and single characters; everything can be written."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    characters = [*string.ascii_letters, *string.digits, *string.punctuation]
    tokens = ["<pad>", "<s>", "</s>", "<unk>", IMAGE_MARK, *WORDS, *(c for c in characters if c not in WORDS)]
    built = Tokenizer(models.WordLevel({token: n for n, token in enumerate(tokens)}, unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=built,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": IMAGE_MARK},
    )


def save_llava(folder: Path, positions: int = 256, template: str | None = TEMPLATE) -> Path:
    """A LLaVA that answers yes or no and is not sure which."""
    import torch
    import transformers

    words = tokenizer()
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=16,
        ),
        text_config=transformers.LlamaConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=positions,
            tie_word_embeddings=False,
        ),
        image_token_index=words.convert_tokens_to_ids(IMAGE_MARK),
        vision_feature_layer=-1,
        image_seq_length=4,
    )
    torch.manual_seed(11)
    network = transformers.LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(10)  # as drawn, every image would look alike
        head = network.lm_head.weight
        # All other tokens answer nothing: P(Yes) and P(No) share nearly everything.
        answers = words.convert_tokens_to_ids(["Yes", "No", "yes", "no"])
        keep = head[answers].clone() * 2
        head.mul_(0.05)
        head[answers] = keep
    network.save_pretrained(folder)
    transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
        tokenizer=words,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("models") / "tiny-llava")

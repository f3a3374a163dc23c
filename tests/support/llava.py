"""A LLaVA of the library's own classes, tiny and with random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

IMAGE_MARK = "<image>"
TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def fast_tokenizer(tokens: list[str], split: Any, *marks: str, **named: str) -> Any:
    """Words, split by a pre-tokenizer; special `marks` among them, some `named` for a processor."""
    import transformers
    from tokenizers import Tokenizer, models

    known = ["<pad>", "<s>", "</s>", "<unk>", *marks, *tokens]
    built = Tokenizer(models.WordLevel({token: n for n, token in enumerate(known)}, unk_token="<unk>"))
    built.pre_tokenizer = split
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=built,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=list(marks),
        extra_special_tokens=named,
    )


def save_llava(
    folder: Path,
    words: Any,
    change: Callable[[Any], None],
    *,
    positions: int = 256,
    template: str | None = TEMPLATE,
) -> Path:
    """Save it with the tokenizer `words`; `change(network)` sets what it is to say."""
    import torch
    import transformers

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
        change(network)
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


def apart(network: Any) -> None:
    """Let inputs that differ look different to a network of random weights."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.mul_(10)

"""The two text encoders: mCLIP for one vector a prompt, mT5 for one vector a token."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import (
    BatchEncoding,
    BertConfig,
    BertModel,
    BertTokenizer,
    MT5EncoderModel,
    PreTrainedModel,  # noqa: F401  diffusers looks in a component's module for the base class that loads it
    T5Tokenizer,
)

POOLED_TOKENS = 77
SEQUENCE_TOKENS = 256


class BertTextEncoder(BertModel):
    """A BERT encoder without the pooling layer, which mCLIP's checkpoint does not have."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, add_pooling_layer=False)


def encode_pooled(
    prompts: Sequence[str],
    tokenizer: BertTokenizer,
    encoder: BertTextEncoder,
    device: torch.device,
    length: int = POOLED_TOKENS,
) -> Tensor:
    """The first token of the last hidden state: (prompts, width). Longer prompts are cut to `length`."""
    tokens = tokenize(prompts, tokenizer, length).to(device)
    states = encoder(tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state
    return states[:, 0]


def encode_sequence(
    prompts: Sequence[str],
    tokenizer: T5Tokenizer,
    encoder: MT5EncoderModel,
    device: torch.device,
    length: int = SEQUENCE_TOKENS,
) -> Tensor:
    """The last hidden state: (prompts, length, width). The padding is attended to, as in the release."""
    tokens = tokenize(prompts, tokenizer, length).to(device)
    return encoder(tokens.input_ids).last_hidden_state


def tokenize(prompts: Sequence[str], tokenizer: BertTokenizer | T5Tokenizer, length: int) -> BatchEncoding:
    """Ids and masks, (prompts, length) each: padded, and cut where a prompt is longer."""
    return tokenizer(
        list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )

"""A small network with the interface of CogVLM2's published code, and with its habits.

Two experts in every layer, by token type; an image's tokens share one position; images come as [[tensor]] and
count only where there is no cache; the cache is a tuple of (keys, values); `_init_weights` writes in place;
a plain PreTrainedModel, which transformers' `generate` does not know.
"""

import torch
from torch import nn
from torchvision import transforms
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_tiny import TinyConfig

LANGUAGE, VISION = 0, 1


def position_ids_of(token_type_ids, attention_mask):
    """Text counts on; the inner tokens of an image all have the position of the first one."""
    types = token_type_ids.clone()
    if attention_mask is not None:
        types[~attention_mask.bool()] = -1
    edge = torch.zeros_like(types, dtype=torch.bool)
    edge[:, 1:] |= (types[:, 1:] == VISION) & (types[:, :-1] == LANGUAGE)
    edge[:, :-1] |= (types[:, :-1] == VISION) & (types[:, 1:] == LANGUAGE)
    types[edge] = LANGUAGE
    steps = torch.zeros_like(types)
    steps[:, 1:] = (types[:, 1:] == LANGUAGE) | (types[:, :-1] == LANGUAGE)
    return steps.cumsum(dim=-1)


class Experts(nn.Module):
    def __init__(self, size_in, size_out):
        super().__init__()
        self.language = nn.Linear(size_in, size_out, bias=False)
        self.vision = nn.Linear(size_in, size_out, bias=False)

    def forward(self, hidden, is_vision):
        return torch.where(is_vision[..., None], self.vision(hidden), self.language(hidden))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config.hidden_size
        self.heads = config.num_attention_heads
        self.norm = nn.RMSNorm(size)
        self.query_key_value = Experts(size, 3 * size)
        self.dense = Experts(size, size)
        frequencies = 100.0 ** -torch.linspace(0, 1, size // self.heads // 2)
        self.register_buffer("inv_freq", frequencies)
        self.register_buffer("signs", torch.tensor([-1.0, 1.0]), persistent=False)

    def forward(self, hidden, is_vision, positions, past):
        batch, length, size = hidden.shape
        mixed = self.query_key_value(self.norm(hidden), is_vision)
        query, key, value = (
            part.view(batch, length, self.heads, -1).transpose(1, 2) for part in mixed.chunk(3, dim=-1)
        )
        query, key = self.rotated(query, positions), self.rotated(key, positions)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        out = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        joined = out.transpose(1, 2).reshape(batch, length, size)
        return hidden + self.dense(joined, is_vision), (key, value)

    def rotated(self, x, positions):
        angles = positions[:, None, :, None] * self.inv_freq
        first, second = x.chunk(2, dim=-1)
        cos, sin = angles.cos(), angles.sin()
        turned = (first * cos + self.signs[0] * second * sin, second * cos + self.signs[1] * first * sin)
        return torch.cat(turned, dim=-1)


class TinyForCausalLM(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        size, patch = config.hidden_size, config.vision_config["patch_size"]
        self.embed_tokens = nn.Embedding(config.vocab_size, size)
        self.patches = nn.Conv2d(3, size, patch, stride=patch)
        self.pool = nn.AvgPool2d(2)
        self.begin = nn.Parameter(torch.zeros(1, 1, size))
        self.end = nn.Parameter(torch.zeros(1, 1, size))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(size)
        self.lm_head = nn.Linear(size, config.vocab_size, bias=False)
        self.post_init()

    def _init_weights(self, module):
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv2d):
            module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)

    def forward(
        self,
        input_ids=None,
        images=None,
        token_type_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        use_cache=None,
        return_dict=None,
    ):
        hidden = self.embed_tokens(input_ids)
        if past_key_values is None:
            assert len(images) == len(input_ids) and len(images[0]) == 1
            hidden = hidden.clone()
            hidden[token_type_ids == VISION] = self.seen(images[0][0]).to(hidden.dtype)
            assert position_ids is not None
        is_vision = torch.zeros_like(token_type_ids, dtype=torch.bool)
        is_vision[:, :-1] = (token_type_ids[:, :-1] == VISION) & (token_type_ids[:, 1:] == VISION)
        cache = ()
        for index, layer in enumerate(self.layers):
            past = None if past_key_values is None else past_key_values[index]
            hidden, pair = layer(hidden, is_vision, position_ids, past)
            cache += (pair,)
        logits = self.lm_head(self.norm(hidden)).float()
        return CausalLMOutputWithPast(logits=logits, past_key_values=cache if use_cache else None)

    def seen(self, image):
        features = self.pool(self.patches(image[None])).flatten(2).transpose(1, 2)
        return torch.cat([self.begin, features, self.end], dim=1)[0]

    def prepare_inputs_for_generation(
        self, input_ids, token_type_ids, images=None, past_key_values=None, attention_mask=None, **kwargs
    ):
        position_ids = kwargs.get("position_ids")
        if position_ids is None:
            position_ids = position_ids_of(token_type_ids, attention_mask)
        if past_key_values:
            input_ids, token_type_ids = input_ids[:, -1:], token_type_ids[:, -1:]
            position_ids = position_ids[:, -1:]
        return {
            "input_ids": input_ids,
            "token_type_ids": token_type_ids,
            "images": images,
            "position_ids": position_ids,
            "past_key_values": past_key_values,
            "use_cache": kwargs.get("use_cache"),
            "attention_mask": attention_mask,
        }

    def build_conversation_input_ids(
        self, tokenizer, *, query, history=None, images=None, template_version=None
    ):
        assert (template_version or self.config.template_version) == "chat" and not history
        side, patch = (self.config.vision_config[name] for name in ("image_size", "patch_size"))
        transform = transforms.Compose(
            [
                transforms.Resize((side, side), interpolation=transforms.InterpolationMode.BICUBIC),
                transforms.ToTensor(),
                transforms.Normalize((0.48, 0.46, 0.41), (0.27, 0.26, 0.28)),
            ]
        )
        seen = (side // patch // 2) ** 2 + 2
        text = tokenizer.encode(f"Question: {query} Answer:", add_special_tokens=False)
        ids = [tokenizer.bos_token_id] + [tokenizer.pad_token_id] * seen + text
        types = [LANGUAGE] + [VISION] * seen + [LANGUAGE] * len(text)
        return {
            "input_ids": torch.tensor(ids),
            "token_type_ids": torch.tensor(types),
            "attention_mask": torch.ones(len(ids), dtype=torch.long),
            "images": [transform(image) for image in images],
        }

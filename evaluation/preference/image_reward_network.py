"""ImageReward's network: BLIP's image encoder and text encoder, of transformers, and linear layers on top."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms
from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.preference.linear_layers import linear_layers
from nami_bench.neural.loading import loading
from nami_bench.neural.pretrained import load_network, read_pickled

_HEAD_WIDTH = 64  # of BERT and of every ViT that BLIP comes with
_PIXEL_MEAN, _PIXEL_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

# The checkpoint's names of the image encoder's tensors, which are timm's, and transformers'.
_VISION_NAMES = (
    (r"^cls_token$", "embeddings.class_embedding"),
    (r"^pos_embed$", "embeddings.position_embedding"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embedding."),
    (r"^norm\.", "post_layernorm."),
    (r"^blocks\.(\d+)\.norm([12])\.", r"encoder.layers.\1.layer_norm\2."),
    (r"^blocks\.(\d+)\.attn\.qkv\.", r"encoder.layers.\1.self_attn.qkv."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layers.\1.self_attn.projection."),
    (r"^blocks\.(\d+)\.mlp\.", r"encoder.layers.\1.mlp."),
)
State = Mapping[str, torch.Tensor]


class RewardNetwork(nn.Module):
    """Gives rewards for images that it has seen and texts that stand beside them."""

    def __init__(self, vision: Any, text: Any, head: nn.Module) -> None:
        """`vision` is a BlipVisionModel, `text` a BlipTextModel with cross-attention."""
        super().__init__()
        self.vision, self.text, self.head = vision, text, head

    def see(self, images: Sequence[Image]) -> torch.Tensor:
        """Features (n, patches + 1, width) of 8-bit RGB images of any size."""
        size = self.vision.config.image_size
        pixels = torch.stack([_pixels(image, size) for image in images])
        seen: torch.Tensor = self.vision(pixel_values=pixels.to(self._device)).last_hidden_state
        return seen

    def forward(self, seen: torch.Tensor, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Rewards (n,), as the network gives them, of features (n, ...) and token ids with their marks."""
        longest = max(map(len, texts))
        ids = torch.zeros(len(texts), longest, dtype=torch.long)
        mask = torch.zeros(len(texts), longest, dtype=torch.long)
        for row, tokens in enumerate(texts):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        read = self.text(
            input_ids=ids.to(self._device),
            attention_mask=mask.to(self._device),
            encoder_hidden_states=seen,
            is_decoder=False,
        )
        rewards: torch.Tensor = self.head(read.last_hidden_state[:, 0])[:, 0]
        return rewards

    @property
    def _device(self) -> torch.device:
        return next(self.head.parameters()).device


def load_reward_network(file: Path) -> RewardNetwork:
    """The network in float32 on the CPU, of the authors' checkpoint; sizes follow from its tensors.

    Nothing in the file is run. Raises InputError where it is unreadable, or a tensor lacks or does not fit.
    """
    try:
        with loading(file):
            state = read_pickled(file)
        vision = _stripped(state, "blip.visual_encoder.")
        text = _stripped(state, "blip.text_encoder.")
        named = {_renamed(name): tensor for name, tensor in vision.items()}
        network = RewardNetwork(
            load_network(BlipVisionModel, file, config=_vision_config(vision), state_dict=named),
            load_network(
                BlipTextModel,
                file,
                config=_text_config(text, vision),
                state_dict=text,
                add_pooling_layer=False,
            ),
            linear_layers(_stripped(state, "mlp.layers.")),
        )
    except InputError:
        raise
    except Exception as error:  # a foreign file makes the unpickler raise anything
        reason = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"{file} holds no ImageReward weights: {reason}") from error
    return network.eval().requires_grad_(False)


def _vision_config(state: State) -> BlipVisionConfig:
    patches, width = state["pos_embed"].shape[1] - 1, state["pos_embed"].shape[2]
    patch_size = state["patch_embed.proj.weight"].shape[-1]
    return BlipVisionConfig(
        hidden_size=width,
        intermediate_size=state["blocks.0.mlp.fc1.weight"].shape[0],
        num_hidden_layers=_count(state, r"blocks\.(\d+)\."),
        num_attention_heads=width // _HEAD_WIDTH,
        image_size=round(patches**0.5) * patch_size,
        patch_size=patch_size,
        layer_norm_eps=1e-6,  # timm's; transformers' own default is another
    )


def _text_config(state: State, vision: State) -> BlipTextConfig:
    vocabulary, width = state["embeddings.word_embeddings.weight"].shape
    return BlipTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        encoder_hidden_size=vision["pos_embed"].shape[2],
        intermediate_size=state["encoder.layer.0.intermediate.dense.weight"].shape[0],
        num_hidden_layers=_count(state, r"encoder\.layer\.(\d+)\."),
        num_attention_heads=width // _HEAD_WIDTH,
        max_position_embeddings=state["embeddings.position_embeddings.weight"].shape[0],
        bos_token_id=None,
        sep_token_id=None,
        is_decoder=True,  # what gives it cross-attention; it is called as an encoder
    )


def _stripped(state: State, prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _renamed(name: str) -> str:
    for pattern, replacement in _VISION_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _count(state: State, pattern: str) -> int:
    return 1 + max(int(match[1]) for name in state if (match := re.match(pattern, name)))


def _pixels(image: Image, size: int) -> torch.Tensor:
    """(3, size, size): the shorter side resized, the middle cut out."""
    resized = transforms.resize(image, [size], InterpolationMode.BICUBIC)
    pixels = transforms.to_tensor(transforms.center_crop(resized, [size]))
    found: torch.Tensor = transforms.normalize(pixels, _PIXEL_MEAN, _PIXEL_STD)
    return found

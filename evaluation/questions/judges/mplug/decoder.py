"""The decoder: says the next token of an answer, given image and question.

Modules carry the names that they have in the checkpoint.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nami_bench.evaluation.questions.judges.mplug.bert import (
    Attention,
    Embeddings,
    KeysValues,
    Layer,
    Layers,
    additive_mask,
)
from nami_bench.evaluation.questions.judges.mplug.configuration import TextConfig


@dataclass(slots=True)
class Memory:
    """What the decoder attends to, layer by layer: image and question, and what it said itself so far.

    `seen` is there once for each of n questions, `said` for each of their n x beams answers.
    """

    seen: Sequence[KeysValues]
    mask: Tensor
    said: list[KeysValues] = field(default_factory=list)

    def reorder(self, rows: Tensor) -> None:
        """Keep of what was said the answers `rows` (n x beams), some of them twice."""
        self.said = [(keys[rows], values[rows]) for keys, values in self.said]

    def extend(self, layer: int, new: KeysValues) -> KeysValues:
        """Add one token's to what a layer said; all that it said."""
        if layer == len(self.said):
            self.said.append(new)
        else:
            keys, values = self.said[layer]
            self.said[layer] = torch.cat([keys, new[0]], dim=2), torch.cat([values, new[1]], dim=2)
        return self.said[layer]


class Decoder(nn.Module):
    """`text_decoder` of the checkpoint."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.bert = Body(config)
        self.cls = Head(config)
        self.tie()

    def tie(self) -> None:
        """Make one tensor of each two that the checkpoint has under two names."""
        predictions = self.cls.predictions
        predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight
        predictions.bias = predictions.decoder.bias

    def remember(self, image: Tensor, text: Tensor, mask: Tensor) -> Memory:
        """Of n questions (n, t, width), their mask (n, t), and the image (1 or n, tokens, width)."""
        seen = [_joined(layer.crossattention, image, text) for layer in self.bert.encoder]
        all_of_image = mask.new_ones(len(text), image.shape[1])
        both = torch.cat([all_of_image, mask], dim=1)
        return Memory(seen, additive_mask(both, torch.finfo(text.dtype).min))

    def forward(self, tokens: Tensor, place: int, memory: Memory) -> Tensor:
        """Of the answers' last tokens (n x beams), which stand at `place`: the logits (n x beams, words)."""
        states = self.bert.embeddings(tokens[:, None], place)
        for number, (layer, seen) in enumerate(zip(self.bert.encoder, memory.seen, strict=True)):
            said = memory.extend(number, layer.attention.keys_values(states))
            states = layer(states, None, said, seen, memory.mask)
        logits: Tensor = self.cls.predictions(states[:, 0])
        return logits


class Body(nn.Module):
    """Embeddings and layers."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Layers({n: Layer(config, crosses=True) for n in range(config.text_decode_layers)})


class Head(nn.Module):
    """What stands on top of them."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.predictions = Predictions(config)


class Predictions(nn.Module):
    """From states to logits."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.transform = nn.Sequential(
            OrderedDict(
                dense=nn.Linear(width, width),
                gelu=nn.GELU(),
                LayerNorm=nn.LayerNorm(width, config.layer_norm_eps),
            )
        )
        self.decoder = nn.Linear(width, config.vocab_size)
        self.bias = self.decoder.bias

    def forward(self, states: Tensor) -> Tensor:
        """(n, width) to (n, words)."""
        logits: Tensor = self.decoder(self.transform(states))
        return logits


def _joined(attention: Attention, image: Tensor, text: Tensor) -> KeysValues:
    """Keys and values of image and text as one sequence; those of an image that many share are made once."""
    pairs = zip(attention.keys_values(image), attention.keys_values(text), strict=True)
    keys, values = (torch.cat([of.expand(len(text), -1, -1, -1), to], dim=2) for of, to in pairs)
    return keys, values

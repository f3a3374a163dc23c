"""Parts of BERT (Devlin et al., 2019) that text encoder, fusion and decoder are made of.

Modules carry the names that they have in the checkpoint, hence the capitals and the attribute `self`.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from nami_bench.evaluation.questions.judges.mplug.configuration import TextConfig

KeysValues = tuple[Tensor, Tensor]
"""What can be attended to, each (n, heads, tokens, width / heads)."""


class Embeddings(nn.Module):
    """Words, their places, and the one kind of text that there is."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, config.layer_norm_eps)

    def forward(self, ids: Tensor, first: int = 0) -> Tensor:
        """Of tokens (n, t), the leftmost of which stand at the place `first`: (n, t, width)."""
        places = self.position_embeddings.weight[first : first + ids.shape[1]]
        embedded: Tensor = self.LayerNorm(
            self.word_embeddings(ids) + self.token_type_embeddings.weight[0] + places
        )
        return embedded


class Projections(nn.Module):
    """To queries, keys and values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)


class Output(nn.Module):
    """How a sublayer ends: projection, residual, LayerNorm."""

    def __init__(self, inner: int, config: TextConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, changed: Tensor, before: Tensor) -> Tensor:
        """(..., inner) and (..., width) to (..., width)."""
        normed: Tensor = self.LayerNorm(self.dense(changed) + before)
        return normed


class Attention(nn.Module):
    """Attention to whatever keys and values it is given."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.self = Projections(config.hidden_size)
        self.output = Output(config.hidden_size, config)

    def keys_values(self, states: Tensor) -> KeysValues:
        """Of states (n, tokens, width)."""
        return self._split(self.self.key(states)), self._split(self.self.value(states))

    def forward(self, states: Tensor, seen: KeysValues, mask: Tensor | None = None) -> Tensor:
        """(n, t, width) both ways; `mask` is added to the scores, (m, 1, 1, tokens).

        `seen` may be of fewer: of its m, each is for n / m consecutive states, and is not copied for them.
        """
        queries = self.self.query(states).reshape(len(seen[0]), -1, states.shape[-1])
        found = functional.scaled_dot_product_attention(self._split(queries), *seen, attn_mask=mask)
        changed: Tensor = self.output(found.transpose(1, 2).reshape(states.shape), states)
        return changed

    def _split(self, states: Tensor) -> Tensor:
        """(n, tokens, width) to (n, heads, tokens, width / heads)."""
        return states.reshape(*states.shape[:2], self.heads, -1).transpose(1, 2)


class Layer(nn.Module):
    """Self-attention, cross-attention where `crosses`, feed-forward part; LayerNorms stand behind each."""

    def __init__(self, config: TextConfig, crosses: bool = False) -> None:
        super().__init__()
        self.attention = Attention(config)
        if crosses:
            self.crossattention = Attention(config)
        dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.intermediate = nn.Sequential(OrderedDict(dense=dense, gelu=nn.GELU()))
        self.output = Output(config.intermediate_size, config)

    def forward(
        self,
        states: Tensor,
        mask: Tensor | None,
        own: KeysValues | None = None,
        seen: KeysValues | None = None,
        seen_mask: Tensor | None = None,
    ) -> Tensor:
        """(n, t, width) both ways. Attends to `own`, else to the states themselves, then to `seen`."""
        states = self.attention(states, own or self.attention.keys_values(states), mask)
        if seen is not None:
            states = self.crossattention(states, seen, seen_mask)
        changed: Tensor = self.output(self.intermediate(states), states)
        return changed


class Layers(nn.Module):
    """Layers under their numbers in the checkpoint, in order."""

    def __init__(self, layers: dict[int, Layer]) -> None:
        super().__init__()
        self.layer = nn.ModuleDict({str(number): layer for number, layer in layers.items()})

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layer.values())


def additive_mask(mask: Tensor, lowest: float = -10_000.0) -> Tensor:
    """What is added to scores, (n, 1, 1, tokens): `lowest` where `mask`, integers (n, tokens), is 0."""
    return ((1 - mask) * lowest)[:, None, None]

"""HPSv3's network: transformers' Qwen2-VL and, at the reward token, a head that gives two numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from transformers import Qwen2VLConfig, Qwen2VLModel

from nami_bench.errors import InputError, one_line
from nami_bench.neural.pretrained import load_network, pretrained, read_tensors

Positions = Literal["1d", "3d"]
State = Mapping[str, torch.Tensor]

_HEAD = "rm_head."
_UNUSED = "lm_head.weight"
_TOWERS = (("visual.", "visual."), ("model.", "language_model."))
"""How the checkpoint's names begin, which are transformers 4.45's, and how today's do."""


class Hpsv3Network(nn.Module):
    """Gives (mu, log of the standard deviation) of what a processor made of images and their texts."""

    def __init__(self, decoder: Any, head: nn.Module, positions: Positions) -> None:
        """`decoder` is a Qwen2VLModel; the head computes in float32."""
        super().__init__()
        self.decoder, self.head = decoder, head
        self._positions = positions

    @torch.inference_mode()
    def forward(self, inputs: Mapping[str, torch.Tensor], places: torch.Tensor) -> torch.Tensor:
        """(n, 2), float32, of `inputs` padded on the right; `places` (n,): where each reward token is.

        The published code counts all tokens one after another, an image's as well. transformers' own default,
        since 4.46, is to count an image's in three dimensions: `positions` "3d".
        """
        device = self.head[0].weight.device  # type: ignore[index]
        given = {name: value.to(device) for name, value in inputs.items()}
        if self._positions == "1d":
            rows, length = given["input_ids"].shape
            given["position_ids"] = torch.arange(length, device=device).expand(3, rows, length)
        seen = self.decoder(**given, use_cache=False).last_hidden_state
        at_reward = seen[torch.arange(len(places), device=device), places.to(device)]
        found: torch.Tensor = self.head(at_reward.float())
        return found


def load_hpsv3(file: Path, processor: Path, tokens: int, dtype: torch.dtype, positions: Positions) -> Any:
    """An `Hpsv3Network` on the CPU, of the authors' checkpoint and the folder that has its config.json.

    `tokens`: how many the tokenizer has, the reward token among them. Raises InputError where a tensor is
    lacking, is one too many, or does not fit.
    """
    try:
        state = read_tensors(file)
        decoder = _decoder(file, processor, state, tokens, dtype)
        network = Hpsv3Network(decoder, _head(state), positions)
    except InputError:
        raise
    except Exception as error:  # whatever a foreign file's values lead to
        reason = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"{file} holds no HPSv3 weights: {reason}") from error
    return network.eval().requires_grad_(False)


def _decoder(file: Path, processor: Path, state: State, tokens: int, dtype: torch.dtype) -> Any:
    config = pretrained(Qwen2VLConfig, processor)
    rows = len(state["model.embed_tokens.weight"])
    if rows != tokens:
        raise InputError(f"{file} knows {rows} tokens and the tokenizer in {processor} {tokens}")
    config.text_config.vocab_size = rows
    named = {_renamed(name, file): tensor for name, tensor in state.items() if not _apart(name)}
    decoder = load_network(
        Qwen2VLModel, file, dtype=dtype, config=config, state_dict=named, attn_implementation="sdpa"
    )
    if strange := sorted(named.keys() - decoder.state_dict().keys()):
        raise InputError(f"{file} holds {strange[0]}, which the network of {processor} does not have")
    return decoder


def _apart(name: str) -> bool:
    return name == _UNUSED or name.startswith(_HEAD)


def _renamed(name: str, file: Path) -> str:
    for theirs, ours in _TOWERS:
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    raise InputError(f"{file} holds {name}, which HPSv3 does not have")


def _head(state: State) -> nn.Module:
    """Its layers as they are numbered in the file; between them stood dropout, which does nothing here."""
    width = state[f"{_HEAD}0.weight"].shape[1]
    head = nn.Sequential(
        *(nn.Linear(width, 1024), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(1024, 16), nn.ReLU(), nn.Linear(16, 2)),
    )
    head.load_state_dict({n.removeprefix(_HEAD): t.float() for n, t in state.items() if n.startswith(_HEAD)})
    return head

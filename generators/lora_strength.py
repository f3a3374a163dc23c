"""How strong a LoRA is: the alpha that it was trained with, read from its file or asked for, never guessed.

A layer adds alpha / rank times the product of its two matrices. Without an alpha diffusers takes
alpha = rank, which leaves an eighth of a LoRA of rank 2 and alpha 16; and some pipelines do not read an alpha
that is there.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from nami_bench.errors import InputError

Alpha = float | Literal["rank"] | None
"""What was asked for; None: the file must say it."""

ASKED = "lora_alpha"
"""Where the alpha came from, in `ScaledLora.sources`, if it was asked for."""

_UP = (
    ".lora_B.weight",
    ".lora_up.weight",
    ".lora.up.weight",
    "_lora.up.weight",
    ".lora_linear_layer.up.weight",
)
_NOT_READ = {
    ".hada_w1_a": "LyCORIS' LoHa, which diffusers does not read",
    ".dora_scale": "DoRA's magnitudes as dora_scale, which diffusers leaves out",
}
_METADATA = "lora_adapter_metadata"  # diffusers.loaders.lora_base.LORA_ADAPTER_METADATA_KEY
_KOHYA_ALPHA = "ss_network_alpha"


@dataclass(frozen=True, slots=True)
class ScaledLora:
    """A LoRA's matrices, right at alpha = rank, which is how every pipeline of diffusers takes them.

    `strengths` are the layers' alpha / rank, `sources` where alpha was found.
    """

    tensors: dict[str, torch.Tensor]
    strengths: frozenset[float]
    sources: frozenset[str]

    def __str__(self) -> str:
        """For the record: "alpha / rank 0.5 to 8 (the file's alpha keys)"."""
        if not self.strengths:
            return "as diffusers reads it"
        ends = sorted({min(self.strengths), max(self.strengths)})
        return f"alpha / rank {' to '.join(f'{end:g}' for end in ends)} ({', '.join(sorted(self.sources))})"


def read_alpha(text: str | None) -> Alpha:
    """The option's value: a number above 0 or the word "rank"; raises InputError."""
    if text is None:
        return None
    if text == "rank":
        return "rank"
    try:
        alpha = float(text)
    except ValueError:
        alpha = math.nan
    if not 0 < alpha < math.inf:
        raise InputError(f"lora_alpha {text!r} is neither a number above 0 nor the word rank")
    return alpha


def says_its_alphas(file: Path) -> bool:
    """Whether diffusers' metadata in the file says each layer's alpha; raises InputError for other files."""
    return _METADATA in _metadata(file)


def scaled_to_rank(file: Path, asked: Alpha, components: Collection[str]) -> ScaledLora:
    """The LoRA of a file without diffusers' metadata, its alpha worked into its matrices.

    `components`: the pipeline's, whose names keys of diffusers' own form begin with. Raises InputError where
    neither the file nor `asked` says alpha, or where a part of it would be left out in silence.
    """
    metadata, tensors = _metadata(file), load_file(file)
    for end, what in _NOT_READ.items():
        if any(key.endswith(end) for key in tensors):
            raise InputError(f"the LoRA {file} holds {what}: merge it into the model where it was trained")
    strengths, sources = set(), set()
    for base, up in list(_layers(tensors)):
        rank = tensors[up].shape[1]
        own = tensors.pop(f"{base}.alpha", None)
        alpha, source = _alpha(None if own is None else float(own), metadata, asked, rank, file)
        strengths.add(alpha / rank)
        sources.add(source)
        tensors[up] = (tensors[up].float() * (alpha / rank)).to(tensors[up].dtype)
        # Other forms than diffusers' own are rewritten by it, and some of its rewriters need the key.
        if base.partition(".")[0] not in components and (own is not None or ".lora_B" not in up):
            tensors[f"{base}.alpha"] = torch.tensor(float(rank))
    return ScaledLora(tensors, frozenset(strengths), frozenset(sources))


def _alpha(
    own: float | None, metadata: Mapping[str, str], asked: Alpha, rank: int, file: Path
) -> tuple[float, str]:
    """A layer's alpha, and where it was found."""
    if own is not None:
        return own, "the file's alpha keys"
    if (said := _number(metadata.get(_KOHYA_ALPHA))) is not None:
        return said, "the file's metadata"
    if asked is None:
        raise InputError(
            f"the LoRA {file} does not say with which alpha it was trained (no metadata, alpha keys or "
            f"adapter_config.json): give lora_alpha=NUMBER, or lora_alpha=rank if alpha was its rank, {rank}"
        )
    return (float(rank) if asked == "rank" else asked), ASKED


def _layers(tensors: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(a layer's name, the key of its second matrix)."""
    for key in tensors:
        end = next((end for end in _UP if key.endswith(end)), None)
        if end is not None:
            yield key.removesuffix(end), key


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _metadata(file: Path) -> Mapping[str, str]:
    try:
        with safe_open(file, framework="pt") as opened:
            metadata: Mapping[str, str] = opened.metadata() or {}
            return metadata
    except (OSError, SafetensorError) as error:
        raise InputError(f"the LoRA {file} is no whole safetensors file: {error}") from error

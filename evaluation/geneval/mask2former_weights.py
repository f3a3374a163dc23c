"""Loads an mmdet checkpoint of Mask2Former with a Swin backbone into transformers' network."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.geneval.mask2former_names import (
    HEAD,
    POINTS,
    Architecture,
    as_mmdet2,
    is_recomputed,
    tensor_names,
)
from nami_bench.neural.pretrained import load_network, read_pickled

State = Mapping[str, torch.Tensor]


def load_checkpoint(path: Path) -> Any:
    """The network of the mmdet 2.x or 3.x checkpoint `path`: float32, on the CPU, in evaluation mode.

    A Mask2FormerForUniversalSegmentation, whose sizes follow from the tensors' shapes. Raises InputError for
    a file that is no checkpoint, and, naming the tensor, where one is missing, unknown, of another shape or
    not finite.
    """
    state = as_mmdet2(_read_tensors(path))
    architecture = _architecture(state, path)
    return load_network(
        Mask2FormerForUniversalSegmentation,
        path,
        config=network_config(architecture),
        state_dict=_convert(state, architecture, path),
    )


def network_config(a: Architecture) -> Mask2FormerConfig:
    """transformers' configuration of the architecture."""
    # transformers' signatures leave out keywords that its classes take.
    backbone: dict[str, Any] = {
        "embed_dim": a.embed_dim,
        "depths": list(a.depths),
        "num_heads": list(a.backbone_heads),
        "window_size": a.window_size,
        "mlp_ratio": float(a.backbone_ffn_ratio),
        "out_features": [f"stage{stage + 1}" for stage in range(len(a.depths))],
    }
    sizes: dict[str, Any] = {
        "feature_size": a.hidden_dim,
        "mask_feature_size": a.hidden_dim,
        "hidden_dim": a.hidden_dim,
        "num_attention_heads": a.heads,
        "encoder_layers": a.encoder_layers,
        "encoder_feedforward_dim": a.encoder_ffn,
        "decoder_layers": a.decoder_layers + 1,  # counting the prediction before the first layer
        "dim_feedforward": a.decoder_ffn,
        "num_queries": a.queries,
        "num_labels": a.classes,
    }
    return Mask2FormerConfig(backbone_config=SwinConfig(**backbone), **sizes)


def _read_tensors(path: Path) -> State:
    try:
        content = read_pickled(path)
    except Exception as error:  # a foreign file makes the unpickler raise anything
        raise InputError(f"{path} is damaged or no PyTorch checkpoint: {one_line(str(error))}") from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise InputError(f"{path} is no mmdet checkpoint: it holds no tensors under 'state_dict'")
    return state


def _architecture(state: State, path: Path) -> Architecture:
    """Sizes from shapes: those of a stage or layer are read off its first block."""

    def shape(name: str) -> tuple[int, ...]:
        if name not in state:
            raise InputError(f"{path} is no Mask2Former with a Swin backbone: it has no tensor {name}")
        return tuple(state[name].shape)

    def count(prefix: str) -> int:
        found = {int(m[1]) for key in state if (m := re.match(rf"{re.escape(prefix)}\.(\d+)\.", key))}
        return max(found, default=-1) + 1

    stages = range(count("backbone.stages"))
    tables = [shape(f"backbone.stages.{i}.blocks.0.attn.w_msa.relative_position_bias_table") for i in stages]
    embed_dim = shape("backbone.patch_embed.projection.weight")[0]
    queries, hidden_dim = shape(f"{HEAD}.query_embed.weight")
    levels = shape(f"{HEAD}.pixel_decoder.level_encoding.weight")[0]
    encoder, decoder = f"{HEAD}.pixel_decoder.encoder.layers", f"{HEAD}.transformer_decoder.layers"
    return Architecture(
        embed_dim=embed_dim,
        depths=tuple(count(f"backbone.stages.{i}.blocks") for i in stages),
        backbone_heads=tuple(table[-1] for table in tables),
        window_size=(math.isqrt(tables[0][0]) + 1) // 2 if tables else 0,
        backbone_ffn_ratio=shape("backbone.stages.0.blocks.0.ffn.layers.0.0.bias")[0] // embed_dim,
        hidden_dim=hidden_dim,
        heads=shape(f"{encoder}.0.attentions.0.attention_weights.bias")[0] // (levels * POINTS),
        encoder_layers=count(encoder),
        encoder_ffn=shape(f"{encoder}.0.ffns.0.layers.0.0.bias")[0],
        decoder_layers=count(decoder),
        decoder_ffn=shape(f"{decoder}.0.ffns.0.layers.0.0.bias")[0],
        queries=queries,
        classes=shape(f"{HEAD}.cls_embed.bias")[0] - 1,
        levels=levels,
    )


def _convert(state: State, architecture: Architecture, path: Path) -> dict[str, torch.Tensor]:
    left = {name for name in state if not is_recomputed(name)}
    converted: dict[str, torch.Tensor] = {}
    for name in tensor_names(architecture):
        if name.source not in left:
            raise InputError(f"{path} has no tensor {name.source}")
        tensor = state[name.source]
        if tuple(tensor.shape) != name.shape:
            raise InputError(
                f"{path}: the tensor {name.source} has the shape {tuple(tensor.shape)}, expected {name.shape}"
            )
        if not tensor.isfinite().all():
            raise InputError(f"{path}: the tensor {name.source} holds NaN or infinite numbers")
        converted |= name.convert(tensor)
        left.remove(name.source)
    if left:
        raise InputError(f"{path} is another network than Mask2Former with Swin: it has {sorted(left)[0]}")
    return converted

"""Every tensor of mmdet's Mask2Former with a Swin backbone, and its name in the Hugging Face hub's files.

Both are the same network (Cheng et al. 2022, arXiv 2112.01527). Hub names are those of saved files, which
transformers keeps when it renames modules in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch

SWIN = "model.pixel_level_module.encoder"
PIXELS = "model.pixel_level_module.decoder"
DECODER = "model.transformer_module.decoder"
HEAD = "panoptic_head"

POINTS = 4
"""Sampling points of deformable attention for each head and level: transformers knows no other number."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes of a Mask2Former. Tuples have one entry for each stage of the backbone, finest first."""

    embed_dim: int
    depths: Shape
    backbone_heads: Shape
    window_size: int
    backbone_ffn_ratio: int
    hidden_dim: int
    heads: int
    encoder_layers: int
    encoder_ffn: int
    decoder_layers: int
    decoder_ffn: int
    queries: int
    classes: int
    levels: int

    @property
    def widths(self) -> Shape:
        """Channels of the backbone's stages."""
        return tuple(self.embed_dim * 2**stage for stage in range(len(self.depths)))


@dataclass(frozen=True, slots=True)
class TensorName:
    """A tensor `source` of mmdet's and what it becomes: one hub tensor, or equal parts along the first axis.

    `merges` marks the last axis as the inputs of a patch merging, which the two order differently.
    """

    source: str
    targets: tuple[str, ...]
    shape: Shape
    merges: bool = False

    def convert(self, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
        """Hub tensors of mmdet's `tensor`, which has `shape`."""
        if self.merges:
            tensor = _reorder_merging(tensor)
        parts = tensor.float().chunk(len(self.targets))
        return {name: part.clone() for name, part in zip(self.targets, parts, strict=True)}


def tensor_names(a: Architecture) -> Iterator[TensorName]:
    """Every tensor that an mmdet 2.x file of this architecture holds, but those that are recomputed."""
    yield from _backbone(a)
    yield from _pixel_decoder(a)
    yield from _transformer_decoder(a)


def is_recomputed(name: str) -> bool:
    """Whether mmdet's tensor `name` follows from the architecture alone."""
    return name.endswith(".relative_position_index")


def as_mmdet2(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of an mmdet 2.x or 3.x file under their 2.x names."""
    return {_old_name(name): tensor for name, tensor in state.items()}


def _old_name(name: str) -> str:
    if not name.startswith(HEAD):
        return name
    # The transformer's layers cross-attend first; the pixel decoder's only attend to themselves.
    self_attention = "attentions.1" if name.startswith(f"{HEAD}.transformer_decoder") else "attentions.0"
    name = name.replace(".cross_attn.", ".attentions.0.").replace(".self_attn.", f".{self_attention}.")
    return name.replace(".ffn.", ".ffns.0.")


def _reorder_merging(tensor: torch.Tensor) -> torch.Tensor:
    """Last axis from mmdet's 4 channel + (2 row + column) to the hub's blocks (0,0), (1,0), (0,1), (1,1)."""
    by_channel = tensor.reshape(*tensor.shape[:-1], -1, 4)
    return by_channel[..., [0, 2, 1, 3]].transpose(-1, -2).flatten(-2)


def _pair(source: str, target: str, *weight: int, bias: bool = True) -> Iterator[TensorName]:
    """Weight and bias of one module."""
    yield TensorName(f"{source}.weight", (f"{target}.weight",), weight)
    if bias:
        yield TensorName(f"{source}.bias", (f"{target}.bias",), weight[:1])


def _thirds(source: str, targets: str, width: int) -> Iterator[TensorName]:
    """A fused projection to query, key and value; `targets` are the three names, separated by spaces."""
    names = targets.split()
    yield TensorName(f"{source}weight", tuple(f"{name}.weight" for name in names), (3 * width, width))
    yield TensorName(f"{source}bias", tuple(f"{name}.bias" for name in names), (3 * width,))


def _backbone(a: Architecture) -> Iterator[TensorName]:
    patches = "backbone.patch_embed"
    yield from _pair(
        f"{patches}.projection", f"{SWIN}.embeddings.patch_embeddings.projection", a.embed_dim, 3, 4, 4
    )
    yield from _pair(f"{patches}.norm", f"{SWIN}.embeddings.norm", a.embed_dim)
    for stage, (depth, width) in enumerate(zip(a.depths, a.widths, strict=True)):
        for block in range(depth):
            yield from _swin_block(a, stage, block)
        yield from _pair(f"backbone.norm{stage}", f"{SWIN}.hidden_states_norms.stage{stage + 1}", width)
    for stage, (width, wider) in enumerate(pairwise(a.widths)):
        merging = f"backbone.stages.{stage}.downsample"
        target = f"{SWIN}.encoder.layers.{stage}.downsample"
        for name, shape in (
            ("reduction.weight", (wider, 4 * width)),
            ("norm.weight", (4 * width,)),
            ("norm.bias", (4 * width,)),
        ):
            yield TensorName(f"{merging}.{name}", (f"{target}.{name}",), shape, merges=True)


def _swin_block(a: Architecture, stage: int, block: int) -> Iterator[TensorName]:
    width, heads = a.widths[stage], a.backbone_heads[stage]
    source = f"backbone.stages.{stage}.blocks.{block}"
    target = f"{SWIN}.encoder.layers.{stage}.blocks.{block}"
    attention = f"{target}.attention.self"
    table = "relative_position_bias_table"
    yield from _pair(f"{source}.norm1", f"{target}.layernorm_before", width)
    yield TensorName(
        f"{source}.attn.w_msa.{table}", (f"{attention}.{table}",), ((2 * a.window_size - 1) ** 2, heads)
    )
    names = f"{attention}.query {attention}.key {attention}.value"
    yield from _thirds(f"{source}.attn.w_msa.qkv.", names, width)
    yield from _pair(f"{source}.attn.w_msa.proj", f"{target}.attention.output.dense", width, width)
    yield from _pair(f"{source}.norm2", f"{target}.layernorm_after", width)
    inner = a.backbone_ffn_ratio * width
    yield from _pair(f"{source}.ffn.layers.0.0", f"{target}.intermediate.dense", inner, width)
    yield from _pair(f"{source}.ffn.layers.1", f"{target}.output.dense", width, inner)


def _pixel_decoder(a: Architecture) -> Iterator[TensorName]:
    source, hidden = f"{HEAD}.pixel_decoder", a.hidden_dim
    for level, width in enumerate(a.widths[: -a.levels - 1 : -1]):  # the coarsest level first
        convolution, projection = f"{source}.input_convs.{level}", f"{PIXELS}.input_projections.{level}"
        yield from _pair(f"{convolution}.conv", f"{projection}.0", hidden, width, 1, 1)
        yield from _pair(f"{convolution}.gn", f"{projection}.1", hidden)
    yield TensorName(f"{source}.level_encoding.weight", (f"{PIXELS}.level_embed",), (a.levels, hidden))
    for layer in range(a.encoder_layers):
        yield from _encoder_layer(a, layer)
    for name, adapter, shape in (
        ("lateral_convs.0", "adapter_1", (hidden, a.embed_dim, 1, 1)),
        ("output_convs.0", "layer_1", (hidden, hidden, 3, 3)),
    ):
        yield from _pair(f"{source}.{name}.conv", f"{PIXELS}.{adapter}.0", *shape, bias=False)
        yield from _pair(f"{source}.{name}.gn", f"{PIXELS}.{adapter}.1", hidden)
    yield from _pair(f"{source}.mask_feature", f"{PIXELS}.mask_projection", hidden, hidden, 1, 1)


def _encoder_layer(a: Architecture, layer: int) -> Iterator[TensorName]:
    source = f"{HEAD}.pixel_decoder.encoder.layers.{layer}"
    target, hidden = f"{PIXELS}.encoder.layers.{layer}", a.hidden_dim
    points = a.heads * a.levels * POINTS
    for name, rows in (
        ("sampling_offsets", 2 * points),
        ("attention_weights", points),
        ("value_proj", hidden),
        ("output_proj", hidden),
    ):
        yield from _pair(f"{source}.attentions.0.{name}", f"{target}.self_attn.{name}", rows, hidden)
    yield from _feed_forward(source, target, hidden, a.encoder_ffn)
    yield from _pair(f"{source}.norms.0", f"{target}.self_attn_layer_norm", hidden)
    yield from _pair(f"{source}.norms.1", f"{target}.final_layer_norm", hidden)


def _transformer_decoder(a: Architecture) -> Iterator[TensorName]:
    hidden = a.hidden_dim
    module = "model.transformer_module"
    yield from _pair(f"{HEAD}.query_embed", f"{module}.queries_embedder", a.queries, hidden, bias=False)
    yield from _pair(f"{HEAD}.query_feat", f"{module}.queries_features", a.queries, hidden, bias=False)
    yield from _pair(f"{HEAD}.level_embed", f"{module}.level_embed", a.levels, hidden, bias=False)
    for layer in range(a.decoder_layers):
        yield from _decoder_layer(a, layer)
    yield from _pair(f"{HEAD}.transformer_decoder.post_norm", f"{DECODER}.layernorm", hidden)
    for step in range(3):
        target = f"{DECODER}.mask_predictor.mask_embedder.{step}.0"
        yield from _pair(f"{HEAD}.mask_embed.{2 * step}", target, hidden, hidden)
    yield from _pair(f"{HEAD}.cls_embed", "class_predictor", a.classes + 1, hidden)


def _decoder_layer(a: Architecture, layer: int) -> Iterator[TensorName]:
    source = f"{HEAD}.transformer_decoder.layers.{layer}"
    target, hidden = f"{DECODER}.layers.{layer}", a.hidden_dim
    cross, own = f"{source}.attentions.0.attn", f"{source}.attentions.1.attn"
    for part, shape in (("in_proj_weight", (3 * hidden, hidden)), ("in_proj_bias", (3 * hidden,))):
        yield TensorName(f"{cross}.{part}", (f"{target}.cross_attn.{part}",), shape)
    yield from _pair(f"{cross}.out_proj", f"{target}.cross_attn.out_proj", hidden, hidden)
    attention = f"{target}.self_attn"
    names = f"{attention}.q_proj {attention}.k_proj {attention}.v_proj"
    yield from _thirds(f"{own}.in_proj_", names, hidden)
    yield from _pair(f"{own}.out_proj", f"{attention}.out_proj", hidden, hidden)
    yield from _feed_forward(source, target, hidden, a.decoder_ffn)
    yield from _pair(f"{source}.norms.0", f"{target}.cross_attn_layer_norm", hidden)
    yield from _pair(f"{source}.norms.1", f"{target}.self_attn_layer_norm", hidden)
    yield from _pair(f"{source}.norms.2", f"{target}.final_layer_norm", hidden)


def _feed_forward(source: str, target: str, width: int, inner: int) -> Iterator[TensorName]:
    yield from _pair(f"{source}.ffns.0.layers.0.0", f"{target}.fc1", inner, width)
    yield from _pair(f"{source}.ffns.0.layers.1", f"{target}.fc2", width, inner)

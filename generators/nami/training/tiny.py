"""A new small pipeline to be trained from nothing: pixels as latents, word-level text encoders."""

from dataclasses import asdict
from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertTokenizer, MT5Config, MT5EncoderModel, T5Tokenizer

from nami_bench.errors import InputError
from nami_bench.generators.nami.autoencoder import PatchPCAAutoencoder, PixelUnshuffleAutoencoder
from nami_bench.generators.nami.bridge import BRIDGES, Bridge, BridgeFlow, RenoiseBridge
from nami_bench.generators.nami.config import NamiConfig
from nami_bench.generators.nami.folder import PLAIN_SAMPLING
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.text import BertTextEncoder
from nami_bench.generators.nami.training.config import BridgeKind, ModelSection, TinyText
from nami_bench.generators.nami.transformer import NamiTransformer2DModel

_BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_T5_SPECIALS = ("<pad>", "</s>", "<unk>")


def new_pipeline(
    model: ModelSection, bridge_kind: BridgeKind, seed: int, start_noise: float = 0.0
) -> NamiPipeline:
    """A pipeline of the section's shape with random weights; equal seeds give equal weights.

    Raises InputError where the transformer does not fit its text encoders or its autoencoder.
    """
    assert model.transformer is not None and model.text is not None
    shape, text = model.transformer, model.text
    channels = model.latent_channels or 3 * model.pixels_per_latent**2
    if shape.in_channels != 4 * channels:
        raise InputError(
            f"[model]: in_channels must be {4 * channels}, four times the {channels} values of a latent of "
            f"{model.pixels_per_latent}x{model.pixels_per_latent} pixels; it is {shape.in_channels}"
        )
    vae = (
        PixelUnshuffleAutoencoder(model.pixels_per_latent)
        if model.latent_channels is None
        else PatchPCAAutoencoder(model.pixels_per_latent, model.latent_channels)
    )
    if (shape.joint_attention_dim, shape.pooled_projection_dim) != (text.width, text.width):
        raise InputError(
            f"[model]: joint_attention_dim and pooled_projection_dim must equal the text width, {text.width}"
        )
    torch.manual_seed(seed)
    transformer = NamiTransformer2DModel.from_shape(shape)
    start_at_identity(transformer)
    edges = model.stage_range or tuple(k / shape.num_stages for k in range(shape.num_stages + 1))
    scheduler = NamiEulerScheduler(edges, timestep_spacing=PLAIN_SAMPLING.timestep_spacing)
    return NamiPipeline(
        transformer=transformer,
        bridge=new_bridge(bridge_kind, shape, scheduler),
        scheduler=scheduler,
        vae=vae,
        text_encoder=_pooled_encoder(text),
        tokenizer=BertTokenizer(vocab=_numbered(*_BERT_SPECIALS, *text.vocabulary)),
        text_encoder_2=_sequence_encoder(text),
        tokenizer_2=_word_tokenizer(text.vocabulary),
        text_tokens=text.tokens,
        start_noise=start_noise,
        sampling=asdict(PLAIN_SAMPLING),
    )


def new_bridge(kind: BridgeKind, shape: NamiConfig, scheduler: NamiEulerScheduler) -> Bridge:
    """A fresh bridge between the stages of `shape`."""
    channels = shape.in_channels // 4
    if kind == "scale-shift":
        return BridgeFlow(shape.num_stages, channels, (shape.sample_size, shape.sample_size))
    if kind == "renoise":
        return RenoiseBridge(tuple(scheduler.config.stage_range), scheduler.config.gamma, channels)
    return BRIDGES[kind](shape.num_stages, channels)


def start_at_identity(transformer: NamiTransformer2DModel) -> None:
    """Zero every block's modulation and the output: training begins with blocks that pass tokens through.

    Peebles & Xie 2023 (arXiv 2212.09748, section 3.2, adaLN-Zero).
    """
    layers: list[Any] = [transformer.proj_out]
    block: Any
    for block in transformer.transformer_blocks:
        layers += [block.norm1.linear, block.norm1_context.linear]
    for block in transformer.single_transformer_blocks:
        layers.append(block.norm.linear)
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


def _pooled_encoder(text: TinyText) -> BertTextEncoder:
    return BertTextEncoder(
        BertConfig(
            vocab_size=len(_BERT_SPECIALS) + len(text.vocabulary),
            hidden_size=text.width,
            num_hidden_layers=max(1, text.layers // 2),
            num_attention_heads=text.heads,
            intermediate_size=2 * text.width,
            max_position_embeddings=max(text.tokens, 16),
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


def _sequence_encoder(text: TinyText) -> MT5EncoderModel:
    return MT5EncoderModel(
        MT5Config(
            vocab_size=len(_T5_SPECIALS) + len(text.vocabulary),
            d_model=text.width,
            d_kv=text.width // text.heads,
            d_ff=2 * text.width,
            num_layers=text.layers,
            num_heads=text.heads,
            relative_attention_num_buckets=16,
            dropout_rate=0.0,
        )
    )


def _word_tokenizer(vocabulary: tuple[str, ...]) -> T5Tokenizer:
    pieces = [(token, 0.0) for token in _T5_SPECIALS]
    return T5Tokenizer(vocab=pieces + [(f"▁{word}", -1.0) for word in vocabulary], extra_ids=0)


def _numbered(*tokens: str) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}

"""The released weights folder, read as it is and written as a diffusers-style one.

    vae/                                -> vae/
    transformer/pytorch_model_fsdp.bin  -> transformer/
    bridge_flow.bin                     -> bridge/
    mclip/clip_text_encoder/            -> text_encoder/
    mclip/tokenizer/                    -> tokenizer/
    mt5/                                -> text_encoder_2/, tokenizer_2/

Weights are mapped from disk and written in shards, so that memory holds one shard at a time.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from huggingface_hub import save_torch_state_dict
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import BertConfig, BertTokenizer, MT5Config, MT5EncoderModel, T5Tokenizer

from nami_bench.errors import InputError, StorageError
from nami_bench.generators.nami.bridge import BridgeFlow
from nami_bench.generators.nami.config import NAMI_2B, NamiConfig
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.text import BertTextEncoder
from nami_bench.generators.nami.transformer import NamiTransformer2DModel
from nami_bench.generators.nami.weights import checked, read_file, read_folder
from nami_bench.neural.pretrained import pretrained

TRANSFORMER_FILE = "transformer/pytorch_model_fsdp.bin"
BRIDGE_FILE = "bridge_flow.bin"
SHARD_SIZE = "2GB"
_EMBEDDING = "encoder.embed_tokens.weight"
_SHARED = "shared.weight"


@dataclass(frozen=True, slots=True)
class _Model:
    """A model without memory (on the meta device) and the tensors on disk that belong into it."""

    module: Any
    tensors: dict[str, Tensor]


def convert(
    source: Path,
    target: Path,
    shape: NamiConfig | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> None:
    """Write the release in `source` to the new folder `target`, for `NamiPipeline.from_pretrained`.

    The transformer's sizes are read off its tensors; `shape` gives what they do not tell, see
    `infer_shape`. Tensors keep their dtype. Everything is checked before anything is written, and `target`
    appears only when it is whole. Raises InputError that names the file, and the tensor, that is
    wrong; StorageError where `target` cannot be written.
    """
    if target.exists():
        raise InputError(f"{target} exists already: name a new folder")
    if not source.is_dir():
        raise InputError(f"{source} is not a folder")
    models = {
        "transformer": _transformer(source / TRANSFORMER_FILE, shape),
        "bridge": _bridge(source / BRIDGE_FILE),
        "vae": _vae(source / "vae"),
        "text_encoder": _mclip(source / "mclip" / "clip_text_encoder"),
        "text_encoder_2": _mt5(source / "mt5"),
    }
    tokenizers: dict[str, Any] = {
        "tokenizer": _tokenizer(BertTokenizer, source / "mclip" / "tokenizer", "vocab.txt"),
        "tokenizer_2": _tokenizer(T5Tokenizer, source / "mt5", "spiece.model"),
    }
    modules: dict[str, Any] = {name: model.module for name, model in models.items()}
    pipeline = NamiPipeline(scheduler=_scheduler(models["transformer"]), **modules, **tokenizers)
    _check_fit(pipeline)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name, model in models.items():
            say(f"writing {name}: {sum(t.numel() for t in model.tensors.values()):,} parameters")
            _write(model, partial / name)
        for name, tokenizer in tokenizers.items():
            tokenizer.save_pretrained(partial / name)
        pipeline.scheduler.save_pretrained(partial / "scheduler")
        pipeline.save_config(partial)
        partial.rename(target)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write {target}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def infer_shape(tensors: Mapping[str, Tensor], where: Path, hint: NamiConfig | None = None) -> NamiConfig:
    """The transformer's shape, read off its tensors' names and sizes.

    Tensors tell all but how a head's width is split among the axes of rotary positions, how many blocks
    each stage runs, the NTK factor and the image size. Those are taken from `hint`; without one, from
    NAMI-2B, if the tensors have its numbers of blocks and its head width.

    Raises InputError where a tensor is missing, or nothing tells the rest.
    """

    def size(name: str, axis: int) -> int:
        if name not in tensors or tensors[name].ndim <= axis:
            raise InputError(f"{where}: tensor {name!r} is missing: this is no NAMI transformer")
        return tensors[name].shape[axis]

    def blocks(prefix: str) -> int:
        numbers = [name.split(".")[1] for name in tensors if name.startswith(f"{prefix}.")]
        return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)

    head = size("transformer_blocks.0.attn.norm_q.weight", 0)
    seen: dict[str, Any] = {
        "in_channels": size("x_embedder.weight", 1),
        "num_layers": blocks("transformer_blocks"),
        "num_single_layers": blocks("single_transformer_blocks"),
        "attention_head_dim": head,
        "num_attention_heads": size("x_embedder.weight", 0) // head,
        "joint_attention_dim": size("context_embedder.weight", 1),
        "pooled_projection_dim": size("time_text_embed.text_embedder.linear_1.weight", 1),
    }
    like_2b = all(
        seen[key] == getattr(NAMI_2B, key)
        for key in ("num_layers", "num_single_layers", "attention_head_dim")
    )
    if hint is None and not like_2b:
        raise InputError(
            f"{where} holds {seen['num_layers']} double-stream and {seen['num_single_layers']} single-stream "
            f"blocks with heads of {head}, which is not NAMI-2B: name its configuration with --config"
        )
    known = hint or replace(NAMI_2B, **seen)
    wrong = [
        f"{key} {getattr(known, key)}, not {value}"
        for key, value in seen.items()
        if getattr(known, key) != value
    ]
    if wrong:
        raise InputError(f"{where} does not fit the configuration: it says {wrong[0]}")
    return known


def _transformer(path: Path, hint: NamiConfig | None) -> _Model:
    tensors = read_file(path)
    shape = infer_shape(tensors, path, hint)
    with torch.device("meta"):
        module = NamiTransformer2DModel.from_shape(shape)
    return _Model(module, checked(tensors, _shapes(module), path))


def _bridge(path: Path) -> _Model:
    tensors = read_file(path)
    transitions = tensors["scale"].numel() if "scale" in tensors else 0
    last = f"shift.{transitions - 1}"
    for name in ("scale", last):
        if name not in tensors:
            raise InputError(f"{path}: tensor {name!r} is missing: this is no BridgeFlow")
    if tensors[last].ndim != 4:
        raise InputError(f"{path}: tensor {last!r} has the shape {list(tensors[last].shape)}, no shift map's")
    _, channels, height, width = tensors[last].shape
    with torch.device("meta"):
        module = BridgeFlow(transitions + 1, channels, (height, width))
    return _Model(module, checked(tensors, _shapes(module), path))


def _vae(folder: Path) -> _Model:
    module = _meta(folder, lambda: AutoencoderKL.from_config(AutoencoderKL.load_config(folder)))
    return _Model(module, checked(read_folder(folder), _shapes(module), folder))


def _mclip(folder: Path) -> _Model:
    module = _meta(folder, lambda: BertTextEncoder(pretrained(BertConfig, folder)))
    tensors = {name.removeprefix("bert."): tensor for name, tensor in read_folder(folder).items()}
    ignore = ("pooler.", "cls.", "embeddings.position_ids")
    return _Model(module, checked(tensors, _shapes(module), folder, ignore=ignore))


def _mt5(folder: Path) -> _Model:
    """Only the encoder; its token embedding may be stored under either or both of its two names."""
    module = _meta(folder, lambda: MT5EncoderModel(pretrained(MT5Config, folder)))
    tensors = read_folder(folder)
    if _EMBEDDING in tensors:
        tensors.setdefault(_SHARED, tensors[_EMBEDDING])
    shapes = {name: shape for name, shape in _shapes(module).items() if name != _EMBEDDING}
    ignore = ("decoder.", "lm_head.", _EMBEDDING)
    return _Model(module, checked(tensors, shapes, folder, ignore=ignore))


def _meta(folder: Path, build: Callable[[], nn.Module]) -> nn.Module:
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder / 'config.json'} is missing")
    try:
        with torch.device("meta"):
            return build()
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise InputError(f"{folder / 'config.json'} does not describe the model: {error}") from error


def _tokenizer(kind: Any, folder: Path, file: str) -> Any:
    names = (file, "tokenizer.json")
    if not any((folder / name).is_file() and (folder / name).stat().st_size for name in names):
        raise InputError(f"{folder / file} is missing or empty")
    try:
        return pretrained(kind, folder)
    except Exception as error:  # whatever its parsers raise for a damaged file
        raise InputError(f"the tokenizer in {folder} cannot be read: {error}") from error


def _scheduler(transformer: _Model) -> NamiEulerScheduler:
    stages = transformer.module.shape.num_stages
    return NamiEulerScheduler(stage_range=tuple(stage / stages for stage in range(stages + 1)))


def _check_fit(pipeline: NamiPipeline) -> None:
    """Raise InputError where the parts are each whole but not of one model."""
    shape, bridge, vae = pipeline.transformer.shape, pipeline.bridge.config, pipeline.vae.config
    channels, side = shape.in_channels // 4, shape.sample_size
    pairs = (
        ("VAE's latent channels", vae.latent_channels, channels),
        ("bridge's latent channels", bridge.latent_channels, channels),
        ("bridge's largest shift map", tuple(bridge.latent_size), (side, side)),
        ("mT5's width", pipeline.text_encoder_2.config.d_model, shape.joint_attention_dim),
        ("mCLIP's width", pipeline.text_encoder.config.hidden_size, shape.pooled_projection_dim),
    )
    for what, found, needed in pairs:
        if found != needed:
            raise InputError(f"the {what} is {found} where the transformer needs {needed}")
    texts = (
        ("mCLIP", pipeline.tokenizer, pipeline.text_encoder),
        ("mT5", pipeline.tokenizer_2, pipeline.text_encoder_2),
    )
    for name, tokenizer, encoder in texts:
        if tokenizer.vocab_size > encoder.config.vocab_size:
            raise InputError(
                f"{name}'s tokenizer has {tokenizer.vocab_size} tokens where its encoder knows "
                f"{encoder.config.vocab_size}"
            )


def _shapes(module: nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


def _write(model: _Model, folder: Path) -> None:
    folder.mkdir(parents=True)
    if hasattr(model.module, "save_config"):
        model.module.save_config(folder)
        pattern = "diffusion_pytorch_model{suffix}.safetensors"
    else:
        model.module.config.save_pretrained(folder)
        pattern = "model{suffix}.safetensors"
    save_torch_state_dict(model.tensors, folder, filename_pattern=pattern, max_shard_size=SHARD_SIZE)

"""A training run as a TOML file, read into one validated tree."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from nami_bench.errors import InputError
from nami_bench.generators.nami.config import NamiConfig
from nami_bench.generators.nami.training.shapes_data import CAPTION_TASKS, TASK_SHARES
from nami_bench.generators.scenes import Layout
from nami_bench.serialize import validated

BridgeKind = Literal["scale-shift", "channel-linear", "mlp", "pixel-shuffle", "renoise", "none"]
Ratio = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TinyText:
    """Text encoders small enough to be trained along: word-level vocabulary, `tokens` words at most."""

    vocabulary: tuple[str, ...]
    width: int = 128
    layers: int = 2
    heads: int = 4
    tokens: int = 16


@dataclass(frozen=True, slots=True)
class ModelSection:
    """`[model]`: an existing `pipeline` folder to go on from, or a `transformer` to begin with.

    A model that begins here has latents of `pixels_per_latent` x `pixels_per_latent` pixels, all their
    values or their first `latent_channels` principal components, and text encoders of its own (`text`),
    trained along; the encoders of an existing pipeline are trained along only with `train_text`.
    `stage_range` cuts flow time into windows.
    """

    pipeline: Path | None = None
    train_text: bool = False
    transformer: NamiConfig | None = None
    pixels_per_latent: int = 4
    latent_channels: int | None = None
    text: TinyText | None = None
    stage_range: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if (self.pipeline is None) == (self.transformer is None):
            raise InputError("[model]: give either `pipeline`, a folder, or `transformer`, a shape")
        if self.transformer is not None and self.text is None:
            raise InputError("[model]: a new transformer needs `text`, the encoders trained along with it")
        values = 3 * self.pixels_per_latent**2
        if self.latent_channels is not None and not 1 <= self.latent_channels <= values:
            raise InputError(
                f"[model]: latent_channels must lie in 1..{values}, it is {self.latent_channels}"
            )
        stages = None if self.transformer is None else self.transformer.num_stages
        if self.stage_range is not None and stages is not None and len(self.stage_range) != stages + 1:
            raise InputError(
                f"[model]: stage_range has {len(self.stage_range) - 1} windows, the transformer "
                f"{stages} stages"
            )


@dataclass(frozen=True, slots=True)
class BridgeSection:
    """`[bridge]`: which bridge, and its pretraining (arXiv 2503.09242: MSE, lr 1e-3, about 10k steps)."""

    kind: BridgeKind = "scale-shift"
    steps: int = 10_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    weights: Path | None = None


@dataclass(frozen=True, slots=True)
class DataSection:
    """`[data]`: where images and captions come from.

    `kind`: "shapes" (the procedural world, drawn as needed in `layout` "free" or "grid", see
    `nami_bench.generators.scenes.plan_scene`, its captions divided among the tasks by `task_shares`),
    "folder" (an image beside a .txt or .json of the same name, or metadata.jsonl / metadata.csv with
    file_name and a caption), or "webdataset" (.tar shards). `size` is the last stage's side in pixels; with
    `buckets` above 1, images are cropped to that many aspect ratios of about the same area. `cache`: a folder
    for latents and text embeddings of frozen encoders. Images smaller than their crop are skipped and
    counted, unless `upscale`.
    """

    kind: Literal["shapes", "folder", "webdataset"] = "shapes"
    path: Path | None = None
    layout: Layout = "free"
    task_shares: dict[str, float] = field(default_factory=lambda: dict(TASK_SHARES))
    caption_key: str = "text"
    size: int = 64
    buckets: int = 1
    upscale: bool = False
    cache: Path | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        if (self.kind == "shapes") != (self.path is None):
            raise InputError(f"[data]: kind {self.kind!r} {'takes no' if self.path else 'needs a'} path")
        if self.buckets < 1 or self.size < 1 or self.workers < 0:
            raise InputError("[data]: size and buckets must be at least 1, workers not negative")
        unknown = self.task_shares.keys() - set(CAPTION_TASKS)
        if unknown:
            raise InputError(
                f"[data]: task_shares has no task {min(unknown)!r}; known: {', '.join(CAPTION_TASKS)}"
            )
        if min(self.task_shares.values(), default=0) < 0 or sum(self.task_shares.values()) <= 0:
            raise InputError("[data]: task_shares must not be negative, nor all zero")


@dataclass(frozen=True, slots=True)
class TrainSection:
    """`[train]`: the optimisation. Defaults follow the paper where it says something.

    `batch_size` is one process's images a step, all stages together; `shares` their ratios by stage over
    the run. `stage_weight_power`: see `StageWeights`. `guidance_dropout`: share of prompts replaced by
    the empty one. `start_noise`: share of the flow's own fine noise at the start of every window but the
    first, in training and in sampling (`nami_bench.generators.nami.training.windows`). `save_every`,
    `validate_every`, `sample_every`: steps; `keep`: checkpoints kept. `explode_factor`: training stops
    where a step's loss exceeds that many times the moving average.
    """

    steps: int = 10_000
    batch_size: int = 64
    learning_rate: float = 1e-4
    final_learning_rate: float = 5e-5
    warmup_steps: int = 200
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    gradient_clip: float = 1.0
    shares: tuple[Ratio, ...] = ((4, 2, 1), (2, 4, 1), (1, 2, 4))
    stage_weight_power: float = 1.0
    time_mean: float = 0.0
    time_std: float = 1.0
    start_noise: float = 0.0
    guidance_dropout: float = 0.1
    ema_decay: float = 0.9999
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    gradient_checkpointing: bool = False
    seed: int = 0
    save_every: int = 1000
    keep: int = 3
    validate_every: int = 1000
    validation_images: int = 64
    sample_every: int = 1000
    sample_prompts: tuple[str, ...] = ()
    explode_factor: float = 20.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "save_every", "keep", "validate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"[train]: {name} {getattr(self, name)} must be at least 1")
        for name in ("learning_rate", "final_learning_rate", "gradient_clip", "time_std"):
            if getattr(self, name) <= 0:
                raise InputError(f"[train]: {name} {getattr(self, name)} must be positive")
        for name in ("guidance_dropout", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"[train]: {name} {getattr(self, name)} must lie in 0..1, below 1")
        if len({len(ratio) for ratio in self.shares}) != 1:
            raise InputError("[train]: every entry of shares needs one number for each stage")
        if any(min(ratio) < 0 or sum(ratio) <= 0 for ratio in self.shares):
            raise InputError("[train]: shares must not be negative, nor all zero")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A whole run."""

    model: ModelSection
    bridge: BridgeSection = field(default_factory=BridgeSection)
    data: DataSection = field(default_factory=DataSection)
    train: TrainSection = field(default_factory=TrainSection)

    @property
    def trains_text(self) -> bool:
        """Whether text encoders are trained along: new ones always are."""
        return self.model.pipeline is None or self.model.train_text

    def check_stages(self, stages: int) -> None:
        """Raise InputError where the shares are for another number of stages than the model has."""
        if len(self.train.shares[0]) != stages:
            raise InputError(
                f"[train]: shares have {len(self.train.shares[0])} numbers, the model has {stages} stages"
            )


def load_train_config(path: Path, changes: Mapping[str, Any] = MappingProxyType({})) -> TrainConfig:
    """Read a TOML file; relative paths in it start from its own folder. Raises InputError in words.

    `changes` replace values, by keys such as "train.steps".
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    change(raw, changes)
    _anchor(
        raw, path.parent, (("model", "pipeline"), ("bridge", "weights"), ("data", "path"), ("data", "cache"))
    )
    config = validated(TrainConfig, raw, str(path))
    if config.model.transformer is not None:
        config.check_stages(config.model.transformer.num_stages)
    return config


def change(raw: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Replace values of a configuration as read from TOML, by keys such as "train.steps"."""
    for key, value in changes.items():
        *sections, last = key.split(".")
        table = raw
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise InputError(f"{key}: {section} is a value, not a section")
        table[last] = value


def _anchor(raw: dict[str, Any], folder: Path, keys: Sequence[tuple[str, str]]) -> None:
    for section, key in keys:
        table = raw.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = str(folder / Path(table[key]).expanduser())

"""The variants: each one differs from base.toml in what it is about, and in nothing else but its steps.

The budget is the same for all: the training FLOPs of the base. A variant whose steps cost more takes fewer.
"""

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nami_bench.generators.nami.config import NamiConfig
from nami_bench.generators.nami.cost import forward_flops, stage_size
from nami_bench.generators.nami.training.config import TrainConfig, change
from nami_bench.generators.nami.training.shares import shares_at, stage_counts
from nami_bench.serialize import validated

BASE_FILE = Path(__file__).with_name("base.toml")
_BASE: dict[str, Any] = tomllib.loads(BASE_FILE.read_text(encoding="utf-8"))
_PHASES = 100
"""Entries of a plan that jumps from stage to stage: between two entries, shares move in a straight line."""


@dataclass(frozen=True)
class Variant:
    """`changes` maps "section.key" of base.toml to other values; `tables` are those that it stands in.

    With `same_images` it takes as many steps as the base, whatever they cost.
    """

    what: str
    tables: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    same_images: bool = False


def one_after_the_other(plan: Sequence[Sequence[float]]) -> list[list[int]]:
    """A plan of shares in which each stage gets as many images as in `plan`, one stage at a time."""
    moments = [shares_at(plan, n / 100) for n in range(101)]
    phases = [round(_PHASES * sum(column) / len(moments)) for column in zip(*moments, strict=True)]
    return [[int(k == stage) for k in range(len(phases))] for stage, n in enumerate(phases) for _ in range(n)]


def _layers(*index: int) -> dict[str, Any]:
    return {"model.transformer.stage_singleblock_index": list(index)}


def _windows(first: float, second: float) -> dict[str, Any]:
    return {"model.stage_range": [0.0, first, second, 1.0]}


def _bridge(kind: str) -> dict[str, Any]:
    return {"bridge.kind": kind}


_UNIFORM = {**_layers(4), "train.shares": [[1]]}
_SEQUENTIAL = {
    "train.shares": one_after_the_other(_BASE["train"]["shares"]),
    # The loss jumps where the next stage begins, which is no explosion.
    "train.explode_factor": 1e6,
}
TABLES = {
    "bridges": "Bridges",
    "components": "Flow segmentation, nested layers, neither",
    "layers": "Layers added by each stage",
    "windows": "Lengths of the windows of flow time",
    "joint": "Joint against sequential training",
}
VARIANTS = {
    "base": Variant("BridgeFlow as released, layers 2:2:1, windows 1:1:1, joint training", tuple(TABLES)),
    "renoise": Variant(
        "Pyramid Flow's renoising", ("bridges",), {**_bridge("renoise"), "train.start_noise": 0.0}
    ),
    "no-start-noise": Variant(
        "BridgeFlow without fine noise: the paper's formula as it stands",
        ("bridges",),
        {"train.start_noise": 0.0},
    ),
    "none": Variant("nearest upsampling alone", ("bridges",), _bridge("none")),
    "channel-linear": Variant("a scale and a shift per channel", ("bridges",), _bridge("channel-linear")),
    "mlp": Variant("a three-layer MLP on each pixel", ("bridges",), _bridge("mlp")),
    "pixel-shuffle": Variant("a CNN with a pixel shuffle", ("bridges",), _bridge("pixel-shuffle")),
    "uniform": Variant("one stage: all layers at the full resolution", ("components",), _UNIFORM),
    "segmentation": Variant("three stages, all layers in each", ("components", "layers"), _layers(4, 4, 4)),
    "sequential": Variant("the stages one after the other", ("joint",), _SEQUENTIAL),
    "layers-1-2-2": Variant("layers 1:2:2", ("layers",), _layers(0, 2, 4)),
    "layers-3-1-1": Variant("layers 3:1:1", ("layers",), _layers(2, 3, 4)),
    "windows-2-1-1": Variant("windows 2:1:1", ("windows",), _windows(0.5, 0.75)),
    "windows-1-1-2": Variant("windows 1:1:2", ("windows",), _windows(0.25, 0.5)),
    "uniform-same-images": Variant(
        "the uniform model, with the base's images instead of its FLOPs",
        ("components",),
        _UNIFORM,
        same_images=True,
    ),
}
"""By name, the most important first."""


def variant_config(name: str, seed: int, shard: Path, steps: int | None = None) -> TrainConfig:
    """The run of a variant, trained on `shard`; `steps` are the base's, by default those of base.toml."""
    variant = VARIANTS[name]
    given: dict[str, Any] = {"data.path": str(shard), "train.seed": seed}
    base_steps: int = steps or _BASE["train"]["steps"]
    base, config = _config("base", given), _config(name, {**given, **variant.changes})
    own = base_steps
    if not variant.same_images:
        own = max(1, round(base_steps * step_flops(base) / step_flops(config)))
    return _config(name, {**given, **variant.changes, **_paced(own)})


def step_flops(config: TrainConfig) -> float:
    """Mean FLOPs of a training step: three forward passes of the transformer, by arithmetic."""
    shape, text, train = config.model.transformer, config.model.text, config.train
    assert shape is not None and text is not None
    places = 201
    total = 0
    for place in range(places):
        counts = stage_counts(shares_at(train.shares, place / (places - 1)), train.batch_size)
        total += sum(_forward(shape, stage, text.tokens, n) for stage, n in enumerate(counts) if n)
    return 3 * total / places


def _forward(shape: NamiConfig, stage: int, text_tokens: int, images: int) -> int:
    height, width = stage_size(shape, (shape.sample_size, shape.sample_size), stage)
    blocks = shape.stage_singleblock_index[stage]
    return forward_flops(shape, blocks, height * width // 4, text_tokens, images).total


def _paced(steps: int) -> dict[str, Any]:
    """The keys that count steps, in base.toml's proportion to the whole run."""
    written = _BASE["train"]
    keys = ("warmup_steps", "validate_every", "save_every")
    paced = {f"train.{key}": max(1, written[key] * steps // written["steps"]) for key in keys}
    return {**paced, "train.steps": steps}


def _config(name: str, changes: Mapping[str, Any]) -> TrainConfig:
    raw = copy.deepcopy(_BASE)
    change(raw, changes)
    return validated(TrainConfig, raw, f"{BASE_FILE.name} as {name}")

"""NAMI's trainer in bfloat16 for a few steps: the recipe that broke on a GPU, and a model of NAMI-2B's size.

`nami_bench.generators.nami.training` itself runs, and it refuses losses and gradients that are not finite.
Blocks begin as the identity, so that gradients reach all weights from the third step on. The loop is left
before anything is saved: a checkpoint of NAMI-2B with its optimizer is tens of gigabytes.
"""

import json
import time
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.part import Part
from nami_bench.generators.nami.config import NAMI_2B, NamiConfig
from nami_bench.generators.nami.training.config import (
    BridgeSection,
    DataSection,
    ModelSection,
    TinyText,
    TrainConfig,
    TrainSection,
    load_train_config,
)
from nami_bench.generators.nami.training.run import TrainingRun
from nami_bench.generators.nami.training.shapes_data import vocabulary

RECIPE = Path(__file__).resolve().parents[1] / "nami_tiny.toml"
"""The run that stopped in its second step with bfloat16 on a GPU: docs/results/nami-tiny."""
_STEPS = 5
_TOY = NamiConfig(
    num_layers=1,
    num_single_layers=2,
    attention_head_dim=16,
    num_attention_heads=2,
    axes_dims_rope=(4, 6, 6),
    stage_singleblock_index=(1, 1, 2),
)


class _EnoughError(Exception):
    """As many steps were made as were wanted."""


def measure(part: Part) -> None:
    """Both runs, in float32's place bfloat16; each run's findings are kept when it ends."""
    runs: dict[str, Any] = {}
    for name, config in _configurations(part.small).items():
        if part.left <= 0:
            part.leave_out(name)
            continue
        runs[name] = train(config, part.work / name, part)
        part.keep(runs=runs)
    part.leave_out("compiled", "the trainer has no option to compile")


def _configurations(small: bool) -> dict[str, TrainConfig]:
    batch = {"train.batch_size": 7} if small else {}
    changes = {
        "train.mixed_precision": "bf16",
        "train.steps": _STEPS,
        "bridge.steps": 2,
        "data.workers": 0,
        **batch,
    }
    recipe = load_train_config(RECIPE, changes)
    if small:
        return {"nami-tiny": recipe, "a toy of nami-2b": _begun_here(_TOY, width=32, side=64)}
    return {"nami-tiny": recipe, "nami-2b": _begun_here(NAMI_2B, width=1024, side=512)}


def _begun_here(layers: NamiConfig, width: int, side: int) -> TrainConfig:
    """A new model of these layers over `side` pixels of the shapes world.

    Text encoders of one `width` are trained along, in place of NAMI-2B's of 4096 and 1024.
    """
    shape = replace(layers, joint_attention_dim=width, pooled_projection_dim=width, sample_size=side // 8)
    text = TinyText(vocabulary(), width=width, layers=4, heads=16)
    train = TrainSection(
        steps=_STEPS, batch_size=6, shares=((1, 1, 1),), mixed_precision="bf16", gradient_checkpointing=True
    )
    return TrainConfig(
        ModelSection(transformer=shape, pixels_per_latent=8, latent_channels=16, text=text),
        BridgeSection(steps=2, batch_size=4),
        DataSection(size=side),
        train,
    )


def train(config: TrainConfig, folder: Path, part: Part) -> dict[str, Any]:
    """Steps of a run: their seconds, and of the last its loss, its gradients' norm and the peak of memory.

    Raises WorkError where a step's loss or gradients are not finite.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    ends: list[float] = []
    began = time.perf_counter()

    def advance(steps: int) -> None:
        ends.append(time.perf_counter())
        made = len(ends) - 1  # the first call tells of the steps of earlier runs: none
        if made == config.train.steps or (made and part.left <= 0):
            raise _EnoughError

    run = TrainingRun(config, folder)
    with suppress(_EnoughError):
        run.train(advance)
    last = _logged(folder)
    return {
        "steps": len(ends) - 1,
        "batch_size": config.train.batch_size,
        "parameters": sum(parameter.numel() for parameter in run.pipeline.transformer.parameters()),
        "seconds_until_the_first_step": ends[0] - began,
        "seconds_of_steps": [end - start for start, end in pairwise(ends)],
        "every_loss_and_gradient_is_finite": True,  # or the trainer had raised
        **{name: last.get(name) for name in ("loss", "loss_by_stage", "gradient_norm", "peak_memory_bytes")},
    }


def _logged(folder: Path) -> dict[str, Any]:
    """What the trainer wrote of its last step; nothing where that was not reached."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [record for line in lines if "loss" in (record := json.loads(line))]
    return steps[-1] if steps else {}

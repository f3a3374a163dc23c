"""A run's checkpoint as a pipeline: with averaged weights, as the finished run writes it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.generators.nami.autoencoder import PatchPCAAutoencoder
from nami_bench.generators.nami.folder import pipeline_folder
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.training.config import TrainConfig
from nami_bench.generators.nami.training.model import NamiTrainingModel
from nami_bench.generators.nami.training.tiny import new_pipeline
from nami_bench.neural.foreign_bars import without_bars
from nami_bench.neural.pretrained import pretrained
from nami_bench.serialize import validated


def write_pipeline(checkpoint: Path, target: Path) -> Path:
    """Write the pipeline of RUN/checkpoints/step-N, for the generator `nami`, to the new folder `target`.

    The checkpoint may lie elsewhere, as long as run.json and the bridge lie where its run has them: two
    folders above. Raises InputError where they do not, or do not fit.
    """
    pipeline = checkpoint_pipeline(checkpoint)
    with without_bars():
        pipeline.save_pretrained(target)
    return target


def checkpoint_pipeline(checkpoint: Path) -> NamiPipeline:
    """The pipeline of a checkpoint, on the CPU; see `write_pipeline`."""
    run = checkpoint.resolve().parent.parent
    config = _config(run / "run.json")
    pipeline = _empty(config, run)
    model = NamiTrainingModel(
        pipeline.transformer,
        pipeline.bridge,
        pipeline.scheduler.config.stage_range,
        pipeline.scheduler.windows,
        pipeline.text_encoder if config.trains_text else None,
        pipeline.text_encoder_2 if config.trains_text else None,
    )
    averages = _averages(checkpoint)
    parameters = list(model.parameters())
    if len(parameters) != len(averages):
        raise InputError(
            f"{checkpoint} holds {len(averages)} averaged weights, the model of {run} has {len(parameters)}"
        )
    with torch.no_grad():
        for parameter, average in zip(parameters, averages, strict=True):
            if parameter.shape != average.shape:
                raise InputError(f"{checkpoint} holds weights of another shape than the model of {run}")
            parameter.copy_(average)
    return pipeline


def _config(path: Path) -> TrainConfig:
    try:
        described: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"a checkpoint of `nami train` needs its run's {path}: {error}") from error
    known = {field.name for field in fields(TrainConfig)}
    return validated(TrainConfig, {key: value for key, value in described.items() if key in known}, str(path))


def _empty(config: TrainConfig, run: Path) -> NamiPipeline:
    """The run's pipeline before its training, with its own bridge and autoencoder."""
    if config.model.pipeline is None:
        train = config.train
        with torch.random.fork_rng(devices=[]):
            pipeline = new_pipeline(config.model, config.bridge.kind, train.seed, train.start_noise)
        if isinstance(pipeline.vae, PatchPCAAutoencoder):
            pipeline.vae = pretrained(PatchPCAAutoencoder, run / "autoencoder")
    else:
        pipeline = load_pipeline(pipeline_folder(config.model.pipeline))
    try:
        bridge: Any = pipeline.bridge
        bridge.load_state_dict(pretrained(type(bridge), run / "bridge").state_dict())
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"the bridge in {run / 'bridge'} is not that of the run") from error
    return pipeline


def _averages(checkpoint: Path) -> list[torch.Tensor]:
    """In the order of the model's parameters. Under FSDP each process kept a part of the first dimension."""
    files = sorted(
        checkpoint.glob("average-*.safetensors"), key=lambda path: int(path.stem.partition("-")[2])
    )
    try:
        parts = [load_file(path) for path in files]
        names = sorted(parts[0], key=int)
        if len(parts) == 1:
            return [parts[0][name] for name in names]
        return [torch.cat([part[name] for part in parts]) for name in names]
    except (IndexError, KeyError, ValueError, OSError, SafetensorError) as error:
        raise InputError(f"{checkpoint} holds no averaged weights that can be read: {error}") from error

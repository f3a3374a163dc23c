"""A model as it is handed on: in the precision that it is kept in, with the sampling that suits it."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from nami_bench.errors import InputError, StorageError
from nami_bench.foreign_text import parse_json
from nami_bench.generators.nami.folder import Sampling, overridden, own_sampling, pipeline_folder
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.torch_runtime import DtypeName, choose_dtype
from nami_bench.neural.foreign_bars import without_bars


def export(
    source: Path,
    target: Path,
    dtype: DtypeName = "float16",
    steps: tuple[int, ...] | None = None,
    guidance_scale: float | None = None,
    start_noise: float | None = None,
) -> Sampling:
    """Write the pipeline `source` (a folder, or a shipped model's name) to the new folder `target`.

    Weights are kept as `dtype`; what computes with them casts them as it needs. `steps` (of every stage, or
    of each) and `guidance_scale` become what the model asks for unless it is told otherwise, `start_noise`
    the share of fine noise that it gets after each bridge (see `NamiPipeline`); what is None stays. `target`
    appears only when it is whole. Returns the sampling that was written.

    Raises InputError where `source` cannot be loaded, `target` exists or `steps` do not fit the stages;
    StorageError where `target` cannot be written.
    """
    if target.exists():
        raise InputError(f"{target} exists already: name a new folder")
    folder = pipeline_folder(source)
    sampling = overridden(own_sampling(folder), steps=steps, guidance_scale=guidance_scale)
    pipeline = load_pipeline(folder, choose_dtype(torch.device("cpu"), dtype))
    if len(sampling.steps) not in (1, pipeline.num_stages) or min(sampling.steps) < 1:
        raise InputError(
            f"steps {list(sampling.steps)}: give one number, or one for each of the model's "
            f"{pipeline.num_stages} stages, each at least 1"
        )
    pipeline.register_to_config(sampling=asdict(sampling))
    if start_noise is not None:
        pipeline.register_to_config(start_noise=start_noise)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with without_bars():
            pipeline.save_pretrained(partial)
        _forget_places(partial)
        partial.rename(target)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sampling


def _forget_places(folder: Path) -> None:
    """Take out of the configurations where the model lay, and let everybody read the files."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
        if path.suffix == ".json":
            raw: Any = parse_json(path.read_text(encoding="utf-8"))
            for key in ("_name_or_path", "name_or_path"):
                raw.pop(key, None)
            path.write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")

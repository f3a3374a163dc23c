"""Loading a pipeline from its folder."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from nami_bench.errors import InputError, one_line
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.neural.pretrained import pretrained

_FORMER_PACKAGE = "generators.nami"
_PARTS = ("autoencoder", "bridge", "scheduler", "text", "transformer")


def load_pipeline(folder: Path, dtype: torch.dtype = torch.float32) -> NamiPipeline:
    """The pipeline in `folder`, its weights as `dtype`, on the CPU.

    Raises InputError where it cannot be used.
    """
    try:
        with without_bars(), _former_names():
            pipeline: NamiPipeline = pretrained(NamiPipeline, folder, dtype=dtype, local_files_only=True)
    except Exception as error:
        # Configurations and weights of many libraries: whatever it is, the folder cannot be used.
        raise InputError(f"cannot load {folder}: {type(error).__name__}: {one_line(str(error))}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def _former_names() -> Iterator[None]:
    """Let an index name our modules as they were called before version 0.2, when `nami_bench` did not stand
    before them. The shipped models' are kept so: a model is known by the hash of its files."""
    added = {
        f"{_FORMER_PACKAGE}.{part}": importlib.import_module(f"nami_bench.{_FORMER_PACKAGE}.{part}")
        for part in _PARTS
        if f"{_FORMER_PACKAGE}.{part}" not in sys.modules
    }
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep diffusers and transformers from drawing a bar for every part that they read or write."""
    # transformers' logging module is mostly untyped, and neither says whether its bars are on.
    modules: list[Any] = [diffusers.utils.logging, transformers.utils.logging]
    were_on = [module.is_progress_bar_enabled() for module in modules]
    for module in modules:
        module.disable_progress_bar()
    try:
        yield
    finally:
        for module, was_on in zip(modules, were_on, strict=True):
            if was_on:
                module.enable_progress_bar()

"""Loading a pipeline from its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from generators.nami.pipeline import NamiPipeline
from nami_bench.errors import InputError, one_line
from nami_bench.neural.pretrained import pretrained


def load_pipeline(folder: Path, dtype: torch.dtype = torch.float32) -> NamiPipeline:
    """The pipeline in `folder`, its weights as `dtype`, on the CPU.

    Raises InputError where it cannot be used.
    """
    try:
        with without_bars():
            pipeline: NamiPipeline = pretrained(NamiPipeline, folder, dtype=dtype, local_files_only=True)
    except Exception as error:
        # Configurations and weights of many libraries: whatever it is, the folder cannot be used.
        raise InputError(f"cannot load {folder}: {type(error).__name__}: {one_line(str(error))}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


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

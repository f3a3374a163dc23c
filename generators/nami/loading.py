"""Loading a pipeline from its folder."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

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
        with _former_names():
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

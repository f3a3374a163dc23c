"""Loading a diffusers pipeline: weights, LoRA, device; each failure in one clear sentence."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import DiffusionPipeline

from nami_bench.errors import GenerationError, InputError, UnknownNameError, one_line
from nami_bench.neural.device import device_name, is_out_of_memory
from nami_bench.neural.pretrained import pretrained

Offload = Literal["none", "model", "sequential"]


def load_pipeline(folder: Path, dtype: torch.dtype, variant: str | None = None) -> Any:
    """The pipeline that `folder` holds, on the CPU. Raises InputError where it cannot be loaded."""
    try:
        return pretrained(DiffusionPipeline, folder, dtype=dtype, variant=variant, local_files_only=True)
    except Exception as error:
        # Configurations, weights and code of many libraries: whatever it is, the folder cannot be used.
        reason = f"{type(error).__name__}: {one_line(str(error))}"
        raise InputError(f"cannot load the pipeline in {folder}: {reason}") from error


def check_call(pipeline: Any, arguments: Mapping[str, Any]) -> None:
    """Raise InputError unless the pipeline draws from prompts and takes every argument."""
    name = type(pipeline).__name__
    parameters = inspect.signature(type(pipeline).__call__).parameters
    if not {"prompt", "generator", "output_type"} <= parameters.keys():
        raise InputError(f"{name} is no text-to-image pipeline: it takes no prompt")
    # Those that take anything (**kwargs) drop what they don't know in silence.
    for argument in arguments:
        if argument not in parameters:
            raise UnknownNameError(f"argument of {name}", argument, parameters.keys() - {"self", "kwargs"})


def place(pipeline: Any, device: torch.device, offload: Offload = "none") -> None:
    """Bring the pipeline, or what offloading leaves of it, to the device.

    Raises InputError for offloading without a GPU, GenerationError where the memory is too small.
    """
    if offload != "none" and device.type == "cpu":
        raise InputError(f"offload={offload} needs a GPU, and the device is the CPU")
    try:
        if offload == "model":
            pipeline.enable_model_cpu_offload(device=device)
        elif offload == "sequential":
            pipeline.enable_sequential_cpu_offload(device=device)
        else:
            pipeline.to(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise GenerationError(
            f"{type(pipeline).__name__} does not fit into the memory of {device_name(device)}: "
            "try offload=model, offload=sequential or a half-precision dtype"
        ) from error

"""Loading a diffusers pipeline: weights, LoRA, device; each failure in one clear sentence."""

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import diffusers
import torch
from diffusers import DiffusionPipeline

from nami_bench.errors import GenerationError, InputError, UnknownNameError, one_line
from nami_bench.generators.part_files import only_variants
from nami_bench.generators.pipeline_content import read_index
from nami_bench.neural.device import device_name, is_out_of_memory
from nami_bench.neural.loading import loading
from nami_bench.neural.pretrained import from_one_file, pretrained

Offload = Literal["none", "model", "sequential"]


def load_pipeline(
    folder: Path,
    dtype: torch.dtype,
    variant: str | None = None,
    parts: Mapping[str, Any] = MappingProxyType({}),
    quantiser: Any = None,
) -> Any:
    """The pipeline that `folder` holds, on the CPU. Raises InputError where it cannot be loaded.

    `parts` are components that take the place of the folder's. `quantiser`: of diffusers, for its others.
    """
    arguments = {"dtype": dtype, "variant": variant, "local_files_only": True, **parts}
    if quantiser is not None:
        arguments["quantization_config"] = quantiser
    if "T5GemmaEncoder" in str(read_index(folder)):
        _know_t5gemma()
    try:
        return pretrained(DiffusionPipeline, folder, **arguments)
    except Exception as error:
        # Configurations, weights and code of many libraries: whatever it is, the folder cannot be used.
        reason = f"{type(error).__name__}: {one_line(str(error))}"
        hint = _variant_hint(folder) if variant is None else ""
        raise InputError(f"cannot load the pipeline in {folder}: {hint or reason}") from error


def _know_t5gemma() -> None:
    """Have transformers know the class that PRX's folders say it has.

    diffusers puts one there, but into a module that transformers has replaced by then: with transformers 5 no
    published PRX would load.
    """
    import diffusers.pipelines.prx as prx

    library: Any = sys.modules["transformers"]
    if not hasattr(library, "T5GemmaEncoder"):
        library.T5GemmaEncoder = prx.T5GemmaEncoder


def load_single_file(
    file: Path, base: Path, dtype: torch.dtype, parts: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """The pipeline whose weights are all in one file; `base`: the folder of one that says how it is built.

    `parts` are components that are not taken from the file. Raises InputError where it cannot be loaded.
    """
    kind: Any = getattr(diffusers, str(read_index(base).get("_class_name")), None)
    if not hasattr(kind, "from_single_file"):
        raise InputError(f"diffusers reads no {read_index(base).get('_class_name')} from a single file")
    try:
        with loading(file):
            return from_one_file(kind, str(file), config=str(base), dtype=dtype, **parts)
    except Exception as error:  # of a file with some components alone, anything
        reason = f"{type(error).__name__}: {one_line(str(error), 150)}"
        raise InputError(
            f"{file} does not give a whole {kind.__name__} ({reason}): name what it lacks in components; if "
            "it is the denoiser alone, give the pipeline as model and the file as transformer or unet"
        ) from error


def _variant_hint(folder: Path) -> str:
    """What to do where weights are there as variants alone; "" where that is not what is wrong."""
    inside = [folder / name for name in read_index(folder) if (folder / name).is_dir()]
    found = {variant for component in inside for variant in only_variants(component)}
    if not found:
        return ""
    return f"its weights are there as variant {' and '.join(sorted(found))} alone: give variant={min(found)}"


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

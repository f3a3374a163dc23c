"""Which device a network runs on, and when its memory ran out. Imports torch: for neural adapters only."""

from typing import Any

import torch

from nami_bench.errors import InputError


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name` ("cuda", "cuda:1", "mps", "cpu"); "auto" takes the best one there is.

    Raises InputError for a name that torch doesn't know or a device that this machine hasn't got.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"device {name!r} cannot be used here, device=auto finds one: {reason}") from error
    return device


def device_name(device: torch.device) -> str:
    """The product's name of a CUDA device, else the device's type."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def is_out_of_memory(error: Exception) -> bool:
    """Whether the device's, or the machine's, memory ran out."""
    from accelerate.utils.memory import should_reduce_batch_size

    return isinstance(error, torch.OutOfMemoryError) or bool(should_reduce_batch_size(error))


def free_memory() -> None:
    """Give back what no tensor needs any more, after memory ran out."""
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache(garbage_collection=True)


def reset_peak_memory() -> None:
    """Begin to watch anew how much memory the GPUs are asked for; does nothing before one is used."""
    for index in _gpus():
        torch.cuda.reset_peak_memory_stats(index)


def peak_memory() -> int | None:
    """Bytes that tensors held at most since `reset_peak_memory`, on all GPUs together; None without one."""
    peaks = [torch.cuda.max_memory_allocated(index) for index in _gpus()]
    return sum(peaks) if peaks else None


def _gpus() -> range:
    used: Any = torch.cuda.is_initialized  # untyped
    return range(torch.cuda.device_count() if used() else 0)

"""Where a measurement was taken."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

from nami_bench import __version__
from nami_bench.generators.torch_runtime import library_versions
from nami_bench.neural.device import device_name


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Processor, device and how busy the machine was; `load_average` is None where no such thing exists."""
    return {
        "device": device_name(device),
        "processor": _processor(),
        "cpu_cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def describe_versions() -> dict[str, Any]:
    """Versions of all that the times depend on."""
    return {
        "nami-bench": __version__,
        "python": platform.python_version(),
        **library_versions(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
    }


def _processor() -> str:
    """The processor's model; `platform.processor` is empty on most Linux systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

"""Weights kept in fewer bits, by torchao or bitsandbytes, as they are loaded."""

import importlib.metadata
from collections.abc import Callable, Mapping
from typing import Any

import torch

from nami_bench.errors import InputError, UnknownNameError

_Config = Callable[[Any], Any]
"""Makes a quantiser's configuration out of the classes of a library, diffusers or transformers."""


def _torchao(name: str) -> _Config:
    def config(library: Any) -> Any:
        from torchao import quantization

        return library.TorchAoConfig(getattr(quantization, name)())

    return config


KINDS: Mapping[str, tuple[str, _Config]] = {
    "int8wo": ("torchao", _torchao("Int8WeightOnlyConfig")),
    "int8dq": ("torchao", _torchao("Int8DynamicActivationInt8WeightConfig")),
    "int4wo": ("torchao", _torchao("Int4WeightOnlyConfig")),
    "fp8wo": ("torchao", _torchao("Float8WeightOnlyConfig")),
    "fp8dq": ("torchao", _torchao("Float8DynamicActivationFloat8WeightConfig")),
    "bnb-int8": ("bitsandbytes", lambda library: library.BitsAndBytesConfig(load_in_8bit=True)),
    "bnb-nf4": (
        "bitsandbytes",
        lambda library: library.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    ),
    "bnb-fp4": (
        "bitsandbytes",
        lambda library: library.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
    ),
}
"""By name: the package, and how it is asked for. wo: weights only; dq: what is multiplied with them, too."""
_NEED_A_GPU = frozenset({"int4wo", "fp8dq", "bnb-int8", "bnb-nf4", "bnb-fp4"})


def read_kinds(text: str | None) -> Mapping[str, str]:
    """The option `quantize` as kinds by component; "" stands for the denoiser, whatever it is called.

    "int8wo", or "transformer:int8wo,text_encoder_2:bnb-nf4". Raises UnknownNameError.
    """
    kinds = {}
    for part in filter(None, (text or "").split(",")):
        component, _, kind = part.strip().rpartition(":")
        if kind not in KINDS:
            raise UnknownNameError("way to quantise", kind, KINDS)
        kinds[component] = kind
    return kinds


def quantiser(kind: str, library: Any, device: torch.device) -> Any:
    """The configuration of `kind` for a network of `library`, the module diffusers or transformers.

    Raises InputError where the package or the GPU that it needs is missing.
    """
    package, config = KINDS[kind]
    if kind in _NEED_A_GPU and device.type != "cuda":
        raise InputError(f"quantize={kind} needs a CUDA GPU; on a CPU int8wo and fp8wo can be had")
    try:
        importlib.metadata.version(package)
        return config(library)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"quantize={kind} needs the package {package}: pip install 'nami-bench[quantised]'"
        ) from error


def pipeline_quantiser(kinds: Mapping[str, str], library: Callable[[str], Any], device: torch.device) -> Any:
    """The same for components of a pipeline that are loaded with it; None where there are none.

    `library` gives the module of a component's class.
    """
    from diffusers.quantizers import PipelineQuantizationConfig

    mapping = {name: quantiser(kind, library(name), device) for name, kind in kinds.items()}
    return PipelineQuantizationConfig(quant_mapping=mapping) if mapping else None


def versions(kinds: Mapping[str, str]) -> dict[str, str]:
    """Of the packages that quantise; those that are installed."""
    packages = {KINDS[kind][0] for kind in kinds.values()}
    return {name: importlib.metadata.version(name) for name in sorted(packages)}

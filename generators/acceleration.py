"""What makes a pipeline faster or smaller, and its pictures a little different: diffusers' own switches."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

from nami_bench.errors import InputError, UnknownNameError, one_line
from nami_bench.generators.lora import DENOISERS
from nami_bench.generators.step_caches import Cache, PassCounter

_PACKAGES = {
    "flash": "flash-attn",
    "_flash": "flash-attn",
    "sage": "sageattention",
    "_sage": "sageattention",
    "xformers": "xformers",
    "aiter": "kernels",
}
"""What computes attention, by how the backend's name begins; "_hub" at its end: fetched by `kernels`."""


@dataclass(frozen=True, slots=True)
class Acceleration:
    """`attention`: one of diffusers' backends. `compiled`: by torch.compile, block by block. `fp8_storage`:
    weights kept in 8-bit floats, and computed with in the pipeline's dtype."""

    cache: Cache | None = None
    attention: str | None = None
    compiled: bool = False
    fp8_storage: bool = False

    def __post_init__(self) -> None:
        known = {backend.value for backend in AttentionBackendName}
        if self.attention is not None and self.attention not in known:
            raise UnknownNameError("attention backend", self.attention, known)
        if self.cache is not None and self.compiled:
            # Its decisions leave the compiled graph at each block, and what is left out could not be counted.
            raise InputError("cache and compile do not go together here: give one of them")

    def describe(self) -> dict[str, Any]:
        """For `Generator.describe`: all of it changes pixels."""
        cache = None if self.cache is None else {"kind": self.cache.kind, **self.cache.settings}
        return {"cache": cache, "attention": self.attention, "compile": self.compiled}

    def versions(self) -> dict[str, str]:
        """Of the packages that it uses beside torch and diffusers."""
        name = self.attention or ""
        package = "kernels" if name.endswith("_hub") else None
        package = package or next((p for start, p in _PACKAGES.items() if name.startswith(start)), None)
        wanted = [package] if package else []
        return dict(_installed([*wanted, "triton"] if self.compiled else wanted))

    def apply(self, pipeline: Any, dtype: torch.dtype, steps: int) -> PassCounter | None:
        """Switch all of it on in a pipeline on its device; with a cache, what counts its savings.

        `steps`: of each image. Raises InputError for what this pipeline, or this machine, cannot do.
        """
        if self == Acceleration():
            return None
        denoiser = next((part for name in DENOISERS if (part := getattr(pipeline, name, None))), None)
        if denoiser is None:
            raise InputError(f"{type(pipeline).__name__} has no transformer or unet to make faster")
        if self.fp8_storage:
            with _switching("quantize=fp8-storage", denoiser):
                denoiser.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)
        if self.attention is not None:
            _set_attention(denoiser, self.attention)
        if self.compiled:
            with _switching("compile", denoiser):
                denoiser.compile_repeated_blocks(fullgraph=True)
        if self.cache is None:
            return None
        self.cache.enable(denoiser, steps)
        return PassCounter(denoiser, self.cache.kind)


def _set_attention(denoiser: Any, backend: str) -> None:
    """Set it for this network alone: diffusers makes it the choice of all that come later, too."""
    active, _ = _AttentionBackendRegistry.get_active_backend()
    with _switching(f"attention={backend}", denoiser):
        denoiser.set_attention_backend(backend)
    _AttentionBackendRegistry.set_active_backend(active)
    chosen = (getattr(part, "processor", None) for part in denoiser.modules())
    if not any(getattr(one, "_attention_backend", None) == backend for one in chosen):
        raise InputError(f"{type(denoiser).__name__} leaves no choice of attention: leave attention out")


@contextmanager
def _switching(what: str, denoiser: Any) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # missing packages, GPUs that are too old, networks without blocks
        reason = f"{type(error).__name__}: {one_line(str(error))}"
        raise InputError(f"{what} cannot be had with {type(denoiser).__name__} here: {reason}") from error


def _installed(packages: list[str]) -> Iterator[tuple[str, str]]:
    for name in packages:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue

"""Which numbers a network computes with."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch

from nami_bench.evaluation.geneval.clip_color import ClipColorOptions
from nami_bench.neural.device import choose_device, device_name

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
GPU_BATCH_SIZE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkOptions(ClipColorOptions):
    """`dtype`: other than float32, the network runs under autocast, which is another instrument; "auto" is
    bfloat16 on a CUDA device and float32 elsewhere."""

    dtype: Dtype = "auto"


class Precision:
    """Device and numbers that a network runs with; raises InputError where there is no such device."""

    def __init__(self, options: NetworkOptions) -> None:
        self.device = choose_device(options.device)
        automatic = "bfloat16" if self.device.type == "cuda" else "float32"
        self.name = automatic if options.dtype == "auto" else options.dtype
        self.dtype: torch.dtype = getattr(torch, self.name)

    @property
    def suffix(self) -> str:
        """What it adds to a detector's identity."""
        return "" if self.name == "float32" else f"-{self.name}"

    @property
    def runs_on(self) -> Mapping[str, str]:
        """Device and dtype, for a detector's `runs_on`."""
        return {"device": device_name(self.device), "dtype": self.name}

    def autocast(self) -> AbstractContextManager[Any]:
        """The context to run the network in. Casting the weights instead would give NaN in Mask2Former's
        deformable attention; autocast keeps it in float32."""
        plain = self.dtype == torch.float32
        return nullcontext() if plain else torch.autocast(self.device.type, dtype=self.dtype)

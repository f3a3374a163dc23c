"""diffusers' caches, which leave out a part of some steps: how they are asked for, and what they did."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from diffusers import FirstBlockCacheConfig, MagCacheConfig, TaylorSeerCacheConfig
from diffusers.hooks import SeaCacheConfig
from diffusers.hooks.mag_cache import FLUX_MAG_RATIOS

from nami_bench.errors import InputError, UnknownNameError, one_line
from nami_bench.foreign_text import parse_object

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kind:
    """`first`: the setting that a number behind the name is. `shared`: whether one decision holds for a whole
    batch, so that a picture would depend on its neighbours."""

    config: Any
    first: str
    shared: bool


KINDS: Mapping[str, _Kind] = {
    "fbcache": _Kind(FirstBlockCacheConfig, "threshold", shared=True),
    "seacache": _Kind(SeaCacheConfig, "threshold", shared=True),
    "taylorseer": _Kind(TaylorSeerCacheConfig, "cache_interval", shared=False),
    "magcache": _Kind(MagCacheConfig, "threshold", shared=False),
}
_NOT_SETTINGS = frozenset({"raw_vision_callback", "taylor_factors_dtype", "num_inference_steps", "calibrate"})


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache by its name in KINDS, with settings of its configuration in diffusers."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Cache":
        """Of "fbcache", "fbcache:0.2" or {"kind": "taylorseer", "cache_interval": 3}; raises InputError."""
        if text.lstrip().startswith("{"):
            try:
                settings = parse_object(text)
            except ValueError as error:
                raise InputError(f"cache {text!r} {error}") from error
            kind = str(settings.pop("kind", ""))
        else:
            kind, _, number = text.partition(":")
            settings = {} if not number else {_kind(kind).first: _number(text, number)}
        known = {one.name for one in fields(_kind(kind).config)} - _NOT_SETTINGS
        for name in settings:
            if name not in known:
                raise UnknownNameError(f"setting of {kind}", name, known)
        return cls(kind, settings)

    def check_batch_size(self, size: int) -> None:
        """Raise InputError for batches in which pictures would depend on their neighbours."""
        if size > 1 and KINDS[self.kind].shared:
            raise InputError(
                f"cache={self.kind} decides for a whole batch what is left out, so that a picture would "
                "depend on its neighbours: give batch_size=1"
            )

    def enable(self, denoiser: Any, steps: int) -> None:
        """Switch it on; each image has `steps`. Raises InputError for a denoiser it does not work with."""
        name = type(denoiser).__name__
        if not hasattr(denoiser, "enable_cache"):
            raise InputError(f"diffusers has no caches for {name}: leave cache out")
        settings = dict(self.settings)
        if self.kind == "magcache":
            settings |= {"num_inference_steps": steps, "mag_ratios": self._ratios(name)}
        try:
            denoiser.enable_cache(KINDS[self.kind].config(**settings))
        except Exception as error:
            reason = f"{type(error).__name__}: {one_line(str(error))}"
            raise InputError(f"cache={self.kind} does not work with {name}: {reason}") from error

    def _ratios(self, denoiser: str) -> Any:
        if "mag_ratios" in self.settings:
            return self.settings["mag_ratios"]
        if denoiser != "FluxTransformer2DModel":
            raise InputError(
                f"magcache needs the mag_ratios of {denoiser}, and diffusers has FLUX.1's alone: measure "
                "them by its MagCacheConfig(calibrate=True), and give "
                'cache={"kind": "magcache", "mag_ratios": [...]}'
            )
        return FLUX_MAG_RATIOS


class PassCounter:
    """How often a denoiser was asked during a draw, and how often it computed its last block.

    A cache that leaves nothing out is a common failure that nothing else shows.
    """

    def __init__(self, denoiser: Any, cache: str) -> None:
        """Raises InputError where no block can be watched."""
        self._cache, self._asked, self._computed, self._told = cache, 0, 0, False
        denoiser.register_forward_pre_hook(self._ask)
        _watched(denoiser).register_forward_pre_hook(self._compute)

    def start(self) -> None:
        """Before a draw."""
        self._asked = self._computed = 0

    def about(self) -> dict[str, Any]:
        """Of the draw since then, for each of its images' records: forward passes, and those in full."""
        if self._asked == self._computed and not self._told:
            self._told = True
            _log.warning(
                "cache=%s left nothing out: all %d passes were computed in full, and no time was saved",
                self._cache,
                self._asked,
            )
        return {"passes": self._asked, "passes_computed": self._computed}

    def _ask(self, *_: Any) -> None:
        self._asked += 1

    def _compute(self, *_: Any) -> None:
        self._computed += 1


def _watched(denoiser: Any) -> Any:
    """A layer that runs once a pass when its block, or its block's attention, is computed: the last query."""
    queries = [part for name, part in denoiser.named_modules() if name.endswith((".to_q", ".to_qkv", ".qkv"))]
    if not queries:
        raise InputError(f"{type(denoiser).__name__} has no attention that a cache could leave out")
    return queries[-1]


def _kind(name: str) -> _Kind:
    if name not in KINDS:
        raise UnknownNameError("cache", name, KINDS)
    return KINDS[name]


def _number(text: str, number: str) -> float | int:
    try:
        return int(number) if number.isdecimal() else float(number)
    except ValueError:
        raise InputError(f"cache {text!r}: {number!r} is no number") from None

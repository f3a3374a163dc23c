"""By what images are compared: a choice of networks, each loaded only where it is chosen."""

from pathlib import Path
from typing import Literal, Protocol

from nami_bench.errors import InputError
from nami_bench.evaluation.features import FeatureExtractor
from nami_bench.evaluation.weights import CLIP, CLIP_TAG, DINOV2

Network = Literal["clip", "inception", "dinov2"]
Kind = Literal["clip", "inception", "dinov2", "lpips", "pixels"]

_LIBRARIES: dict[str, tuple[str, ...]] = {
    "clip": ("torch", "torchvision", "open_clip_torch"),
    "inception": ("torch", "torch-fidelity"),
    "dinov2": ("torch", "transformers"),
    "lpips": ("torch", "torchvision", "lpips"),
    "pixels": ("pillow",),
}
_TAKEN = {
    "clip": {"model", "pretrained", "weights"},
    "inception": {"weights"},
    "dinov2": {"model"},
    "lpips": {"model", "weights"},
    "pixels": set[str](),
}


class Chosen(Protocol):
    """The options that say by what images are compared: read-only, since they are frozen."""

    @property
    def features(self) -> Kind: ...

    @property
    def model(self) -> str | None: ...

    @property
    def pretrained(self) -> str | None: ...

    @property
    def weights(self) -> Path | None: ...

    @property
    def device(self) -> str: ...


def chosen_extractor(chosen: Chosen) -> FeatureExtractor:
    """What turns images into vectors.

    clip: `model`, `pretrained` and `weights` as `clip-score` has them; inception: `weights`; dinov2: `model`,
    a folder or a name on the hub; lpips: `model` (alex, vgg, squeeze) and `weights`; pixels: none. Raises
    InputError for an option that the choice does not have, and where a package is missing.
    """
    kind = chosen.features
    given = {name for name in ("model", "pretrained", "weights") if getattr(chosen, name) is not None}
    if stray := sorted(given - _TAKEN[kind]):
        raise InputError(f"features={kind} has no option {stray[0]!r}")
    try:
        return _made(chosen)
    except ModuleNotFoundError as error:
        raise InputError(
            f"features={kind} needs the package {error.name!r}: pip install 'nami-bench[models]'"
        ) from error


def libraries_of(kind: Kind) -> tuple[str, ...]:
    """The packages that features depend on."""
    return _LIBRARIES[kind]


def _made(chosen: Chosen) -> FeatureExtractor:
    model, weights, device = chosen.model, chosen.weights, chosen.device
    if chosen.features == "clip":
        from nami_bench.evaluation.variety.clip_features import ClipFeatures

        return ClipFeatures(model or CLIP, chosen.pretrained or CLIP_TAG, weights, device)
    if chosen.features == "inception":
        from nami_bench.evaluation.inception import InceptionFeatures

        return InceptionFeatures(weights, device)
    if chosen.features == "dinov2":
        from nami_bench.evaluation.variety.dinov2 import DinoFeatures

        return DinoFeatures(model or DINOV2, device)
    if chosen.features == "lpips":
        from nami_bench.evaluation.variety.lpips_features import LpipsFeatures

        return LpipsFeatures(model or "alex", weights, device)
    from nami_bench.evaluation.variety.thumbnails import Thumbnails

    return Thumbnails()

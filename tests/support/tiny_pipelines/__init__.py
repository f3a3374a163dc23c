"""Tiny pipelines of diffusers' own classes: random weights, tokenizers made here, nothing from the hub."""

from collections.abc import Callable
from typing import Any


def builders() -> dict[str, Callable[[], Any]]:
    """By name, what makes each pipeline. Needs the extra `models`."""
    from tests.support.tiny_pipelines import with_language_models, with_text_encoders

    inner = {"dc_ae", "flux2_transformer"}
    return {
        name: made
        for module in (with_language_models, with_text_encoders)
        for name, made in vars(module).items()
        if getattr(made, "__module__", None) == module.__name__ and name not in inner
    }

"""Tiny pipelines of diffusers' own classes: random weights, tokenizers made here, nothing from the hub."""

from collections.abc import Callable
from types import FunctionType
from typing import Any


def builders() -> dict[str, Callable[[], Any]]:
    """By name, what makes each pipeline. Needs the extra `models`."""
    from tests.support.tiny_pipelines import (
        of_first_adapters,
        with_language_models,
        with_qwen3_vl,
        with_special_parts,
        with_text_encoders,
    )

    modules = (
        of_first_adapters,
        with_language_models,
        with_qwen3_vl,
        with_special_parts,
        with_text_encoders,
    )
    return {
        name: made
        for module in modules
        for name, made in vars(module).items()
        if isinstance(made, FunctionType) and made.__module__ == module.__name__
        if not name.startswith("_") and name != "flux2_transformer"
    }

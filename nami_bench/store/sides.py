"""Verdicts on pairs, read with the images the other way round."""

from typing import TypeVar

from nami_bench.domain import Outcome

T = TypeVar("T")
_TURNED = {Outcome.LEFT: Outcome.RIGHT.value, Outcome.RIGHT: Outcome.LEFT.value}


def as_seen(answer: T, turned: bool) -> "T | str":
    """An answer as it reads where the two images have changed their sides (`turned`); scores never change."""
    return _TURNED.get(answer, answer) if turned and isinstance(answer, str) else answer  # type: ignore[call-overload]

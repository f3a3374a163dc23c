"""JSON and TOML from elsewhere: whatever is wrong with it is a ValueError, however deep it is nested."""

import json
import tomllib
from typing import Any

DEEPEST = 200
"""No value may be nested deeper: what reads it further on calls itself once for each level."""


def parse_json(text: str | bytes) -> Any:
    """`json.loads`, which of a text nested without end raises RecursionError, here a ValueError."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    _check_depth(value, text)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """`tomllib.loads`, likewise."""
    try:
        value = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    _check_depth(value, text)
    return value


def _check_depth(value: Any, text: str | bytes) -> None:
    openings = ("[", "{", ".") if isinstance(text, str) else (b"[", b"{", b".")
    if sum(map(text.count, openings)) < DEEPEST:  # type: ignore[arg-type]
        return
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []

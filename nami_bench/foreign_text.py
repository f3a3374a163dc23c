"""JSON and TOML from elsewhere: whatever is wrong with it is a ValueError, however deep it is nested."""

import io
import json
import math
import tomllib
from collections.abc import Iterator
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


def parse_text_json(text: str) -> Any:
    """The same of what people will read: an escaped half of a surrogate pair is JSON, but no text."""
    value = parse_json(text)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def parse_object(text: str) -> dict[str, Any]:
    """A line's JSON object. A ValueError's words follow the line's name: "is not JSON: ..."."""
    try:
        value = parse_text_json(text)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    return value


def check_numbers(value: Any, field: str = "") -> None:
    """Raise ValueError for NaN and infinity, which are no JSON though Python reads them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{field!r} is {value}, which is no number that JSON knows")
    if isinstance(value, dict):
        for key, inner in value.items():
            check_numbers(inner, f"{field}.{key}" if field else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            check_numbers(inner, f"{field}[{index}]")


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number from 1 on, stripped line) of every line that holds something."""
    # Not splitlines: a JSON string may hold U+2028, which is no line end here. Nor all at once.
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if stripped := line.strip():
            yield number, stripped


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

"""Values as TOML text."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any


def entry(table: str, part: Any, *, is_list: bool = True) -> str:
    """A dataclass as a table of that name, or one entry of a list of them: what is not its default."""
    head = f"[[{table}]]" if is_list else f"[{table}]"
    values = ((field, getattr(part, field.name)) for field in fields(part))
    return f"{head}\n" + "".join(
        pair(field.name, value) for field, value in values if not _is_default(field, value)
    )


def pair(key: str, value: Any) -> str:
    """One line."""
    return f"{key} = {toml(value)}\n"


def toml(value: Any) -> str:
    """A value as TOML has it: texts, numbers, lists, and mappings as inline tables."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(str(key))} = {toml(one)}" for key, one in value.items() if one is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, int | float):
        return repr(value)
    return _text(str(value))


def _is_default(field: Any, value: Any) -> bool:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return bool(value == default)


def _key(key: str) -> str:
    is_bare = key.isascii() and bool(key) and all(c.isalnum() or c in "_-" for c in key)
    return key if is_bare else _text(key)


def _text(text: str) -> str:
    """As a basic string, whose escapes are JSON's; JSON leaves one control character as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

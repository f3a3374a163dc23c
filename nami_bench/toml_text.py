"""Values as TOML text."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

_WIDEST = 110
"""Characters of a mapping on one line."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def document(values: Mapping[str, Any]) -> str:
    """Nested mappings and lists of them as tables; a text of several lines as one. None stands for nothing.

    `tomllib` reads equal values from it; moments have a time zone, and are written in UTC.
    """
    return "\n".join(_tables((), values)) if values else ""


def _tables(path: tuple[str, ...], values: Mapping[str, Any], *, is_element: bool = False) -> list[str]:
    """This table, and those below it, each a text with its heading."""
    given = {key: value for key, value in values.items() if value is not None}
    below = {key: one for key, one in given.items() if _is_table(one, path) or _is_list_of_tables(one)}
    pairs = "".join(_line(key, value) for key, value in given.items() if key not in below)
    name = ".".join(map(_key, path))
    head = f"[[{name}]]\n" if is_element else f"[{name}]\n"
    found = [head + pairs] if is_element or (path and (pairs or not below)) else [pairs] if pairs else []
    for key, value in below.items():
        elements = [value] if isinstance(value, Mapping) else value
        for one in elements:
            found += _tables((*path, str(key)), one, is_element=not isinstance(value, Mapping))
    return found


def _is_table(value: Any, path: tuple[str, ...]) -> bool:
    """Whether a value below `path` gets a heading: at the top of the document, else where it is long."""
    if not isinstance(value, Mapping):
        return False
    if not path:
        return True
    inner = value.values()
    if any(isinstance(one, Mapping) or (isinstance(one, str) and "\n" in one) for one in inner):
        return True
    return len(toml(value)) > _WIDEST


def _is_list_of_tables(value: Any) -> bool:
    is_list = isinstance(value, list | tuple)
    return is_list and bool(value) and all(isinstance(one, Mapping) for one in value)


def _line(key: str, value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return f'{_key(str(key))} = """\n{_lines(value)}"""\n'
    return pair(_key(str(key)), value)


def _lines(text: str) -> str:
    """The inside of a multi-line basic string, in which two quotes may stand together, also at its end."""
    quoted = text.replace("\\", "\\\\").replace('"""', '""\\"')
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


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
    """A value as TOML has it: texts, numbers, moments, lists, and mappings as inline tables."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(str(key))} = {toml(one)}" for key, one in value.items() if one is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
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

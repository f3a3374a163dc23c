"""Single values of a run file, set from outside: `model.mine.options.steps=20`.

A key is a path of names with dots between them. An element of a list is found by its name, or by its number
from 0; among names with dots in them the longest that fits is meant.
"""

import types
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from nami_bench.errors import InputError, UnknownNameError, did_you_mean
from nami_bench.foreign_text import parse_toml


def overridden(target: type, raw: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`raw`, the content of a file that is to become a `target`, with the values of `overrides` set.

    Texts are read as the place wants them: as they are where it holds a text or path, else as TOML, or for a
    list as words between commas. Raises InputError for an unknown key, which it lists the known ones of, and
    UnknownNameError for an unknown element.
    """
    changed: dict[str, Any] = _copy(raw)
    for key, value in overrides.items():
        _set(target, changed, key, value, key)
    return changed


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list | tuple) else value


def _set(hint: Any, holder: Any, path: str, value: Any, key: str) -> None:
    """Set `value` at `path` within `holder`, which is to become a `hint`; `key` is the whole path."""
    hint = _without_none(hint)
    if isinstance(holder, list):
        at, rest = _element(holder, path, key)
        if not rest:
            raise InputError(f"-s {key}: names a whole entry: set one of its keys")
        _set(_inner(hint), holder[at], rest, value, key)
        return
    if not isinstance(holder, MutableMapping):
        raise InputError(f"-s {key}: there is nothing below {key.removesuffix(path).rstrip('.')!r} to set")
    name, _, rest = path.partition(".")
    inner = _hint_of(hint, name, key)
    if not rest:
        holder[name] = _read(inner, value, key)
        return
    if name not in holder:
        holder[name] = [] if _is_list(inner) else {}
    _set(inner, holder[name], rest, value, key)


def _element(holder: Sequence[Any], path: str, key: str) -> tuple[int, str]:
    """Which element of a list the path begins with, and what is left of the path."""
    names = {str(one.get("name", "")): at for at, one in enumerate(holder) if isinstance(one, Mapping)}
    names = {str(at): at for at in range(len(holder))} | names
    fitting = [name for name in names if name and (path == name or path.startswith(f"{name}."))]
    if not fitting:
        raise UnknownNameError(f"entry in -s {key}", path.partition(".")[0], filter(None, names))
    longest = max(fitting, key=len)
    return names[longest], path[len(longest) + 1 :]


def _hint_of(hint: Any, name: str, key: str) -> Any:
    """The type of what stands under `name`; any name will do where there is no fixed list of them."""
    if not is_dataclass(hint):
        return Any
    known = [field.name for field in fields(hint)]
    if name not in known:
        advice = [did_you_mean(name, known), f"known: {', '.join(sorted(known))}"]
        raise InputError(f"-s {key}: unknown key {name!r}: {' '.join(filter(None, advice))}")
    return get_type_hints(hint)[name]


def _read(hint: Any, value: Any, key: str) -> Any:
    """A text as the place wants it; what is no text is taken as it is."""
    hint = _without_none(hint)
    if not isinstance(value, str) or hint in (str, Path):
        return value
    if _is_list(hint) and is_dataclass(_inner(hint)):
        raise InputError(f"-s {key}: is a list of entries: set a key of one of them, as {key}.0.KEY=VALUE")
    try:
        found = parse_toml(f"value = {value}")
    except ValueError:
        found = {"value": value}
    if len(found) > 1:
        raise InputError(f"-s {key}: {value!r} is more than one value")
    if _is_list(hint) and not isinstance(found["value"], list):
        return [word.strip() for word in value.split(",") if word.strip()]
    return found["value"]


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not types.NoneType]
        return kinds[0] if len(kinds) == 1 else hint
    return hint


def _is_list(hint: Any) -> bool:
    return get_origin(_without_none(hint)) is tuple


def _inner(hint: Any) -> Any:
    """Of what the elements of a list are."""
    return get_args(hint)[0] if _is_list(hint) else Any

"""What the options of a plugin are, in words: read from its class, without making one."""

import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nami_bench import registry
from nami_bench.errors import UnknownNameError

_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
}


@dataclass(frozen=True, slots=True)
class Option:
    """`takes` says what kind of value; `default` is None where there is none, or it says nothing."""

    name: str
    takes: str
    required: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class PluginOptions:
    """Of the plugin `name`, a `kind` such as "metric".

    `summary` says in a sentence or two what it is, `about` what its options do.
    """

    kind: str
    name: str
    summary: str
    options: tuple[Option, ...]
    about: str


def described(name: str) -> list[PluginOptions]:
    """All plugins called `name`, in the order of the groups.

    Raises UnknownNameError where there is none, and InputError where one cannot be loaded.
    """
    groups = [group for group in registry.GROUPS if name in registry.plugins(group)]
    if not groups:
        raise UnknownNameError(
            "plugin", name, {one for group in registry.GROUPS for one in registry.plugins(group)}
        )
    return [_described(group, name) for group in groups]


def _described(group: str, name: str) -> PluginOptions:
    target = registry.load(group, name)
    options: type | None = getattr(target, "Options", None)
    summary = " ".join((inspect.getdoc(target) or "").partition("\n\n")[0].split())
    if options is None or not is_dataclass(options):
        return PluginOptions(registry.GROUPS[group], name, summary, (), "")
    hints = get_type_hints(options)
    return PluginOptions(
        registry.GROUPS[group],
        name,
        summary,
        tuple(_option(field, hints[field.name]) for field in fields(options) if field.init),
        _about(options),
    )


def _about(options: type) -> str:
    """The docstring of the options; "" for the one that dataclasses make of the signature."""
    about = inspect.getdoc(options) or ""
    return "" if about.startswith(f"{options.__name__}(") else about


def _option(field: "Field[Any]", hint: Any) -> Option:
    required = field.default is MISSING and field.default_factory is MISSING
    default = None if field.default in (MISSING, None, "") else str(field.default)
    if isinstance(field.default, bool):
        default = str(field.default).lower()
    return Option(field.name, _in_words(hint), required, default)


def _in_words(hint: Any) -> str:
    """A type as people say it."""
    hint = getattr(hint, "__value__", hint)  # of a `type` statement
    if hint in _WORDS:
        return _WORDS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is typing.Annotated:
        return _in_words(arguments[0])
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_in_words(one) for one in arguments if one is not types.NoneType))
    if is_dataclass(hint):
        return "object with " + ", ".join(field.name for field in fields(hint))
    if isinstance(origin, type):
        return "JSON object" if issubclass(origin, Mapping) else "JSON list"
    if isinstance(hint, type) and hasattr(hint, "__members__"):
        return " | ".join(str(member.value) for member in hint)  # type: ignore[attr-defined]
    return getattr(hint, "__name__", str(hint))

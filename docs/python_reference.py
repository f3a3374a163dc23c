"""The reference of the Python interface, as Markdown, from the package's own public names."""

import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from types import FunctionType
from typing import Any, get_args

from cli_reference import prose

import nami_bench

_MODULES = re.compile(r"\b[a-z_]\w*(?:\.[a-z_]\w*)*\.(?=[A-Z])")
_WIDTH = 90


def public_names() -> dict[str, Any]:
    """What the package offers by name: functions, the classes that they return, the other names."""
    offered = {name: getattr(nami_bench, name) for name in sorted(nami_bench.__all__) if name[0] != "_"}
    functions = {name: one for name, one in offered.items() if inspect.isfunction(one)}
    returned = {one.__name__: one for function in functions.values() for one in _returned(function)}
    return functions | returned | offered


def members(of: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that classes of the package define, in the order of their code."""
    found: dict[str, Any] = {}
    for owner in of.__mro__:
        if _is_ours(owner):
            for name, member in vars(owner).items():
                if name[0] != "_" and isinstance(
                    _function(member), FunctionType | property | cached_property
                ):
                    found.setdefault(name, member)
    yield from found.items()


def undocumented() -> list[str]:
    """Public names and members that do not say what they are."""
    return [name for name, one in _all() if not _own_words(one)]


def python_reference() -> str:
    """The whole page."""
    parts = [
        "# Python\n",
        "Written from the package itself; `help(...)` after any name says the same. Every name is imported "
        f"as `from nami_bench import ...`, when it is first used; `nami_bench.__version__` is "
        f"`{nami_bench.__version__}`. Whatever goes wrong on purpose is a `NamiBenchError` in one sentence. "
        "How the functions are used: [From Python](../python.md).\n",
    ]
    for name, one in _all():
        level = "###" if "." in name else "##"
        parts.append(f"{level} {name}\n\n{_signature(name, one)}{prose(_own_words(one))}")
    return "\n".join(parts)


def _all() -> Iterator[tuple[str, Any]]:
    for name, one in public_names().items():
        yield name, one
        if inspect.isclass(one):
            for member, of in members(one):
                yield f"{name}.{member}", of


def _returned(function: Any) -> list[type]:
    """The package's classes that a function says it returns."""
    said = inspect.signature(function).return_annotation
    return [one for one in (get_args(said) or (said,)) if inspect.isclass(one) and _is_ours(one)]


def _is_ours(one: type) -> bool:
    return one.__module__.partition(".")[0] == nami_bench.__name__


def _function(member: Any) -> Any:
    return member.__func__ if isinstance(member, classmethod | staticmethod) else member


def _own_words(one: Any) -> str:
    """Its docstring, not that of a base, nor the signature that a dataclass has for want of one."""
    words = _function(one).__doc__ or ""
    return "" if inspect.isclass(one) and words.startswith(f"{one.__name__}(") else words


def _signature(name: str, one: Any) -> str:
    """How it is called, on one line or, where that is long, on one for each parameter."""
    called = name.rpartition(".")[2]
    if isinstance(one, property | cached_property):
        getter: Any = one.fget if isinstance(one, property) else one.func
        return _code(f"{called}: {_annotation(inspect.signature(getter))}")
    try:
        found = inspect.signature(_function(one))
    except ValueError:  # of an exception, which takes its message
        return ""
    parameters = list(_parameters(found))
    after = "" if inspect.isclass(one) else f" -> {_annotation(found)}"
    line = f"{called}({', '.join(parameters)}){after}"
    if len(line) > _WIDTH:
        line = "\n".join((f"{called}(", *(f"    {parameter}," for parameter in parameters), f"){after}"))
    return _code(line)


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    """With a star before the first that must be named; without that of the object."""
    starred = False
    for parameter in signature.parameters.values():
        starred |= parameter.kind is parameter.VAR_POSITIONAL
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        if parameter.name not in ("self", "cls"):
            yield _shown(str(parameter))


def _annotation(signature: inspect.Signature) -> str:
    return _shown(inspect.formatannotation(signature.return_annotation))


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n\n"


def _shown(text: str) -> str:
    """Without modules before classes, quotes around annotations that are not read yet, and marks of types
    that stand for others."""
    return _MODULES.sub("", re.sub(r"(: |^)'([^']*)'", r"\1\2", text)).replace("~", "")

"""Plugins: a lazy look-up from a name to the object that an entry point declares.

Built-in plugins are declared in this project's own pyproject.toml, third-party ones in theirs:
there is one mechanism. Listing names loads nothing.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

from nami_bench.errors import InputError, UnknownNameError

GROUPS = {
    "generators": "generator",
    "metrics": "metric",
    "prompt_sources": "prompt source",
    "prompt_writers": "prompt writer",
    "detectors": "detector",
    "judges": "judge",
    "text_readers": "text reader",
    "weights": "declaration of weights",
}


def plugins(group: str) -> dict[str, EntryPoint]:
    """Entry points of `group` (a key of GROUPS) by name, unloaded.

    Raises InputError where two packages declare the same name for different objects.
    """
    found: dict[str, EntryPoint] = {}
    for point in _declared(f"nami_bench.{group}", tuple(sys.path)):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise InputError(
                f"two plugins are called {point.name!r} in nami_bench.{group}: "
                f"{other.value} and {point.value}; uninstall one"
            )
    return dict(sorted(found.items()))


@lru_cache(maxsize=16)
def _declared(group: str, _path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """A group's entry points: to look through all packages on the path takes a hundredth of a second."""
    return tuple(entry_points(group=group))


def load(group: str, name: str) -> Any:
    """The object behind `name`; raises UnknownNameError with near matches, or says which extra is missing."""
    known = plugins(group)
    if name not in known:
        raise UnknownNameError(GROUPS[group], name, known)
    try:
        return known[name].load()
    except ModuleNotFoundError as error:
        raise InputError(f"{GROUPS[group]} {name!r} {_advice(error, known[name])}") from error


def create(group: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
    """Load plugin `name` and call it with its validated options.

    A plugin is a class; its inner dataclass `Options` declares what it takes, and its constructor
    takes one such object. A class without `Options` takes no options.
    """
    from nami_bench.serialize import validated  # brings pydantic, which listing names must not

    target = load(group, name)
    where = f"{GROUPS[group]} {name!r}"
    if not hasattr(target, "Options"):
        if options:
            raise InputError(f"{where} takes no options, got {', '.join(sorted(options))}")
        return target()
    return target(validated(target.Options, dict(options or {}), where))


def _advice(error: ModuleNotFoundError, point: EntryPoint) -> str:
    """What to install; or, where the package is there without the module, which package that is."""
    missing = error.name or str(error)
    package = find_spec(missing.partition(".")[0])
    if package is not None:
        where = package.origin or ", ".join(package.submodule_search_locations or ())
        return (
            f"needs {missing!r}, which the package at {where} does not have: is it another one, or too old?"
        )
    # The extra that its entry point names, or the plugin's own where it has one, else the one for all models.
    extras = point.dist.metadata.get_all("Provides-Extra") if point.dist else None
    own = point.name if point.name in (extras or ()) else "models"
    extra = next(iter(point.extras), own)
    return f"needs the package {missing!r}: pip install 'nami-bench[{extra}]'"

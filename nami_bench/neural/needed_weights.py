"""Which weights each metric, detector and judge needs: declared by entry points, so that no plugin is loaded.

An entry point of the group nami_bench.weights is called GROUP.NAME after the plugin (metrics.hpsv2) and leads
to a frozen dataclass whose fields are those of the plugin's options that choose weights, with the same
defaults: see `Needs`. Its module must not import torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nami_bench import registry
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.neural.weights import Weights
from nami_bench.serialize import validated

GROUPS = ("metrics", "detectors", "judges")


class Needs(Protocol):
    """What an entry point of nami_bench.weights leads to, with the options that were given."""

    def loads(self) -> Sequence[Weights]:
        """All that the plugin loads; empty where it needs none, or an option must say which.

        Raises InputError or UnknownNameError for options that name nothing.
        """
        ...

    @property
    def note(self) -> str:
        """Where there are none, why; else ""."""
        ...


@dataclass(frozen=True, slots=True)
class Needed:
    """The weights of a plugin: a `kind` such as "metric"."""

    kind: str
    name: str
    weights: tuple[Weights, ...]
    note: str


def all_needed() -> Iterator[Needed]:
    """What every plugin of GROUPS needs as it is, those that declare nothing among them."""
    for group in GROUPS:
        for name in registry.plugins(group):
            yield _needed(group, name, {})


def needed(options: Mapping[str, Mapping[str, Any]]) -> list[Needed]:
    """What the plugins of these names need with these options; a name that several groups have is GROUP.NAME.

    Raises UnknownNameError for a name that no plugin has, InputError for one that several have, for options
    that do not choose weights, and where a plugin does not declare what it needs.
    """
    found = []
    for given_name, given in options.items():
        group, name = _plugin(given_name)
        if f"{group}.{name}" not in registry.plugins("weights"):
            kind = registry.GROUPS[group]
            raise InputError(f"the {kind} {name!r} does not declare which weights it needs")
        found.append(_needed(group, name, given))
    return found


def _plugin(name: str) -> tuple[str, str]:
    """The group and the name in it."""
    known = [(group, one) for group in GROUPS for one in registry.plugins(group)]
    found = [(group, one) for group, one in known if name in (one, f"{group}.{one}")]
    if not found:
        raise UnknownNameError("metric, detector or judge", name, {one for _, one in known})
    if len(found) > 1:
        names = " or ".join(f"{group}.{one}" for group, one in found)
        raise InputError(f"several are called {name!r}: say {names}")
    return found[0]


def _needed(group: str, name: str, options: Mapping[str, Any]) -> Needed:
    kind = registry.GROUPS[group]
    if f"{group}.{name}" not in registry.plugins("weights"):
        return Needed(kind, name, (), "it does not declare them")
    declared: type[Any] = registry.load("weights", f"{group}.{name}")
    needs: Needs = validated(declared, options, f"the {kind} {name!r}") if options else declared()
    return Needed(kind, name, tuple(needs.loads()), needs.note)

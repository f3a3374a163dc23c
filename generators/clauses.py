"""What a shapes scene holds: GenEval's clauses as groups of equal shapes, kept or violated on purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from nami_bench.config import validated
from nami_bench.domain import GENEVAL_TASKS
from nami_bench.errors import InputError
from nami_bench.shapes import COLORS, SHAPES

# Unit vectors, y down.
RELATIONS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
MAX_OBJECTS = 12


@dataclass(frozen=True, slots=True)
class Group:
    """One include clause: `count` equal shapes, and where they stand to the group number `target`."""

    shape: str
    count: int
    color: str | None = None
    relation: str | None = None
    target: int = 0


Groups = tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Clauses:
    """A prompt's clauses, checked: the groups to draw and, by shape, the count from which it is too many."""

    tag: str
    groups: Groups
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Include:
    shape: Annotated[str, Field(alias="class")]
    count: Annotated[int, Field(ge=1)]
    color: str | None = None
    position: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class _Exclude:
    shape: Annotated[str, Field(alias="class")]
    count: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class _GenEval:
    tag: str
    include: tuple[_Include, ...]
    exclude: tuple[_Exclude, ...] = ()


def parse_clauses(raw: Mapping[str, Any]) -> Clauses:
    """Read GenEval's tag, include and exclude.

    Raises InputError for clauses that cannot be drawn, that no picture could be known to satisfy,
    or whose task is about something they do not name.
    """
    parsed = validated(_GenEval, raw, "the prompt's clauses")
    groups = tuple(_group(entry, index) for index, entry in enumerate(parsed.include))
    if not groups:
        raise InputError("the prompt's clauses include nothing to draw")
    if len({g.shape for g in groups}) < len(groups):
        # GenEval takes the best detections of a class for every clause that names it, so that
        # no picture could be known to be right.
        raise InputError("two of the prompt's include clauses name one class; GenEval cannot tell them apart")
    if sum(g.count for g in groups) > MAX_OBJECTS:
        raise InputError(f"the prompt asks for more than {MAX_OBJECTS} objects, the shapes renderer's limit")
    _check_task(parsed.tag, groups)
    return Clauses(parsed.tag, groups, _limits(parsed.exclude, groups))


def _group(entry: _Include, index: int) -> Group:
    if entry.shape not in SHAPES:
        known = ", ".join(SHAPES)
        raise InputError(f"the shapes renderer only draws {known}; the prompt asks for {entry.shape!r}")
    if entry.color is not None and entry.color not in COLORS:
        known = ", ".join(COLORS)
        raise InputError(f"the shapes renderer only paints {known}; the prompt asks for {entry.color!r}")
    if entry.position is None:
        return Group(entry.shape, entry.count, entry.color)
    relation, target = entry.position
    if relation not in RELATIONS or not 0 <= target < index:
        raise InputError(
            f"the prompt's clause for {entry.shape!r} has the position {[relation, target]}; expected one of "
            f"{', '.join(RELATIONS)} and the number of an earlier clause"
        )
    return Group(entry.shape, entry.count, entry.color, relation, target)


def _check_task(tag: str, groups: Groups) -> None:
    """A task's own kind of error must be possible, or its planted errors would be something else."""
    if tag not in GENEVAL_TASKS:
        raise InputError(f"the prompt's task is {tag!r}; known: {', '.join(GENEVAL_TASKS)}")
    colored = any(g.color for g in groups)
    needs = {
        "two_object": ("a second object", len(groups) > 1),
        "colors": ("a color", colored),
        "position": ("a position", any(g.relation for g in groups)),
        "color_attr": ("a color", colored),
    }
    what, is_named = needs.get(tag, ("", True))
    if not is_named:
        raise InputError(f"the prompt's task is {tag}, but its include clauses do not name {what}")


def _limits(exclude: Sequence[_Exclude], groups: Groups) -> dict[str, int]:
    limits: dict[str, int] = {}
    for entry in exclude:
        limits[entry.shape] = min(entry.count, limits.get(entry.shape, entry.count))
    for group in groups:
        if group.shape in limits and group.count >= limits[group.shape]:
            raise InputError(
                f"the prompt's clauses both ask for and exclude {group.count} of {group.shape!r}"
            )
    return limits


def plant_error(clauses: Clauses, rng: np.random.Generator) -> tuple[Groups, str]:
    """Groups that surely violate `clauses`, and how, for example "counting: drew 3 instead of 2".

    The error is of the task's own kind: another class (single_object), an object missing or of
    another class (two_object), one too few or too many (counting), another color (colors), another
    relation (position), exchanged or changed colors (color_attr).
    """
    groups, what = _ERRORS[clauses.tag](clauses, rng)
    return groups, f"{clauses.tag}: drew {what}"


def choose(options: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of `options`, each as likely."""
    return options[int(rng.integers(len(options)))]


def _other_class(clauses: Clauses, rng: np.random.Generator) -> tuple[Groups, str]:
    wanted = {g.shape for g in clauses.groups}
    group = choose(clauses.groups, rng)
    shape = choose([s for s in SHAPES if s not in wanted], rng)
    return _changed(clauses.groups, group, shape=shape), f"{shape} instead of {group.shape}"


def _one_of_two(clauses: Clauses, rng: np.random.Generator) -> tuple[Groups, str]:
    if rng.random() < 0.5:
        return _other_class(clauses, rng)
    group = choose(clauses.groups, rng)
    return _changed(clauses.groups, group, count=0), f"no {group.shape}"


def _other_count(clauses: Clauses, rng: np.random.Generator) -> tuple[Groups, str]:
    group = choose(clauses.groups, rng)
    # One too many is wrong only where an exclude clause says so.
    too_many = clauses.limits.get(group.shape) == group.count + 1
    count = group.count + choose((-1, 1) if too_many else (-1,), rng)
    return _changed(clauses.groups, group, count=count), f"{count} instead of {group.count}"


def _other_color(clauses: Clauses, rng: np.random.Generator) -> tuple[Groups, str]:
    group = choose([g for g in clauses.groups if g.color], rng)
    color = choose([c for c in COLORS if c != group.color], rng)
    return _changed(clauses.groups, group, color=color), f"{group.shape} {color} instead of {group.color}"


def _mixed_colors(clauses: Clauses, rng: np.random.Generator) -> tuple[Groups, str]:
    colored = [g for g in clauses.groups if g.color]
    first = choose(colored, rng)
    others = [g for g in colored if g.color != first.color]
    if not others or rng.random() < 0.5:
        return _other_color(clauses, rng)
    second = choose(others, rng)
    groups = _changed(clauses.groups, first, color=second.color)
    groups = _changed(groups, second, color=first.color)
    return groups, f"{first.shape} {second.color} and {second.shape} {first.color}, exchanged"


def _other_relation(clauses: Clauses, rng: np.random.Generator) -> tuple[Groups, str]:
    group = choose([g for g in clauses.groups if g.relation], rng)
    target = clauses.groups[group.target]
    relation = choose([r for r in RELATIONS if r != group.relation], rng)
    what = f"{group.shape} {relation} {target.shape} instead of {group.relation}"
    return _changed(clauses.groups, group, relation=relation), what


_ERRORS = {
    "single_object": _other_class,
    "two_object": _one_of_two,
    "counting": _other_count,
    "colors": _other_color,
    "position": _other_relation,
    "color_attr": _mixed_colors,
}


def _changed(groups: Groups, group: Group, **changes: Any) -> Groups:
    return tuple(replace(g, **changes) if g is group else g for g in groups)

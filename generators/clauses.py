"""What a shapes scene holds: GenEval's clauses as groups of equal shapes, kept or violated on purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nami_bench.domain.clauses import GENEVAL_RELATIONS, GENEVAL_TASKS, Clause, parse_clauses
from nami_bench.errors import InputError
from nami_bench.shapes import COLORS, SHAPES

# Unit vectors, y down.
RELATIONS = dict(zip(GENEVAL_RELATIONS, ((-1, 0), (1, 0), (0, -1), (0, 1)), strict=True))
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
class Contents:
    """What a picture must hold: the groups to draw and, by shape, the count from which it is too many."""

    tag: str
    groups: Groups
    limits: Mapping[str, int]


def scene_contents(raw: Mapping[str, Any]) -> Contents:
    """What GenEval's tag, include and exclude ask for.

    Raises InputError for clauses that are none, that cannot be drawn, that no picture could be known to
    satisfy, or whose task is about something they do not name.
    """
    clauses = parse_clauses(raw, "the prompt's clauses")
    groups = tuple(map(_group, clauses.include))
    if not groups:
        raise InputError("the prompt's clauses include nothing to draw")
    if len({g.shape for g in groups}) < len(groups):
        # GenEval takes the best detections of a class for every clause that names it, so that
        # no picture could be known to be right.
        raise InputError("two of the prompt's include clauses name one class; GenEval cannot tell them apart")
    if sum(g.count for g in groups) > MAX_OBJECTS:
        raise InputError(f"the prompt asks for more than {MAX_OBJECTS} objects, the shapes renderer's limit")
    _check_task(clauses.tag, groups)
    return Contents(clauses.tag, groups, _limits(clauses.exclude, groups))


def _group(clause: Clause) -> Group:
    if clause.class_name not in SHAPES:
        known = ", ".join(SHAPES)
        raise InputError(f"the shapes renderer only draws {known}; the prompt asks for {clause.class_name!r}")
    return Group(clause.class_name, clause.count, clause.color, *(clause.position or ()))


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


def _limits(exclude: Sequence[Clause], groups: Groups) -> dict[str, int]:
    limits: dict[str, int] = {}
    for clause in exclude:
        limits[clause.class_name] = min(clause.count, limits.get(clause.class_name, clause.count))
    for group in groups:
        if group.shape in limits and group.count >= limits[group.shape]:
            raise InputError(
                f"the prompt's clauses both ask for and exclude {group.count} of {group.shape!r}"
            )
    return limits


def plant_error(contents: Contents, rng: np.random.Generator) -> tuple[Groups, str]:
    """Groups that surely violate `contents`, and how, for example "counting: drew 3 instead of 2".

    The error is of the task's own kind: another class (single_object), an object missing or of
    another class (two_object), one too few or too many (counting), another color (colors), another
    relation (position), exchanged or changed colors (color_attr).
    """
    groups, what = _ERRORS[contents.tag](contents, rng)
    return groups, f"{contents.tag}: drew {what}"


def choose(options: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of `options`, each as likely."""
    return options[int(rng.integers(len(options)))]


def _other_class(contents: Contents, rng: np.random.Generator) -> tuple[Groups, str]:
    wanted = {g.shape for g in contents.groups}
    group = choose(contents.groups, rng)
    shape = choose([s for s in SHAPES if s not in wanted], rng)
    return _changed(contents.groups, group, shape=shape), f"{shape} instead of {group.shape}"


def _one_of_two(contents: Contents, rng: np.random.Generator) -> tuple[Groups, str]:
    if rng.random() < 0.5:
        return _other_class(contents, rng)
    group = choose(contents.groups, rng)
    return _changed(contents.groups, group, count=0), f"no {group.shape}"


def _other_count(contents: Contents, rng: np.random.Generator) -> tuple[Groups, str]:
    group = choose(contents.groups, rng)
    # One too many is wrong only where an exclude clause says so.
    too_many = contents.limits.get(group.shape) == group.count + 1
    count = group.count + choose((-1, 1) if too_many else (-1,), rng)
    return _changed(contents.groups, group, count=count), f"{count} instead of {group.count}"


def _other_color(contents: Contents, rng: np.random.Generator) -> tuple[Groups, str]:
    group = choose([g for g in contents.groups if g.color], rng)
    color = choose([c for c in COLORS if c != group.color], rng)
    return _changed(contents.groups, group, color=color), f"{group.shape} {color} instead of {group.color}"


def _mixed_colors(contents: Contents, rng: np.random.Generator) -> tuple[Groups, str]:
    colored = [g for g in contents.groups if g.color]
    first = choose(colored, rng)
    others = [g for g in colored if g.color != first.color]
    if not others or rng.random() < 0.5:
        return _other_color(contents, rng)
    second = choose(others, rng)
    groups = _changed(contents.groups, first, color=second.color)
    groups = _changed(groups, second, color=first.color)
    return groups, f"{first.shape} {second.color} and {second.shape} {first.color}, exchanged"


def _other_relation(contents: Contents, rng: np.random.Generator) -> tuple[Groups, str]:
    group = choose([g for g in contents.groups if g.relation], rng)
    target = contents.groups[group.target]
    relation = choose([r for r in RELATIONS if r != group.relation], rng)
    what = f"{group.shape} {relation} {target.shape} instead of {group.relation}"
    return _changed(contents.groups, group, relation=relation), what


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

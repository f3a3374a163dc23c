"""A part of a set that holds every kind of thing in equal numbers, and that grows without being redrawn."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def balanced_order(
    things: Sequence[T], kinds: Callable[[T], Sequence[str]], name: Callable[[T], str], seed: int
) -> list[T]:
    """`things` in an order whose first N, for any N, are balanced; the first N are among the first N + 1.

    `kinds` says of each thing what tells it from others, the coarsest first, always as many. Coarse kinds
    take turns until they are used up, and so do, within each of them, the finer ones. Within the finest kind
    the order is random by `seed` and the thing's `name`, whatever else is in the set.
    """

    def lot(text: str) -> bytes:
        return hashlib.sha256(f"{seed}/{text}".encode()).digest()

    return _interleaved(list(things), 0, kinds, lot, name)


def _interleaved(
    things: list[T],
    level: int,
    kinds: Callable[[T], Sequence[str]],
    lot: Callable[[str], bytes],
    name: Callable[[T], str],
) -> list[T]:
    if not things or level == len(kinds(things[0])):
        return sorted(things, key=lambda thing: lot(name(thing)))
    groups: dict[str, list[T]] = {}
    for thing in things:
        groups.setdefault(kinds(thing)[level], []).append(thing)
    ordered = [_interleaved(groups[kind], level + 1, kinds, lot, name) for kind in sorted(groups, key=lot)]
    turns = range(max(map(len, ordered)))
    return [group[turn] for turn in turns for group in ordered if turn < len(group)]

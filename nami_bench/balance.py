"""A part of a set that holds every kind of thing in equal numbers, and that grows without being redrawn."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def balanced_order(
    things: Sequence[T],
    kinds: Callable[[T], tuple[str, ...]],
    name: Callable[[T], str],
    seed: int,
    limit: int | None = None,
) -> list[T]:
    """`things` in an order whose first N, for any N, are balanced; the first N are among the first N + 1.

    `limit`: only so many of them are given.

    `kinds` says of each thing what tells it from others, the coarsest first, always as many. Each next thing
    is of the coarse kind that has had the fewest turns so far; within it of the finer kind that has had the
    fewest turns there, and of several such the fewest in all. Within the finest kind the order is random by
    `seed` and the thing's `name`, whatever else is in the set.
    """

    @cache
    def lot(text: str) -> bytes:
        return _lot(seed, text)

    numbers = _first_numbers(things, kinds, lambda thing: _lot(seed, name(thing)), limit)
    waiting = {kind: [things[number] for number in reversed(found)] for kind, found in numbers.items()}
    within: Counter[tuple[str, ...]] = Counter()
    in_all: Counter[tuple[int, str]] = Counter()
    order: list[T] = []
    while waiting and len(order) != limit:
        chosen = min(waiting, key=lambda kind: _turns(kind, within, in_all, lot))
        order.append(waiting[chosen].pop())
        for level, kind in enumerate(chosen):
            within[chosen[: level + 1]] += 1
            in_all[level, kind] += 1
        if not waiting[chosen]:
            del waiting[chosen]
    return order


def _first_numbers(
    things: Sequence[T],
    kinds: Callable[[T], tuple[str, ...]],
    lot: Callable[[T], bytes],
    limit: int | None,
) -> dict[tuple[str, ...], list[int]]:
    """Of each kind the numbers of its first `limit` things by their lots; of equal lots the last is first."""
    numbers: dict[tuple[str, ...], list[int]] = {}
    for number, thing in enumerate(things):
        numbers.setdefault(kinds(thing), []).append(number)
    most = len(things) if limit is None else limit
    return {
        kind: heapq.nsmallest(most, found, key=lambda number: (lot(things[number]), -number))
        for kind, found in numbers.items()
    }


def _lot(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}/{text}".encode()).digest()


def _turns(
    kinds: tuple[str, ...],
    within: Counter[tuple[str, ...]],
    in_all: Counter[tuple[int, str]],
    lot: Callable[[str], bytes],
) -> list[tuple[int, int, bytes]]:
    """What decides who is next, level by level: turns within the coarser kind, turns in all, the lot."""
    return [(within[kinds[: level + 1]], in_all[level, kind], lot(kind)) for level, kind in enumerate(kinds)]

"""How a use case tells its caller that it gets on, and how it works in batches."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

Advance = Callable[[int], object]
"""Called with the number of items just finished."""

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to `size` items; takes no more from `items` than it yields."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch

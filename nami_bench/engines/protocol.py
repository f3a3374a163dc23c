"""What an engine is asked to do, and the one that does it here.

A run cuts its items into shards, contiguous pieces; an engine does the work and gives the results back in
the items' order. Whoever asked writes the store: an engine writes nothing.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Generic, Protocol, TypeVar, runtime_checkable

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R")

_LEAST = 16
"""Images in a shard of a metric, at least: fewer would not be worth the message."""


@dataclass(frozen=True, slots=True)
class Job(Generic[P, T, R]):
    """Work on items (T) with a plugin (P: a generator, a metric) that gives results (R).

    `work(plugin, items)` yields the results in order. `plugin` does it in this process; elsewhere `make()`
    makes another like it, of which `identity(plugin)` must be equal: the same weights, the same settings.
    `lost(item, reason)` is the result of an item over which workers die, None where it was to have none.
    All but `plugin` and `lost` must pickle.
    """

    plugin: P
    make: Callable[[], P]
    identity: Callable[[P], object]
    work: Callable[[P, Iterable[T]], Iterator[R]]
    lost: Callable[[T, str], R | None]


class Engine(Protocol):
    """Does a job."""

    @property
    def elsewhere(self) -> bool:
        """Whether the work is done by other processes than this one."""
        ...

    def run(self, job: Job[P, T, R], shards: Iterable[Sequence[T]]) -> Generator[R]:
        """Yield the results of all shards, in order.

        Takes no more shards than it needs to keep busy, and ends what it started when it is closed. Raises
        what the work raises, after the results that were finished before it.
        """
        ...


class LocalEngine:
    """Does everything in this process, one item after the other."""

    elsewhere = False

    def run(self, job: Job[P, T, R], shards: Iterable[Sequence[T]]) -> Generator[R]:
        """One stream over all shards, so that what reads ahead does so from one to the next."""
        yield from job.work(job.plugin, chain.from_iterable(shards))


LOCAL = LocalEngine()


@runtime_checkable
class Windowed(Protocol):
    """A metric that batches images together: a run is cut into shards at multiples of `window`, so that the
    batches, and thus the numbers, stay the same."""

    @property
    def window(self) -> int:
        """Images that are batched together."""
        ...


def shard_size(plugin: object) -> int:
    """Images in a shard of a metric: a multiple of its window, if it has one."""
    window = plugin.window if isinstance(plugin, Windowed) else 1
    return -(-_LEAST // window) * window

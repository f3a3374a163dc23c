"""What a process remembers between transactions, and what a transaction does once for all of its jobs."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from nami_bench.domain import Study

T = TypeVar("T")


class Memory:
    """Of any class one value for each number (of a study, or of a member).

    It is emptied when a transaction is rolled back, and when a study was changed elsewhere: so what a
    transaction reads, it may remember.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[type, int], Any] = {}

    def of(self, kind: type[T], number: int) -> T:
        """The value, made by `kind()` where there is none."""
        value: T | None = self._values.get((kind, number))
        if value is None:
            value = self._values[kind, number] = kind()
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()


@dataclass
class Settled:
    """What was done in a transaction once for all of its jobs: studies locked, by name, and what else."""

    studies: dict[str, tuple[int, Study]] = field(default_factory=dict)
    done: set[tuple[type, int]] = field(default_factory=set)

    def clear(self) -> None:
        """Nothing of it holds any more."""
        self.studies.clear()
        self.done.clear()

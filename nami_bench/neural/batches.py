"""Work in batches: of what is alike, and shrinking when memory runs out."""

import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def alike_groups(inputs: Sequence[T], alike: Callable[[T], Hashable]) -> list[list[int]]:
    """Positions of inputs of which `alike` is equal, groups and members in order of appearance."""
    groups: dict[Hashable, list[int]] = {}
    for position, one in enumerate(inputs):
        groups.setdefault(alike(one), []).append(position)
    return list(groups.values())


def run_alike(
    inputs: Sequence[T], alike: Callable[[T], Hashable], run: Callable[[Sequence[T]], Iterable[R]]
) -> list[R]:
    """Call `run` once for all inputs of which `alike` is equal; one output for each input, in their order."""
    outputs: dict[int, R] = {}
    for group in alike_groups(inputs, alike):
        outputs.update(zip(group, run([inputs[position] for position in group]), strict=True))
    return [outputs[position] for position in range(len(inputs))]


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """One input was too large by itself; `reason` says so in words."""

    reason: str


class ShrinkingBatches(Generic[T, R]):
    """Calls `run` with at most `size` inputs at a time; it must return one output for each, in order.

    When memory runs out, `size` is halved, for good, and the same inputs are tried again.
    """

    def __init__(self, run: Callable[[Sequence[T]], Sequence[R]], size: int) -> None:
        self.run = run
        self.size = size

    def __call__(self, inputs: Sequence[T]) -> list[R | OutOfMemory]:
        """One output for each input. Raises whatever else `run` raises."""
        outputs: list[R | OutOfMemory] = []
        while len(outputs) < len(inputs):
            some = inputs[len(outputs) : len(outputs) + self.size]
            try:
                outputs.extend(self.run(some))
                continue
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
                reason = f"memory ran out: {str(error).strip().split(chr(10))[0]}"
            # Only now is the error gone, and with it the traceback that held on to the batch's tensors.
            _free_memory()
            if len(some) > 1:
                self.size = (len(some) + 1) // 2
            else:
                outputs.append(OutOfMemory(reason))
        return outputs


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    if "torch" not in sys.modules:  # what runs without it need not load it now
        return False
    from nami_bench.neural.device import is_out_of_memory

    return is_out_of_memory(error)


def _free_memory() -> None:
    if "torch" in sys.modules:
        from nami_bench.neural.device import free_memory

        free_memory()

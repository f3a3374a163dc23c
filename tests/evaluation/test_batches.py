"""Batches that shrink when memory runs out, and batches of what is alike."""

import pytest

from nami_bench.neural.batches import OutOfMemory, ShrinkingBatches, run_alike


class Limited:
    """Doubles numbers; memory holds `memory` of them at once."""

    def __init__(self, memory, error=MemoryError):
        self.memory, self.error, self.calls = memory, error, []

    def __call__(self, numbers):
        self.calls.append(list(numbers))
        if len(numbers) > self.memory:
            raise self.error("out of memory")
        return [2 * number for number in numbers]


def test_enough_memory_fills_batches():
    run = Limited(8)
    assert ShrinkingBatches(run, 3)(range(7)) == [0, 2, 4, 6, 8, 10, 12]
    assert run.calls == [[0, 1, 2], [3, 4, 5], [6]]


def test_memory_that_runs_out_halves_the_batch_for_good():
    run = Limited(2)
    batches = ShrinkingBatches(run, 6)
    assert batches(range(7)) == [0, 2, 4, 6, 8, 10, 12]
    assert [len(call) for call in run.calls] == [6, 3, 2, 2, 2, 1]
    assert batches(range(4)) == [0, 2, 4, 6]
    assert [len(call) for call in run.calls[6:]] == [2, 2]


def test_torchs_own_error_is_understood():
    torch = pytest.importorskip("torch")
    assert ShrinkingBatches(Limited(1, torch.OutOfMemoryError), 4)([1, 2, 3]) == [2, 4, 6]


def test_one_input_too_large_by_itself_has_a_reason():
    outputs = ShrinkingBatches(Limited(0), 4)([1, 2])
    assert outputs == [OutOfMemory("memory ran out: out of memory")] * 2


def test_other_errors_are_not_swallowed():
    with pytest.raises(ValueError, match="out of memory"):
        ShrinkingBatches(Limited(1, ValueError), 4)([1, 2, 3])


def test_what_is_alike_runs_together_and_comes_back_in_order():
    calls = []

    def run(words):
        calls.append(list(words))
        return [word.upper() for word in words]

    assert run_alike(["a", "bb", "c", "dd", "e"], len, run) == ["A", "BB", "C", "DD", "E"]
    assert calls == [["a", "c", "e"], ["bb", "dd"]]
    assert run_alike([], len, run) == []

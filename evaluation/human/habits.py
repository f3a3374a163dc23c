"""How one person answers, whoever else does: the same again and again, or one side of the screen."""

from dataclasses import dataclass

import numpy as np

from nami_bench.evaluation.human.figures import Figure
from nami_bench.evaluation.human.ratings_array import Integers

_LONGEST = 1000
"""Runs of more are not reckoned with."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What becomes of a person's answer patterns: all answers to an item together.

    `top_share`: share of the items with the commonest pattern. `longest_run`: of equal patterns in a row.
    `run_by_chance`: so long a run, or a longer one, comes about in at most one of twenty orders of the same
    answers. `entropy`: of the patterns, bits. `repetition`: how often two of the person's items have the same
    pattern; unlike the other shares it does not hang on how many items there are.
    """

    items: int
    top_share: float
    longest_run: int
    run_by_chance: int
    entropy: float
    repetition: Figure | None


def habits_of(patterns: Integers) -> Habits | None:
    """Of the codes of a person's patterns, in the order in which they were given; None of no items."""
    if not len(patterns):
        return None
    counts = np.unique(patterns, return_counts=True)[1]
    shares = counts / len(patterns)
    return Habits(
        items=len(patterns),
        top_share=float(shares.max()),
        longest_run=_longest_run(patterns),
        run_by_chance=_run_by_chance(counts, len(patterns)),
        entropy=float(-(shares * np.log2(shares)).sum()) + 0.0,  # not -0.0
        repetition=_repetition(counts),
    )


def _longest_run(patterns: Integers) -> int:
    changes = np.flatnonzero(np.diff(patterns)) + 1
    return int(np.diff(np.concatenate(([0], changes, [len(patterns)]))).max())


def _run_by_chance(counts: Integers, items: int) -> int:
    """The length that a run exceeds with at most 5 %: from where on so few such runs are expected."""
    alike, patterns = np.unique(counts, return_counts=True)
    share, lengths = alike[:, None] / items, np.arange(1, min(items, _LONGEST) + 1)
    begun = patterns @ (share**lengths * (1 + (items - lengths) * (1 - share)))
    return int(lengths[np.argmax(begun <= 0.05)]) if (begun <= 0.05).any() else items


def _repetition(counts: Integers) -> Figure | None:
    """Share of equal pairs of items, unbiased; the variance is that of a U statistic, and never below that of
    one equal pair more, for who has none so far may have one next."""
    n = int(counts.sum())
    if n < 2:
        return None
    pairs = n * (n - 1) / 2
    equal = float((counts * (counts - 1)).sum() / 2)
    share = equal / pairs
    beside = (counts - 1) / (n - 1)  # by item: with how many of the others it is equal
    spread = float((counts * (beside - share) ** 2).sum() / n)
    variance = max(4 * spread / n, (equal + 1) / pairs**2)
    half = 1.96 * np.sqrt(variance)
    low, high = max(0.0, share - half), min(1.0, share + half)
    # Three eighths more, so that none has a logarithm; that of so small a count varies by no more than one.
    some = (equal + 3 / 8) / pairs
    stable = (float(np.log(some)), float(min(variance / some**2, 1.0)))
    return Figure(share, float(low), float(high), n, variance, stable)

"""How far each person's answers agree with those of the others on the same units, and how far they lie off.

Agreement is Cohen's kappa of a person against all others at once: with squared distances d, and each unit's
others counting together as one,

    kappa = 1 - sum_s observed_s / sum_s chance_s,
    observed = mean over units of d(own value, another's value of the unit),
    chance = mean of d(own value of a unit, another's value of any unit),

within each strand s of values that are alike: plain for verdicts, quadratically weighted (Cohen 1968) for
numbers. Of numbers each side's mean within the strand is taken away before, for to be strict is another thing
than to disagree, and has a figure of its own. A person who says the same of everything has 0. All of it is
made of moments, which are summed by item: items are what the bootstrap draws.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nami_bench.evaluation.human.estimates import sums
from nami_bench.evaluation.human.figures import Figure, figure_of, in_fishers_z
from nami_bench.evaluation.human.given_answers import GivenAnswers
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers

FEWEST_ITEMS = 10
"""Shared with others; with fewer no interval is worth its name."""

REPLICATES = 400
_BLOCKS = 400
"""So many items are drawn one by one; of more, blocks of them are."""


@dataclass(frozen=True, slots=True)
class Peers:
    """One person beside the others, on the units that others answered, too.

    `agreement`: kappa, see above. `severity`: mean difference from the others' mean, points of 0-100 (None
    for verdicts). `spread`: standard deviation over that of the others' single values (None for verdicts).
    `items` are shared; figures are None where there are too few, or no variation.
    """

    items: int
    agreement: Figure | None
    severity: Figure | None
    spread: Figure | None


def compare_with_others(answers: GivenAnswers, *, seed: int = 0) -> tuple[Peers, ...]:
    """Everybody beside the others, in the order of `answers.people`; one draw of items serves all figures."""
    moments, shared = _moments(answers)
    order = np.argsort(answers.person[shared], kind="stable")
    rows = np.flatnonzero(shared)[order]
    edges = np.searchsorted(answers.person[rows], np.arange(len(answers.people) + 1))
    strands = int(answers.strand.max(initial=-1)) + 1
    found: list[Peers] = []
    for low, high in pairwise(edges):
        own = rows[low:high]
        items, item = np.unique(answers.item[own], return_inverse=True)
        by_item = sums(item * strands + answers.strand[own], moments[own], len(items) * strands)
        table = by_item.reshape(len(items), strands, moments.shape[1])
        found.append(_peers(table, answers.values.shape[1], np.random.default_rng((seed, len(found)))))
    return tuple(found)


def _moments(answers: GivenAnswers) -> tuple[Floats, Booleans]:
    """By row (1, x, m, x.m, |x|^2, q), shape (rows, 2 width + 4), with x the own value, m and q the mean and
    the mean square of the others of the unit; and whether there are others."""
    unit, x, counts = answers.unit, answers.values, answers.counts.astype(float)
    square = (x**2).sum(axis=1)
    given = np.column_stack((np.ones(len(x)), x, square)) * counts[:, None]
    others = sums(unit, given, int(unit.max(initial=-1)) + 1)[unit] - given
    number = others[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = others[:, 1:-1] / number[:, None]
        rest = others[:, -1] / number
    parts = (np.ones(len(x)), x, mean, (x * mean).sum(axis=1), square, rest)
    shared = number > 0.5
    return np.where(shared[:, None], np.column_stack(parts), 0.0), shared


def _peers(table: Floats, width: int, rng: np.random.Generator) -> Peers:
    """Of moments by item and strand, shape (items, strands, moments)."""
    items = len(table)
    if items < FEWEST_ITEMS:
        return Peers(items, None, None, None)
    drawn = _drawn(_blocks(table, rng), rng)
    whole = table.sum(axis=0)[None]
    numbers = width == 1
    return Peers(
        items,
        in_fishers_z(figure_of(_kappa(whole, width)[0], _kappa(drawn, width), items)),
        figure_of(_severity(whole)[0], _severity(drawn), items) if numbers else None,
        figure_of(_spread(whole)[0], _spread(drawn), items) if numbers else None,
    )


def _blocks(table: Floats, rng: np.random.Generator) -> Floats:
    """The moments summed over blocks of items, drawn at random, where there are many."""
    if len(table) <= _BLOCKS:
        return table
    block: Integers = rng.permutation(len(table)) % _BLOCKS
    flat = sums(block, table.reshape(len(table), -1), _BLOCKS)
    return flat.reshape(_BLOCKS, *table.shape[1:])


def _drawn(table: Floats, rng: np.random.Generator) -> Floats:
    """The moments of resampled items, shape (replicates, strands, moments)."""
    times = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=REPLICATES)
    drawn = times.astype(float) @ table.reshape(len(table), -1)
    return np.asarray(drawn.reshape(REPLICATES, *table.shape[1:]))


def _kappa(moments: Floats, width: int) -> Floats:
    """Shape (replicates,), NaN without variation."""
    number, x, m = moments[..., 0], moments[..., 1 : 1 + width], moments[..., 1 + width : 1 + 2 * width]
    cross, square, rest = (moments[..., 1 + 2 * width + i] for i in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(number > 0, (x * m).sum(axis=-1) / number, 0.0)
        shift = np.where(number > 0, ((x - m) ** 2).sum(axis=-1) / number, 0.0) if width == 1 else 0.0
    chance = square - 2 * apart + rest - shift
    observed = square - 2 * cross + rest - shift
    whole = chance.sum(axis=-1)
    # A thousandth of a point, of numbers; of verdicts never so small without being nothing.
    empty = whole <= 1e-6 * np.maximum(number.sum(axis=-1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(empty, np.nan, 1 - observed.sum(axis=-1) / whole)


def _severity(moments: Floats) -> Floats:
    """Mean difference from the others, shape (replicates,)."""
    total = (moments[..., 1] - moments[..., 2]).sum(axis=-1)
    return np.asarray(total / moments[..., 0].sum(axis=-1))


def _spread(moments: Floats) -> Floats:
    """Own standard deviation within strands over the others', shape (replicates,)."""
    number, x, m = (moments[..., i] for i in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        own = moments[..., 4] - np.where(number > 0, x**2 / number, 0.0)
        others = moments[..., 5] - np.where(number > 0, m**2 / number, 0.0)
        whole = others.sum(axis=-1)
        ratio = np.sqrt(np.maximum(own.sum(axis=-1), 0.0) / whole)
    return np.where(whole > 1e-6 * number.sum(axis=-1), ratio, np.nan)

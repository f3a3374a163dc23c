"""How much of the variation of votes on a pair of models is whose: the prompts', the voters', or the rest.

A vote is 1 for one model, 0 for the other and 1/2 for a tie. Of two votes on the same two models half the
squared difference is, on average, their whole variance where they share nothing, and less by the part of what
they share: the prompt, or the voter. So the parts come out without bias, whatever votes there are.
"""

from dataclasses import dataclass

import numpy as np

from nami_bench.errors import InputError
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.ratings_array import Floats, Integers


@dataclass(frozen=True, slots=True)
class VoteComponents:
    """Variances of one vote about the share of votes that its model wins of another: `prompt`, for some
    prompts' images favour a model; `voter`, for some voters do; and the `rest`, as it would be of two models
    that are alike, of which votes vary the most. None is below zero.

    `voter` is None where nobody knows who voted twice. `pairs`: of models, over which they are averaged;
    `votes`, `prompts`, `voters` say of how much.
    """

    prompt: float
    voter: float | None
    rest: float
    pairs: int
    votes: int
    prompts: int
    voters: int


def vote_components(table: Comparisons) -> VoteComponents:
    """Moment estimates, each pair of models by the number of votes that tell its part.

    Raises InputError where no two votes on one pair of models share a prompt, or where all that do agree.
    """
    pair, value = _oriented(table)
    voter = np.full(len(pair), -1) if table.annotator is None else table.annotator
    weight = np.ones(len(pair)) if table.times is None else table.times.astype(float)
    known = voter >= 0
    everything = _sums(pair, pair, value, weight, int(pair.max()) + 1)
    prompts = _sums(pair * table.prompts + table.prompt, pair, value, weight, len(everything))
    people = int(voter.max()) + 1 if known.any() else 1
    own = _sums((pair * people + voter)[known], pair[known], value[known], weight[known], len(everything))
    both_keys = (pair * table.prompts + table.prompt) * people + voter
    both = _sums(both_keys[known], pair[known], value[known], weight[known], len(everything))
    apart = everything - prompts - own + both
    one_prompt, one_voter = prompts - both, own - both
    prompt = _part(apart, one_prompt)
    if prompt is None:
        raise InputError(
            "no two votes on one pair of models are about one prompt, or all of a pair are: they do not show "
            "how much prompts matter"
        )
    voter_part = _part(apart, one_voter)
    whole = _mean(apart)
    kept = max(prompt, 0.0), None if voter_part is None else max(voter_part, 0.0)
    rest = whole - kept[0] - (kept[1] or 0.0)
    if not rest > 0:
        raise InputError("all votes on two models and a prompt agree: they show no variance to plan with")
    return VoteComponents(
        *kept,
        rest + _unlikeness(pair, value, weight, apart),
        pairs=int((everything[:, 1] > 0).sum()),
        votes=int(weight.sum()),
        prompts=len(np.unique(table.prompt)),
        voters=table.annotators,
    )


def _oriented(table: Comparisons) -> tuple[Integers, Floats]:
    """By vote, its pair of models whichever stood on the left, and what the first of them got."""
    models = len(table.models)
    turned = table.left > table.right
    first, second = np.minimum(table.left, table.right), np.maximum(table.left, table.right)
    value = np.array([1.0, 0.5, 0.0])[table.outcome]
    _, pair = np.unique(first * models + second, return_inverse=True)
    return pair.astype(np.int64), np.where(turned, 1 - value, value)


def _sums(group: Integers, pair: Integers, value: Floats, weight: Floats, pairs: int) -> Floats:
    """By pair of models, over all two votes of one group: the sum of squared differences, and how many there
    are; shape (pairs, 2)."""
    found = np.zeros((pairs, 2))
    if not len(group):
        return found
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    n, y, yy = (np.bincount(code, weight * x) for x in (np.ones(len(value)), value, value**2))
    squares, count = n * yy - y**2, n * (n - 1) / 2
    for column, x in enumerate((squares, count)):
        found[:, column] = np.bincount(pair[first], x, pairs)
    return found


def _part(apart: Floats, together: Floats) -> float | None:
    """How much less two votes differ that share something; None where no pair of models shows it."""
    told = (apart[:, 1] > 0) & (together[:, 1] > 0)
    if not told.any():
        return None
    less = apart[told, 0] / apart[told, 1] - together[told, 0] / together[told, 1]
    return float(np.average(less / 2, weights=together[told, 1]))


def _unlikeness(pair: Integers, value: Floats, weight: Floats, apart: Floats) -> float:
    """By how much more votes would vary if models were alike: the mean square of shares less a half."""
    n, won = np.bincount(pair, weight), np.bincount(pair, weight * value)
    told = apart[:, 1] > 0
    noise = apart[told, 0] / apart[told, 1] / 2 / n[told]
    square = (won[told] / n[told] - 0.5) ** 2 - noise
    return max(float(np.average(square, weights=np.sqrt(apart[told, 1]))), 0.0)


def _mean(apart: Floats) -> float:
    told = apart[:, 1] > 0
    return float(np.average(apart[told, 0] / apart[told, 1] / 2, weights=np.sqrt(apart[told, 1])))

"""Ranks that say how sure they are: tie groups, rank intervals, the probability of being first."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np

from nami_bench.evaluation.human.bootstrap import BootstrapScores
from nami_bench.evaluation.human.comparisons import Differences
from nami_bench.evaluation.human.ratings_array import Booleans


@dataclass(frozen=True, slots=True)
class Rank:
    """One model's place.

    `rank`: by score, equal scores share it. `low` to `high`: the places that it may have; over all models
    at once these hold with the comparisons' level. `ties`: names of its tie groups: two models that share
    one are not told apart by the ratings. `first_probability`: share of bootstrap replicates that it leads.
    All but `model` are None or empty where it has no score.
    """

    model: str
    rank: int | None
    low: int | None
    high: int | None
    ties: tuple[str, ...]
    first_probability: float | None = None


def rank_models(differences: Differences, bootstrap: BootstrapScores | None = None) -> tuple[Rank, ...]:
    """The ranks of all models, the best first, unranked ones last.

    Rank intervals are those of Mogstad, Romano, Shaikh & Wilhelm (2024): a model is behind at least as many
    as are significantly better, and ahead of at least as many as are significantly worse, all pairs tested
    at once by Holm's procedure whatever correction `differences` has.
    """
    simultaneous = differences.corrected("holm").better
    groups = tie_groups(differences)
    columns = bootstrap.columns if bootstrap else ()
    first = bootstrap.first_probability(columns.index(differences.column)) if bootstrap else None
    scores = differences.scores
    rated = np.flatnonzero(~np.isnan(scores))
    ranks = []
    for i in sorted(
        range(len(scores)), key=lambda i: (-np.nan_to_num(scores[i], nan=-np.inf), differences.models[i])
    ):
        name = differences.models[i]
        if np.isnan(scores[i]):
            ranks.append(Rank(name, None, None, None, ()))
            continue
        ahead = int((np.round(scores[rated], 9) > np.round(scores[i], 9)).sum())
        better, worse = int(simultaneous[:, i].sum()), int(simultaneous[i].sum())
        probability = None if first is None or np.isnan(first[i]) else float(first[i])
        ranks.append(Rank(name, ahead + 1, better + 1, len(rated) - worse, groups[name], probability))
    return tuple(ranks)


def tie_groups(differences: Differences) -> Mapping[str, tuple[str, ...]]:
    """By model the names ("a", "b", ...) of the groups of models that are not significantly different.

    Two models share a group exactly if they were not told apart: the compact letter display (Piepho 2004).
    A model without a score is in none.
    """
    scores = differences.scores
    order = [int(i) for i in np.argsort(-scores, kind="stable") if not np.isnan(scores[i])]
    apart = differences.better | differences.better.T
    groups = _letters(apart[np.ix_(order, order)])
    members: dict[str, list[str]] = {name: [] for name in differences.models}
    for number, group in enumerate(sorted(groups, key=sorted)):
        for i in group:
            members[differences.models[order[i]]].append(_letter(number))
    return {name: tuple(letters) for name, letters in members.items()}


def _letters(apart: Booleans) -> list[frozenset[int]]:
    """The largest groups no two of which are apart: maximal cliques (Bron & Kerbosch 1973), as bits."""
    n = len(apart)
    alike = [sum(1 << j for j in range(n) if j != i and not apart[i, j]) for i in range(n)]
    groups: list[frozenset[int]] = []

    def extend(group: tuple[int, ...], candidates: int, done: int) -> None:
        if not candidates | done:
            groups.append(frozenset(group))
            return
        pivot = max(_members(candidates | done), key=lambda i: (candidates & alike[i]).bit_count())
        for i in _members(candidates & ~alike[pivot]):
            extend((*group, i), candidates & alike[i], done & alike[i])
            candidates &= ~(1 << i)
            done |= 1 << i

    if n:
        extend((), (1 << n) - 1, 0)
    return groups


def _members(bits: int) -> list[int]:
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found


def _letter(number: int) -> str:
    """a ... z, aa, ab ..."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = ascii_lowercase[rest] + name
    return name

"""Which pairs of models a balanced pairwise study shows for each prompt."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

Group = tuple[int, int]
"""One prompt and sample number: the images that can be compared."""

Pair = tuple[int, int]
"""Two models, the smaller number first."""


def design_pairs(
    groups: Mapping[Group, Collection[int]],
    per_group: int,
    seed: int,
    chosen: Mapping[Group, Collection[Pair]],
) -> list[tuple[Group, Pair]]:
    """The pairs to add so that every group has `per_group` (0: all there are), each pair equally often.

    `groups` holds the models that have an image in each group, `chosen` what is planned already. Greedy:
    group after group in an order drawn from `seed`, always the pair, and among equals the models, that were
    planned least. Models that join later are paired with all others as often as those are with each other.
    """
    counts = Counter(pair for pairs in chosen.values() for pair in pairs)
    before = {model for pair in counts for model in pair}
    usual = round(sum(counts.values()) / len(counts)) if counts else 0
    per_model = Counter(model for pair, count in counts.items() for model in pair for _ in range(count))
    added: list[tuple[Group, Pair]] = []
    order = sorted(groups, key=lambda group: _rank(seed, group))

    def add(group: Group, pair: Pair) -> None:
        counts[pair] += 1
        per_model.update(pair)
        added.append((group, pair))

    for group in order:
        planned = set(chosen.get(group, ()))
        free = [p for p in _pairs(groups[group]) if p not in planned]
        wanted = len(free) if per_group == 0 else max(0, per_group - len(planned))
        for _ in range(min(wanted, len(free))):
            pair = min(
                free, key=lambda p: (counts[p], per_model[p[0]] + per_model[p[1]], _rank(seed, group, p))
            )
            free.remove(pair)
            add(group, pair)
    if before and per_group:
        _let_join(groups, order, chosen, before, usual, counts, added, add)
    return added


def _let_join(groups, order, chosen, before, usual, counts, added, add) -> None:  # type: ignore[no-untyped-def]
    taken = {(group, pair) for group, pairs in chosen.items() for pair in pairs} | set(added)
    newcomers = sorted({model for models in groups.values() for model in models} - before)
    everyone = sorted({model for models in groups.values() for model in models})
    for pair in _pairs(everyone):
        if not set(pair) & set(newcomers):
            continue
        for group in order:
            if counts[pair] >= usual:
                break
            if set(pair) <= set(groups[group]) and (group, pair) not in taken:
                add(group, pair)


def _pairs(models: Collection[int] | Sequence[int]) -> list[Pair]:
    return list(combinations(sorted(models), 2))


def _rank(seed: int, *identity: object) -> bytes:
    return hashlib.sha256(repr((seed, *identity)).encode()).digest()

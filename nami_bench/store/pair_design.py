"""Which pairs of models a balanced pairwise study shows for each prompt."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
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

    `groups` holds the models that have an image in each group, `chosen` what is planned already. Models that
    join later are paired with all others as often as those are with each other.
    """
    design = _Design(groups, seed, chosen)
    design.fill(per_group)
    if per_group and any(chosen.values()):
        design.let_join()
    return design.added


class _Design:
    """Greedy: always the pair that was planned least, and among equals the models that were."""

    def __init__(
        self,
        groups: Mapping[Group, Collection[int]],
        seed: int,
        chosen: Mapping[Group, Collection[Pair]],
    ) -> None:
        self.groups, self.seed = groups, seed
        self.planned = {group: set(chosen.get(group, ())) for group in groups}
        self.before = Counter(pair for pairs in chosen.values() for pair in pairs)
        self.pairs: Counter[Pair] = Counter()
        self.models: Counter[int] = Counter()
        for pair, count in self.before.items():
            self._count(pair, count)
        self.order = sorted(groups, key=lambda group: rank(seed, group))
        self.added: list[tuple[Group, Pair]] = []

    def fill(self, per_group: int) -> None:
        for group in self.order:
            free = [p for p in combinations(sorted(self.groups[group]), 2) if p not in self.planned[group]]
            wanted = len(free) if per_group == 0 else per_group - len(self.planned[group])
            for _ in range(min(wanted, len(free))):
                pair = min(free, key=lambda p: self._turn(group, p))
                free.remove(pair)
                self._add(group, pair)

    def let_join(self) -> None:
        usual = round(self.before.total() / len(self.before))
        known = {model for pair in self.before for model in pair}
        everyone = sorted({model for models in self.groups.values() for model in models})
        for pair in combinations(everyone, 2):
            if known.issuperset(pair):
                continue
            for group in self.order:
                if self.pairs[pair] >= usual:
                    break
                if set(pair) <= set(self.groups[group]) and pair not in self.planned[group]:
                    self._add(group, pair)

    def _turn(self, group: Group, pair: Pair) -> tuple[int, int, bytes]:
        a, b = pair
        return self.pairs[pair], self.models[a] + self.models[b], rank(self.seed, group, pair)

    def _add(self, group: Group, pair: Pair) -> None:
        self.planned[group].add(pair)
        self.added.append((group, pair))
        self._count(pair, 1)

    def _count(self, pair: Pair, count: int) -> None:
        self.pairs[pair] += count
        for model in pair:
            self.models[model] += count


def rank(seed: int, *identity: object) -> bytes:
    """A place that looks random and follows from the seed and the identity alone."""
    return hashlib.sha256(repr((seed, *identity)).encode()).digest()

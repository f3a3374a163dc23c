"""Which groups of models a study that puts images in order shows for each prompt.

A balanced incomplete block design where the numbers allow one, and near one where they do not: every model in
equally many groups, and every two models equally often in one group. Exact designs exist for few numbers of
models and groups, and images come and go; so groups are chosen one by one, each the one that adds least to
the squares of these counts (sought by exchanges of single models), which evens them out over the prompts.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import combinations
from math import comb

from nami_bench.store.pair_design import Group, rank

Models = tuple[int, ...]
"""The models of one item, in ascending order."""

_MODEL_WEIGHT = 1_000
"""Equal numbers of items for all models come before equal numbers for all pairs of models."""


def design_groups(
    images: Mapping[Group, Collection[int]],
    size: int,
    per_group: int,
    seed: int,
    chosen: Mapping[Group, Collection[Models]],
) -> list[tuple[Group, Models]]:
    """The groups of `size` models to add so that each prompt and sample has `per_group` (0: all there are).

    `images` holds the models that have an image of each prompt and sample; `chosen` what is planned already.
    Models that join later come into as many groups as the others have on average.
    """
    design = _Design(images, size, seed, chosen)
    design.fill(per_group)
    if per_group and any(chosen.values()):
        design.let_join()
    return design.added


class _Design:
    def __init__(
        self,
        images: Mapping[Group, Collection[int]],
        size: int,
        seed: int,
        chosen: Mapping[Group, Collection[Models]],
    ) -> None:
        self.images, self.size, self.seed = images, size, seed
        self.planned = {group: {tuple(sorted(m)) for m in chosen.get(group, ())} for group in images}
        self.models: Counter[int] = Counter()
        self.pairs: Counter[tuple[int, int]] = Counter()
        for found in chosen.values():
            for models in found:
                self._count(tuple(sorted(models)))
        self.known = set(self.models)
        self.order = sorted(images, key=lambda group: rank(seed, group))
        self.added: list[tuple[Group, Models]] = []

    def fill(self, per_group: int) -> None:
        for group in self.order:
            there = comb(len(self.images[group]), self.size)
            wanted = min(there, per_group or there) - len(self.planned[group])
            if wanted > 0 and there - len(self.planned[group]) == wanted:
                for models in combinations(sorted(self.images[group]), self.size):
                    if models not in self.planned[group]:
                        self._add(group, models)
            else:
                for _ in range(wanted):
                    self._add(group, self._best(group))

    def let_join(self) -> None:
        if not self.known:
            return
        usual = round(sum(self.models[model] for model in self.known) / len(self.known))
        newcomers = sorted({model for models in self.images.values() for model in models} - self.known)
        for model in newcomers:
            for group in self.order:
                if self.models[model] >= usual:
                    break
                has_room = len(self.planned[group]) < comb(len(self.images[group]), self.size)
                if model in self.images[group] and has_room:
                    found = self._best(group, (model,))
                    if found not in self.planned[group]:
                        self._add(group, found)

    def _best(self, group: Group, fixed: Models = ()) -> Models:
        """The group of models that evens the counts out most, near enough; never one that is planned, unless
        it has `fixed` and there is no other."""
        among = sorted(self.images[group], key=lambda m: (self.models[m], rank(self.seed, group, m)))
        best = tuple(sorted((*fixed, *[m for m in among if m not in fixed][: self.size - len(fixed)])))
        while (found := self._nearest(group, best, among, fixed)) != best:
            best = found
        if best in self.planned[group]:
            free = (m for m in combinations(sorted(among), self.size) if m not in self.planned[group])
            return min((m for m in free if set(fixed) <= set(m)), default=best)
        return best

    def _nearest(self, group: Group, models: Models, among: list[int], fixed: Models) -> Models:
        """The best of `models` and of those in which one of them is exchanged."""
        near = [models]
        for gone in set(models).difference(fixed):
            kept = [model for model in models if model != gone]
            near += [tuple(sorted((*kept, new))) for new in among if new not in models]
        return min(near, key=lambda one: self._turn(group, one))

    def _turn(self, group: Group, models: Models) -> tuple[bool, int, bytes]:
        cost = sum(2 * self.pairs[pair] + 1 for pair in combinations(models, 2))
        cost += _MODEL_WEIGHT * sum(2 * self.models[model] + 1 for model in models)
        return models in self.planned[group], cost, rank(self.seed, group, models)

    def _add(self, group: Group, models: Models) -> None:
        self.planned[group].add(models)
        self.added.append((group, models))
        self._count(models)

    def _count(self, models: Models) -> None:
        self.models.update(models)
        self.pairs.update(combinations(models, 2))

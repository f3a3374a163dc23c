"""Which models comparisons can tell apart: who is reached from whom by wins and ties."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import connected_components

from nami_bench.evaluation.human.ratings_array import Booleans, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Connectivity:
    """Groups of models.

    `component`: by model, the number of its group in which all can be compared with finite strengths.
    `island`: by model, the number of its group that comparisons join at all, the largest first; strengths of
    two islands are never on one scale. `won`, `reaches`: shape (models, models), whether the row's model has
    beaten the column's, and whether a chain of wins and ties leads there. `compared`: by model, in how many
    comparisons it was.
    """

    models: tuple[str, ...]
    component: Integers
    island: Integers
    won: Booleans
    reaches: Booleans
    compared: Integers

    @property
    def islands(self) -> int:
        """How many there are."""
        return int(self.island.max(initial=0)) + 1

    def joined(self) -> "Connectivity":
        """As if every two models of an island had also beaten each other."""
        return replace(self, component=self.island, reaches=self.island[:, None] == self.island[None])

    def by_wins(self) -> "Connectivity":
        """As if ties told nothing of strengths: models are alone, except where an island has only ties."""
        decided = np.zeros(self.islands, dtype=bool)
        decided[self.island[self.won.any(axis=1)]] = True
        alone = decided[self.island]
        component = np.where(alone, self.islands + np.arange(len(self.models)), self.island)
        reaches = _closure(self.won) | (component[:, None] == component[None])
        return replace(self, component=_numbered(component), reaches=reaches)

    def of_several(self) -> Integers:
        """The models that are not alone in their component."""
        return np.flatnonzero(np.bincount(self.component)[self.component] > 1)

    def within(self, left: Integers, right: Integers) -> Booleans:
        """Whether each comparison is between models of one component."""
        return np.asarray(self.component[left] == self.component[right])

    def groups_of(self, island: int) -> list[Integers]:
        """The components of an island."""
        members = np.flatnonzero(self.island == island)
        return [members[self.component[members] == c] for c in np.unique(self.component[members])]

    def core(self, island: int) -> Integers:
        """The models of an island whose scale the others stand on.

        That is the largest group with finite strengths, of equal ones the one with the most comparisons;
        all models of the island where each is alone.
        """
        largest = max(
            self.groups_of(island), key=lambda group: (len(group), self.compared[group].sum(), -int(group[0]))
        )
        return largest if len(largest) > 1 else np.flatnonzero(self.island == island)

    def off_scale(self, island: int) -> Integers:
        """The models of an island that have no finite strength on its scale."""
        core = self.core(island)
        members = np.flatnonzero(self.island == island)
        one_scale = len(set(self.component[core].tolist())) == 1
        return np.setdiff1d(members, core) if one_scale else members

    def listed(self, codes: Integers) -> str:
        """Their names, five at most."""
        names = [self.models[int(i)] for i in codes[:5]]
        return ", ".join(names) + (f" and {len(codes) - 5} more" if len(codes) > 5 else "")


def connectivity(models: tuple[str, ...], left: Integers, right: Integers, outcome: Integers) -> Connectivity:
    """Groups within which there is a chain of wins or ties from each model to each (Ford 1957)."""
    k = len(models)
    counts = np.bincount((left * k + right) * 3 + outcome, minlength=3 * k * k).reshape(k, k, 3)
    won = (counts[:, :, 0] + counts[:, :, 2].T) > 0
    step = won | (counts[:, :, 1] > 0) | (counts[:, :, 1] > 0).T
    groups, component = connected_components(step.astype(np.int64), directed=True, connection="strong")
    _, island = connected_components(step.astype(np.int64), directed=True, connection="weak")
    compared = np.bincount(left, minlength=k) + np.bincount(right, minlength=k)
    reaches = np.ones((k, k), dtype=bool) if groups == 1 else _closure(step)
    return Connectivity(
        models, component.astype(np.int64), _numbered(island.astype(np.int64)), won, reaches, compared
    )


def _numbered(group: Integers) -> Integers:
    """The same groups, the largest numbered 0; equal ones in the order of their first member."""
    _, first, code, counts = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.lexsort((first, -counts))] = np.arange(len(first))
    return place[code]


def _closure(step: Booleans) -> Booleans:
    """From single steps to chains of any length."""
    reaches: Booleans = step | np.eye(len(step), dtype=bool)
    while True:
        single = reaches.astype(np.float32)
        further: Booleans = single @ single > 0
        if (further == reaches).all():
            return further
        reaches = further

"""Orders of several images, or their best and worst, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from nami_bench.domain import Ranking
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.ratings_array import Integers

ABSENT = -1
"""In the place of a model, where a ranking has fewer than the largest."""


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """Rankings of n items of up to k models each.

    `members`: shape (n, k), the models' codes in ascending order, `ABSENT` last. `ranks`: shape (n, k), 1 the
    best, equal in a tie, 0 of the absent. `prompt`, `annotator`: shape (n,), codes from 0. `best_worst`: the
    ranks are those of `nami_bench.domain.ranking`, and say nothing of the order of those in the middle.
    """

    models: tuple[str, ...]
    members: Integers
    ranks: Integers
    prompt: Integers
    annotator: Integers
    best_worst: bool

    @classmethod
    def of(cls, rankings: Sequence[Ranking]) -> "Rankings":
        """Those that have ranks, by one criterion; raises ValueError for none, or of both kinds at once."""
        given = [one for one in rankings if one.ranks is not None]
        (best_worst,) = {one.best_worst for one in given}
        models = tuple(sorted({model for one in given for model in one.models}))
        code = {model: number for number, model in enumerate(models)}
        size = max(len(one.models) for one in given)
        members = np.full((len(given), size), ABSENT, dtype=np.int64)
        ranks = np.zeros((len(given), size), dtype=np.int64)
        for row, one in enumerate(given):
            stood = sorted(zip(map(code.__getitem__, one.models), one.ranks or (), strict=True))
            members[row, : len(stood)], ranks[row, : len(stood)] = zip(*stood, strict=True)
        prompt = pd.factorize(np.array([one.prompt_id for one in given], dtype=object))[0]
        annotator = pd.factorize(np.array([one.annotator for one in given], dtype=object))[0]
        return cls(models, members, ranks, prompt.astype(np.int64), annotator.astype(np.int64), best_worst)

    def __len__(self) -> int:
        return len(self.prompt)

    @property
    def prompts(self) -> int:
        """How many there are."""
        return int(self.prompt.max()) + 1

    @property
    def annotators(self) -> int:
        """How many there are."""
        return int(self.annotator.max()) + 1

    def pairs(self) -> tuple[Integers, Integers, Integers, Integers]:
        """(ranking, left, right, outcome) of all implied pairs, shape (pairs,) each; outcomes as in
        `Comparisons`.

        What best and worst do not say of those in the middle is left out.
        """
        parts = []
        for a, b in combinations(range(self.members.shape[1]), 2):
            there = self.members[:, b] != ABSENT
            by = self.ranks[:, b] - self.ranks[:, a]
            row = np.flatnonzero(there & ((by != 0) | (not self.best_worst)))
            outcome = np.where(by[row] > 0, 0, np.where(by[row] < 0, 2, 1))
            parts.append((row, self.members[row, a], self.members[row, b], outcome))
        row, left, right, outcome = (np.concatenate(part) for part in zip(*parts, strict=True))
        return row, left, right, outcome

    def implied(self) -> Comparisons:
        """The implied pairs as comparisons, which are not independent of each other."""
        row, left, right, outcome = self.pairs()
        return Comparisons(self.models, left, right, outcome, self.prompt[row], self.prompts, (), {})

    def patterns(self) -> tuple[Integers, Integers, Integers]:
        """(members, ranks, pattern): the distinct rows, and by ranking the number of its own."""
        rows = np.concatenate((self.members, self.ranks), axis=1)
        distinct, pattern = np.unique(rows, axis=0, return_inverse=True)
        size = self.members.shape[1]
        return distinct[:, :size], distinct[:, size:], np.asarray(pattern).reshape(-1)

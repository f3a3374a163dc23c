"""Maximum likelihood for choices among few alternatives: McFadden's conditional logit, by Newton's method.

An alternative with features x is chosen from its set with a probability in proportion to exp(x * parameters).
Choices from equal sets are counted once, so a fit works on distinct sets, not on choices. The log likelihood
is concave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nami_bench.evaluation.human.ratings_array import Floats, Integers

_MOST_STEPS = 100
_TOLERANCE = 1e-9
_MOST = 25.0
"""Odds of e^25: more is a likelihood that rises for ever."""


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceFit:
    """`parameters`, shape (p,); `inverse` of the information, shape (p, p), zero along what cannot be told;
    `means`, shape (sets, p): the expected features of each set's choice."""

    parameters: Floats
    inverse: Floats
    means: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceSets:
    """Alternatives with `features`, shape (alternatives, p), set by set: `of_set`, shape (alternatives,),
    counts the sets from 0 on. `free`: for each group of parameters that only differences tell, their columns;
    each has mean zero."""

    features: "sparse.csr_array[np.float64]"
    of_set: Integers
    free: Sequence[Integers]

    @property
    def starts(self) -> Integers:
        """The first alternative of each set."""
        return np.flatnonzero(np.diff(self.of_set, prepend=-1))

    def fit(self, counts: Floats, start: Floats | None = None) -> ChoiceFit | None:
        """The estimate from how often each alternative was chosen, shape (alternatives,); None where it has
        none that is finite."""
        at = np.zeros(self.features.shape[1]) if start is None else start.copy()
        loss = self._loss(at, counts)
        for _ in range(_MOST_STEPS):
            chance, means = self._expected(at)
            inverse = self._inverse(chance, means, counts)
            if inverse is None:
                return None
            step = inverse @ self._gradient(chance, counts)
            share = 1.0
            while (new := self._loss(at + share * step, counts)) > loss + _TOLERANCE and share > 1e-6:
                share /= 2
            at, loss = at + share * step, new
            if np.abs(at).max(initial=0.0) > _MOST:
                return None
            if np.abs(step).max(initial=0.0) < _TOLERANCE:
                return ChoiceFit(at, inverse, means)
        return None

    def _loss(self, at: Floats, counts: Floats) -> float:
        utility = np.asarray(self.features @ at)
        top = np.maximum.reduceat(utility, self.starts)
        spread = np.log(np.add.reduceat(np.exp(utility - top[self.of_set]), self.starts)) + top
        return float((counts * (spread[self.of_set] - utility)).sum())

    def _expected(self, at: Floats) -> tuple[Floats, Floats]:
        """The chance of each alternative, and the mean features of each set."""
        utility = np.asarray(self.features @ at)
        weight = np.exp(utility - np.maximum.reduceat(utility, self.starts)[self.of_set])
        chance = weight / np.add.reduceat(weight, self.starts)[self.of_set]
        return chance, np.asarray((self._by_set(chance) @ self.features).toarray())

    def _by_set(self, weights: Floats) -> "sparse.csr_array[np.float64]":
        shape = (int(self.of_set[-1]) + 1, len(self.of_set))
        return sparse.csr_array((weights, (self.of_set, np.arange(len(self.of_set)))), shape=shape)

    def _gradient(self, chance: Floats, counts: Floats) -> Floats:
        chosen = np.add.reduceat(counts, self.starts)[self.of_set]
        return np.asarray(self.features.T @ (counts - chosen * chance))

    def _inverse(self, chance: Floats, means: Floats, counts: Floats) -> Floats | None:
        chosen = np.add.reduceat(counts, self.starts)
        spread = sparse.diags_array(chosen[self.of_set] * chance)
        information = (self.features.T @ spread @ self.features).toarray() - means.T @ (
            chosen[:, None] * means
        )
        for columns in self.free:
            information[np.ix_(columns, columns)] += 1.0
        try:
            inverse = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        for columns in self.free:
            inverse[np.ix_(columns, columns)] -= 1.0 / len(columns) ** 2
        return np.asarray(inverse) if np.isfinite(inverse).all() else None

"""How far an estimate may be from the truth: one function gives intervals and p-values.

An estimate's variance is a sum of parts, each from a mean square with degrees of freedom of its own. Its half
width at a share left outside is

    half(share) = sum_k part_k t(df_k; share) / sqrt(sum_k part_k),

the parts' t quantiles averaged with the parts as weights (Cochran & Cox 1957). Satterthwaite's one quantile
lets up to four times too much beyond in the far tails that many pairs need. No part is negative, so the
half width rises strictly as the share falls, and the p-value is the share whose half width is the difference:
p < alpha exactly where the interval at 1 - alpha leaves zero out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from nami_bench.evaluation.human.ratings_array import Booleans, Floats

SCARCE = 1.5
"""Degrees of freedom; below them there are two members, or as good as two."""

_HALVINGS = 50
"""Of the logarithm of a p-value's range, down to rounding."""
_SMALLEST_SHARE = 1e-150
"""No p-value below; the t quantiles of scipy are not right beyond 1e-200."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The variances of estimates.

    `parts`: shape (..., 2, 2), never negative. A row is a way to account for the variance, annotators first
    or prompts first; a column is what annotators and what prompts add then. `freedom`: shape (..., 2), the
    degrees of freedom of both kinds, infinite for one that is taken as it is. NaN where nothing shows how
    much an estimate varies.

    What counts is the row of the kind with fewer degrees of freedom. It is the row with the larger half width
    where both kinds have as many; where these are below `SCARCE`, since with two annotators, say, severity
    drops out of their sum of squares; and where a row is zero.
    """

    parts: Floats
    freedom: Floats

    @classmethod
    def unknown(cls, shape: tuple[int, ...]) -> "Spread":
        """Nothing known yet, to be filled in."""
        return cls(np.full((*shape, 2, 2), np.nan), np.full((*shape, 2), np.nan))

    def put(self, where: Any, found: "Spread") -> None:
        """Fill in the spreads at an index or a mask."""
        self.parts[where], self.freedom[where] = found.parts, found.freedom

    def half_width(self, share: Any) -> Floats:
        """How far from the estimates the intervals reach that leave `share` outside, 1e-150 to 1, (...)."""
        return _half_width(self._weights(), self.freedom, share)

    def p_value(self, difference: Floats) -> Floats:
        """The share, two-sided, whose `half_width` is the difference, 1e-150 to 1, (...); by bisection."""
        beyond, weights = np.abs(difference), self._weights()
        low, high = np.full(beyond.shape, np.log(_SMALLEST_SHARE)), np.zeros(beyond.shape)  # logarithms
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            outside = _half_width(weights, self.freedom, np.exp(middle)) < beyond
            low, high = np.where(outside, low, middle), np.where(outside, middle, high)
        p = np.where(beyond == 0, 1.0, np.exp((low + high) / 2))
        return np.where(self.known, p, np.nan)

    @property
    def known(self) -> Booleans:
        """Where the variance is known, shape (...)."""
        return np.asarray(~np.isnan(self.parts).any(axis=(-1, -2)))

    @property
    def variance(self) -> Floats:
        """Of the row that counts (at a share of 5 %), shape (...)."""
        return np.asarray(self._row().sum(axis=-1))

    @property
    def degrees_of_freedom(self) -> Floats:
        """Satterthwaite's (1946) of the same row, shape (...); infinite without variation."""
        row = self._row()
        whole = row.sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = whole**2 / (row**2 / self.freedom).sum(axis=-1)
        return np.where(whole == 0, np.inf, found)

    def _row(self) -> Floats:
        """The parts of the row that counts, shape (..., 2)."""
        rows = self._counting()
        wider = _widths(_weighted(rows), self.freedom, 0.05).argmax(axis=-1)
        return np.asarray(np.take_along_axis(rows, wider[..., None, None], axis=-2)[..., 0, :])

    def _weights(self) -> Floats:
        """What each t quantile counts in the half width of each row, shape (..., 2, 2)."""
        return _weighted(self._counting())

    def _counting(self) -> Floats:
        """`parts` with the row that does not count replaced by the one that does."""
        few, many = self.freedom.min(axis=-1), self.freedom.max(axis=-1)
        level = few > many * (1 - 1e-9)  # rounding must not decide
        larger = (few < SCARCE) | level | (self.parts.sum(axis=-1) == 0).any(axis=-1)
        annotators = self.freedom[..., 0] < self.freedom[..., 1]
        scarcer = np.where(annotators[..., None], self.parts[..., 0, :], self.parts[..., 1, :])
        return np.where(larger[..., None, None], self.parts, scarcer[..., None, :])


def _weighted(rows: Floats) -> Floats:
    whole = rows.sum(axis=-1, keepdims=True)
    return rows / np.sqrt(np.where(whole == 0, 1.0, whole))


def _widths(weights: Floats, freedom: Floats, share: Any) -> Floats:
    """Of both rows, shape (..., 2)."""
    t = -stdtrit(freedom, np.asarray(share, dtype=float)[..., None] / 2)
    return np.asarray((weights * t[..., None, :]).sum(axis=-1))


def _half_width(weights: Floats, freedom: Floats, share: Any) -> Floats:
    return np.asarray(_widths(weights, freedom, share).max(axis=-1))

"""Observed and expected disagreement of Krippendorff's alpha, for any weights of the units.

Every class takes `unit`, shape (n,), sorted codes from 0 of units with two values at least, and `value`,
shape (n,). `alphas(weights)` gives alpha, shape (replicates,), for numbers of times that each unit counts,
shape (replicates, units); NaN where all values that count are equal.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from scipy import sparse

from nami_bench.errors import InputError
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers

AnyFloats = Floats | np.float64

_NEGLIGIBLE = 40.0
"""sech^2(s / 2) is below 1e-16 where |s| is more."""
_HIGHEST = 14.0
"""2 w / sinh(pi w) is below 1e-16 where w is more."""


class Disagreement(Protocol):
    """Alpha as a function of the units' weights."""

    def __init__(self, unit: Integers, value: Floats) -> None: ...

    def alphas(self, weights: Floats) -> Floats:
        """Alpha for each row of weights."""
        ...


class Interval:
    """By moments: sum over pairs of (x_i - x_j)^2 = 2 m sum of squares about the mean."""

    def __init__(self, unit: Integers, value: Floats) -> None:
        centred = value - value.mean()  # against cancellation
        m, total, squares = _moments(unit, centred)
        self._parts = np.stack((2 * m * (squares - total**2 / m) / (m - 1), m, total, squares), axis=1)

    def alphas(self, weights: Floats) -> Floats:
        """See `Disagreement`."""
        observed, n, total, squares = (weights @ self._parts).T
        return _alpha(observed / n, 2 * (squares - total**2 / n) / (n - 1), squares / n)


class Ordinal:
    """As interval, on mid-ranks, which follow the weights."""

    def __init__(self, unit: Integers, value: Floats) -> None:
        self._counts = _value_counts(unit, value)
        self._m = np.bincount(unit).astype(float)

    def alphas(self, weights: Floats) -> Floats:
        """See `Disagreement`."""
        return np.array([self._alpha(row) for row in weights])

    def _alpha(self, weights: Floats) -> float:
        counts = np.asarray(self._counts.T @ weights)
        n, m = counts.sum(), self._m
        rank = np.cumsum(counts) - counts / 2 - n / 2  # their mean is zero
        total, squares = np.asarray(self._counts @ rank), np.asarray(self._counts @ rank**2)
        observed = weights @ (2 * (m * squares - total**2) / (m - 1)) / n
        whole = counts @ rank**2
        return float(_alpha(observed, 2 * whole / (n - 1), whole / n))


class Nominal:
    """By counting: pairs of different values are all pairs less those of equal ones."""

    def __init__(self, unit: Integers, value: Floats) -> None:
        self._counts = _value_counts(unit, value)
        m = np.bincount(unit).astype(float)
        equal: Floats = np.asarray(self._counts.power(2).sum(axis=1))
        self._parts = np.stack(((m**2 - equal) / (m - 1), m), axis=1)

    def alphas(self, weights: Floats) -> Floats:
        """See `Disagreement`."""
        observed, n = (weights @ self._parts).T
        equal = np.array([float(((self._counts.T @ row) ** 2).sum()) for row in weights])
        return _alpha(observed / n, (n**2 - equal) / (n * (n - 1)), np.ones_like(n))


class Ratio:
    """By Fourier series (see `nami_bench.evaluation.human.agreement`); pairs of a zero and another value
    differ by 1."""

    def __init__(self, unit: Integers, value: Floats) -> None:
        if value.min() < 0:
            raise InputError("alpha of level 'ratio' needs values from zero up")
        positive = value > 0
        logs = np.log(np.where(positive, value, 1.0))
        spread = float(np.ptp(logs[positive])) if positive.any() else 0.0
        frequencies = _frequencies(spread)
        self._waves = _unit_waves(unit, logs, positive, frequencies)
        self._amplitudes = np.tile(_amplitudes(frequencies), 2)
        self._m = np.bincount(unit).astype(float)
        self._zeros = np.bincount(unit, weights=~positive).astype(float)
        self._observed = self._squares(self._waves, self._m, self._zeros) / (self._m - 1)

    def alphas(self, weights: Floats) -> Floats:
        """See `Disagreement`."""
        n, zeros, observed = weights @ self._m, weights @ self._zeros, weights @ self._observed
        expected = self._squares(weights @ self._waves, n, zeros) / (n * (n - 1))
        return _alpha(observed / n, expected, np.ones_like(n))

    def _squares(self, waves: Floats, n: Floats, zeros: Floats) -> Floats:
        """Sum over ordered pairs of ((a - b) / (a + b))^2 of n values each, so many of them zeros."""
        alike = waves**2 @ self._amplitudes
        positive = n - zeros
        return np.asarray(np.maximum(positive**2 - alike, 0.0) + 2 * zeros * positive)


DISAGREEMENTS: Mapping[str, type[Disagreement]] = {
    "nominal": Nominal,
    "ordinal": Ordinal,
    "interval": Interval,
    "ratio": Ratio,
}


def _alpha(observed: AnyFloats, expected: AnyFloats, scale: AnyFloats) -> Floats:
    """1 - observed / expected; NaN where nothing but rounding is expected, on this scale of squares."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 1e-13 * scale, 1 - np.divide(observed, expected), np.nan)


def _value_counts(unit: Integers, value: Floats) -> "sparse.csr_array[np.float64]":
    """How often each distinct value, in ascending order, occurs in each unit."""
    distinct, code = np.unique(value, return_inverse=True)
    shape = (int(unit[-1]) + 1, len(distinct))
    counts = sparse.csr_array((np.ones(len(unit)), (unit, code)), shape=shape)
    counts.sum_duplicates()
    return counts


def _moments(unit: Integers, value: Floats) -> tuple[Floats, Floats, Floats]:
    """Number, sum and sum of squares of each unit's values."""
    m = np.bincount(unit).astype(float)
    total, squares = (np.bincount(unit, weights=x).astype(float) for x in (value, value**2))
    return m, total, squares


def _frequencies(spread: float) -> Floats:
    """Frequencies of a series whose period is so long that the kernel does not meet its repetition."""
    step = 2 * np.pi / (spread + _NEGLIGIBLE)
    return np.arange(0.0, _HIGHEST + step, step)


def _amplitudes(frequencies: Floats) -> Floats:
    """Trapezoidal weights of 2 w / sinh(pi w), both signs of w taken together."""
    step = frequencies[1]
    rest = frequencies[1:]
    return np.asarray(step * np.concatenate(([2 / np.pi], 4 * rest / np.sinh(np.pi * rest))))


def _unit_waves(unit: Integers, logs: Floats, counted: Booleans, frequencies: Floats) -> Floats:
    """Sums over a unit's values of cos(w ln x), then of sin(w ln x), shape (units, 2 frequencies)."""
    turn = np.exp(1j * frequencies[1] * logs)
    wave = counted.astype(complex)
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    found = np.empty((len(starts), 2 * len(frequencies)))
    for index in range(len(frequencies)):
        sums = np.add.reduceat(wave, starts)
        found[:, index], found[:, len(frequencies) + index] = sums.real, sums.imag
        wave = wave * turn
    return found

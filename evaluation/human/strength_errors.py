"""Covariances of Bradley-Terry estimates: what the comparisons of one prompt share is not counted twice."""

from typing import Any, Literal

import numpy as np
from scipy import sparse

from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.newton import Counts, Fit, fit_counts, outcome_scores, outer_products
from nami_bench.evaluation.human.ratings_array import Floats, Integers

Errors = Literal["sandwich", "clustered", "bootstrap", "model"]

_DENSE = 2**24


def covariance_of(
    part: Comparisons, counts: Counts, fit: Fit, errors: Errors, replicates: int, seed: int
) -> Floats:
    """Covariance of all parameters, shape (parameters, parameters), from the comparisons that `counts` count.

    Virtual ones are in `counts` and not in `part`. See `fit_bradley_terry` for `errors`.
    """
    if errors == "model":
        return fit.inverse
    if errors == "bootstrap":
        return _bootstrap(part, counts, fit, replicates, seed)
    row = _row_of(part, counts)
    if errors == "sandwich" or part.prompts == len(part.left):
        units, flat = len(part.left), np.bincount(row * 3 + part.outcome, minlength=counts.numbers.size)
        meat = outer_products(counts, fit, flat.reshape(counts.numbers.shape).astype(float))
    else:
        g = _cluster_scores(part, counts, fit, row)
        units, meat = g.shape[0], np.asarray((g.T @ g).toarray())
    return np.asarray(fit.inverse @ meat @ fit.inverse * units / max(units - 1, 1))


def _row_of(part: Comparisons, counts: Counts) -> Integers:
    """By comparison, its row of `counts`."""
    if part.covariates:
        return np.arange(len(part.left))
    row = np.zeros(counts.models**2, dtype=np.int64)
    # Of two rows of a pair the later one is the prior's.
    row[(counts.left * counts.models + counts.right)[::-1]] = np.arange(len(counts.left))[::-1]
    return np.asarray(row[part.left * counts.models + part.right])


def _cluster_scores(part: Comparisons, counts: Counts, fit: Fit, row: Integers) -> "sparse.csr_array[Any]":
    """Sums of the comparisons' gradients by prompt, shape (prompts, parameters)."""
    by_d, by_tie = (table[row, part.outcome] for table in outcome_scores(counts, fit))
    columns = [(part.left, by_d), (part.right, -by_d)]
    extra = counts.z.shape[1]
    columns += [(np.full(len(row), counts.models + i), by_d * counts.z[row, i]) for i in range(extra)]
    if counts.has_tie:
        columns.append((np.full(len(row), counts.models + extra), by_tie))
    shape = (part.prompts, counts.models + extra + int(counts.has_tie))
    if shape[0] * shape[1] <= _DENSE:
        cells = [np.bincount(part.prompt * shape[1] + at, x, shape[0] * shape[1]) for at, x in columns]
        return sparse.csr_array(np.sum(cells, axis=0).reshape(shape))
    at, values = (np.concatenate(x) for x in zip(*columns, strict=True))
    return sparse.csr_array((values, (np.tile(part.prompt, len(columns)), at)), shape=shape)


def _bootstrap(part: Comparisons, counts: Counts, fit: Fit, replicates: int, seed: int) -> Floats:
    """Covariance of estimates over resampled prompts."""
    rng = np.random.default_rng(seed)
    row = _row_of(part, counts)
    base = counts.numbers.copy()
    np.add.at(base, (row, part.outcome), -1.0)  # what is left is the prior
    found = []
    for _ in range(replicates):
        drawn = np.bincount(rng.integers(0, part.prompts, part.prompts), minlength=part.prompts)
        weight = drawn[part.prompt].astype(float)
        numbers = np.bincount(row * 3 + part.outcome, weights=weight, minlength=base.size)
        resampled = counts.with_numbers(base + numbers.reshape(base.shape))
        again = fit_counts(resampled, start=fit.parameters)
        if again is not None:
            found.append(again.parameters)
    if len(found) < max(2.0, replicates / 2):
        return np.full(fit.inverse.shape, np.nan)  # most resamples have no finite estimate
    return np.atleast_2d(np.cov(np.array(found).T))

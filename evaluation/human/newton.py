"""Newton's method for the Davidson model on counts of outcomes."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import NegativeCycleError, bellman_ford
from scipy.special import expit

from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.ratings_array import Floats, Integers

_MOST_STEPS = 100
_TOLERANCE = 1e-10
_MOST = 25.0
"""Odds of e^25: more is a likelihood that rises for ever."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Rows of (left, right, covariates z) with the numbers of (left, tie, right) outcomes, shape (rows, 3).

    `has_tie`: ties have a parameter, log nu; else each is half a win for both. `group`: by model, the number
    of its group that rows join; each group has a scale of its own, with mean zero. `row`: by comparison that
    was counted, its row here.
    """

    models: int
    left: Integers
    right: Integers
    z: Floats
    numbers: Floats
    has_tie: bool
    group: Integers
    row: Integers

    def with_numbers(self, numbers: Floats) -> "Counts":
        """The same rows with other numbers."""
        return replace(self, numbers=numbers)

    @property
    def are_ties(self) -> bool:
        """Whether there are ties, and nothing else."""
        return self.has_tie and not self.numbers[:, [0, 2]].any()

    @property
    def extra(self) -> int:
        """How many parameters there are beside the strengths."""
        return int(self.z.shape[1]) + int(self.has_tie)

    @property
    def parameters(self) -> int:
        """How many parameters there are."""
        return self.models + self.extra

    def groups(self) -> list[Integers]:
        """The codes of each group's models."""
        return [np.flatnonzero(self.group == number) for number in np.unique(self.group)]


def count_outcomes(
    part: Comparisons,
    group: Integers,
    *,
    has_tie: bool,
    side: bool = False,
    weight: Floats | None = None,
    prior: float = 0.0,
) -> Counts:
    """Distinct rows with the numbers of their outcomes, or with the sums of `weight`, shape (comparisons,),
    by default what each comparison counts.

    `group` by model; see `Counts`. `side`: the first column of z is one. `prior`: so many virtual ties, half
    won and half lost, between every two models of a group.
    """
    models = len(part.models)
    row, first = _distinct_rows(part)
    left, right = part.left[first], part.right[first]
    z = np.column_stack(
        [np.ones(len(first))] * side + [values[first] for values in part.covariates.values()]
        or [np.ones((len(first), 0))]
    )
    flat = np.bincount(row * 3 + part.outcome, part.counted if weight is None else weight, 3 * len(first))
    numbers = flat.reshape(-1, 3).astype(float)
    if prior > 0:
        i, j = np.triu_indices(models, 1)
        i, j = i[group[i] == group[j]], j[group[i] == group[j]]
        virtual = np.column_stack((np.full(len(i), prior / 2), np.zeros(len(i)), np.full(len(i), prior / 2)))
        left, right = np.concatenate((left, i)), np.concatenate((right, j))
        numbers = np.vstack((numbers, virtual))
        z = np.vstack((z, np.zeros((len(i), z.shape[1]))))
    return Counts(models, left, right, z, numbers, has_tie and bool(numbers[:, 1].any()), group, row)


def _distinct_rows(part: Comparisons) -> tuple[Integers, Integers]:
    """By comparison, the number of those that the model cannot tell from it, and the first of each number."""
    codes, _ = pd.factorize(part.left * len(part.models) + part.right, sort=True)
    for values in part.covariates.values():
        finer, kinds = pd.factorize(values)
        codes, _ = pd.factorize(codes * max(len(kinds), 1) + finer)
    first = np.full(int(codes.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return codes.astype(np.int64), first


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Estimates: strengths (mean zero), coefficients of z, then log nu if `has_tie`.

    `inverse`: of the information, shape (parameters, parameters), zero along the direction that cannot be
    known.
    """

    parameters: Floats
    inverse: Floats
    has_tie: bool


def ties_run_away(counts: Counts) -> bool:
    """Whether log nu has no finite estimate, for strengths can grow with it without end.

    Along strengths v and log nu = 1 / 2 the likelihood never falls if v differs by one at least where a model
    beat another, and by one at most where two tied. Such v exist unless these limits contradict each other
    around a circle.
    """
    k = counts.models
    limit = np.full((k + 1, k + 1), np.inf)  # of v[column] - v[row]; the last row only reaches all others
    limit[k, :k] = k + 1.0
    won, tied, lost = (counts.numbers > 0).T
    for one, other in ((counts.left[tied], counts.right[tied]), (counts.right[tied], counts.left[tied])):
        limit[one, other] = 1.0
    limit[counts.left[won], counts.right[won]] = -1.0
    limit[counts.right[lost], counts.left[lost]] = -1.0
    if ((limit < 0) & (limit.T < 0)).any():
        return False
    try:
        bellman_ford(limit, indices=[k])
    except NegativeCycleError:
        return False
    return True


def fit_counts(counts: Counts, start: Floats | None = None) -> Fit | None:
    """The maximum-likelihood fit; None where it is not finite."""
    parameters = np.zeros(counts.parameters) if start is None else start.copy()
    likelihood = log_likelihood(counts, parameters)
    for _ in range(_MOST_STEPS):
        gradient, information = derivatives(counts, parameters)
        try:
            step = np.linalg.solve(_pinned(counts, information), gradient)
        except np.linalg.LinAlgError:
            break
        scale = 1.0
        while (tried := log_likelihood(counts, parameters + scale * step)) < likelihood - 1e-9 * abs(
            likelihood
        ):
            scale /= 2
            if scale < 1e-6:
                break
        parameters = parameters + scale * step
        likelihood = tried
        if np.abs(parameters).max() > _MOST:
            break
        if np.abs(step).max() < _TOLERANCE:
            for members in counts.groups():
                parameters[members] -= parameters[members].mean()
            _, information = derivatives(counts, parameters)
            return Fit(parameters, _inverse(counts, information), counts.has_tie)
    return None


def outcome_scores(counts: Counts, fit: Fit) -> tuple[Floats, Floats]:
    """Derivatives of one comparison's log likelihood by d and by log nu, (rows, outcomes) each."""
    p_left, p_tie, p_right = _probabilities(counts, fit.parameters)
    if not counts.has_tie:
        return np.array([1.0, 0.5, 0.0]) - p_left[:, None], np.zeros((len(p_left), 3))
    by_d = np.array([0.5, 0.0, -0.5]) - (p_left - p_right)[:, None] / 2
    return by_d, np.array([0.0, 1.0, 0.0]) - p_tie[:, None]


def outer_products(counts: Counts, fit: Fit, numbers: Floats) -> Floats:
    """Sum over comparisons of the outer product of the log likelihood's gradient, (parameters, parameters).

    `numbers`: of outcomes by row, shape (rows, 3).
    """
    by_d, by_tie = outcome_scores(counts, fit)
    parts = ((numbers * x).sum(axis=1) for x in (by_d**2, by_d * by_tie, by_tie**2))
    return _assembled(counts, *parts)


def _advantage(counts: Counts, parameters: Floats) -> Floats:
    k = counts.models
    d = parameters[counts.left] - parameters[counts.right]
    return np.asarray(d + counts.z @ parameters[k : k + counts.z.shape[1]])


def _probabilities(counts: Counts, parameters: Floats) -> tuple[Floats, Floats, Floats]:
    d = _advantage(counts, parameters)
    if not counts.has_tie:
        return expit(d), np.zeros_like(d), expit(-d)
    log_tie = parameters[-1]
    most = np.maximum(np.abs(d) / 2, log_tie)  # taken off, so that no exponential overflows
    left, tie, right = np.exp(d / 2 - most), np.exp(log_tie - most), np.exp(-d / 2 - most)
    whole = left + tie + right
    return left / whole, tie / whole, right / whole


def log_likelihood(counts: Counts, parameters: Floats) -> float:
    """Of the outcomes, at any parameters."""
    d = _advantage(counts, parameters)
    n_left, n_tie, n_right = counts.numbers.T
    if not counts.has_tie:
        n = counts.numbers.sum(axis=1)
        return float((n_left + n_tie / 2) @ d - n @ np.logaddexp(0, d))
    log_tie = parameters[-1]
    whole = np.logaddexp(np.logaddexp(d / 2, -d / 2), log_tie)
    return float((n_left - n_right) @ d / 2 + n_tie.sum() * log_tie - counts.numbers.sum(axis=1) @ whole)


def derivatives(counts: Counts, parameters: Floats) -> tuple[Floats, Floats]:
    """Gradient, and minus the matrix of second derivatives."""
    n_left, n_tie, n_right = counts.numbers.T
    n = counts.numbers.sum(axis=1)
    p_left, p_tie, p_right = _probabilities(counts, parameters)
    if counts.has_tie:
        slope = (n_left - n_right) / 2 - n * (p_left - p_right) / 2
        curve = n * ((p_left + p_right) / 4 - ((p_left - p_right) / 2) ** 2)
    else:
        slope = n_left + n_tie / 2 - n * p_left
        curve = n * p_left * p_right
    gradient = np.concatenate((_signed_sums(counts, slope), counts.z.T @ slope))
    if not counts.has_tie:
        return gradient, _assembled(counts, curve, curve, curve)
    gradient = np.append(gradient, n_tie.sum() - n @ p_tie)
    cross = -n * p_tie * (p_left - p_right) / 2
    return gradient, _assembled(counts, curve, cross, n * p_tie * (1 - p_tie))


def _assembled(counts: Counts, by_d: Floats, by_both: Floats, by_tie: Floats) -> Floats:
    """Weighted sum over rows of x x', where x is 1 at left, -1 at right, z, and 1 for log nu."""
    k, extra = counts.models, counts.z.shape[1]
    whole = np.zeros((k + extra + int(counts.has_tie),) * 2)
    counted = np.bincount(counts.left * k + counts.right, weights=by_d, minlength=k * k)
    pairs = counted.reshape(k, k) + counted.reshape(k, k).T
    whole[:k, :k] = np.diag(pairs.sum(axis=1)) - pairs
    weighted = counts.z * by_d[:, None]
    for index in range(extra):
        whole[:k, k + index] = whole[k + index, :k] = _signed_sums(counts, weighted[:, index])
    whole[k : k + extra, k : k + extra] = counts.z.T @ weighted
    if counts.has_tie:
        whole[:k, -1] = whole[-1, :k] = _signed_sums(counts, by_both)
        whole[k : k + extra, -1] = whole[-1, k : k + extra] = counts.z.T @ by_both
        whole[-1, -1] = by_tie.sum()
    return whole


def _signed_sums(counts: Counts, values: Floats) -> Floats:
    left, right = (
        np.bincount(side, weights=values, minlength=counts.models) for side in (counts.left, counts.right)
    )
    return np.asarray(left - right, dtype=float)


def _pinned(counts: Counts, information: Floats) -> Floats:
    """The information with a curvature for equal shifts of a group's strengths, along which it has none."""
    pinned = information.copy()
    same = counts.group[:, None] == counts.group[None]
    pinned[: counts.models, : counts.models] += same * (np.abs(information).max() / counts.models)
    return np.asarray(pinned, dtype=float)


def _inverse(counts: Counts, information: Floats) -> Floats:
    k = counts.models
    inverse = np.linalg.inv(_pinned(counts, information))
    for members in counts.groups():  # what the pins had added
        inverse[members, :k] -= inverse[members, :k].mean(axis=0)
        inverse[:k, members] -= inverse[:k, members].mean(axis=1, keepdims=True)
    return np.asarray(inverse)

"""Bradley-Terry strengths from pairwise comparisons, with ties, sides and covariates.

With d = strength(left) - strength(right) + side + z * covariates, Davidson (1970) has

    P(left) : P(tie) : P(right) = exp(d / 2) : nu : exp(-d / 2),

and without ties this is Bradley & Terry (1952). Comparisons that agree in all that the model sees are counted
once; Newton's method then works on counts, not on comparisons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy import sparse, stats

from evaluation.human.comparison_table import Comparisons
from evaluation.human.connectivity import Connectivity, connectivity
from evaluation.human.newton import Counts, Fit, fit_counts, outcome_scores, outer_products
from evaluation.human.ratings_array import Floats, Integers
from nami_bench.errors import InputError, UnknownNameError, WorkError

Ties = Literal["davidson", "half"]
Errors = Literal["sandwich", "clustered", "bootstrap", "model"]

MOST_MODELS = 2000
"""The covariance of so many has 32 megabytes; a fit of them takes minutes."""
_DENSE = 2**24
_ELO = 400 / np.log(10)


def elo_scale(strength: Floats) -> Floats:
    """Natural-log odds on Elo's scale: 400 points are odds of ten, 1000 the mean."""
    return np.asarray(1000 + _ELO * strength)


@dataclass(frozen=True, slots=True, eq=False)
class Strengths:
    """Strengths of models with intervals at `level`.

    `strength`, `low`, `high`, `standard_error`: shape (models,), natural-log odds with mean zero, NaN for a
    model without a finite estimate (`notes` say why). `covariance`: shape (models, models). `effects`: by
    name, the side effect ("left") and the covariates' coefficients, each as (estimate, low, high). `tie`:
    Davidson's nu, None with ties as half wins. `component`: by model, the number of its group within which
    models can be compared.
    """

    models: tuple[str, ...]
    strength: Floats
    low: Floats
    high: Floats
    standard_error: Floats
    covariance: Floats
    effects: Mapping[str, tuple[float, float, float]]
    tie: float | None
    component: Integers
    comparisons: int
    level: float
    errors: Errors
    notes: tuple[str, ...]

    @property
    def elo(self) -> Floats:
        """Strengths on Elo's scale."""
        return elo_scale(self.strength)

    def win_probability(self, first: str, second: str) -> float | None:
        """Chance that `first` is preferred, ties shared out evenly; None where the two cannot be compared."""
        for name in (first, second):
            if name not in self.models:
                raise UnknownNameError("model", name, self.models)
        d = float(self.strength[self.models.index(first)] - self.strength[self.models.index(second)])
        if np.isnan(d):
            return None
        win, loss, tie = np.exp(d / 2), np.exp(-d / 2), self.tie or 0.0
        return float((win + tie / 2) / (win + loss + tie))


def fit_bradley_terry(
    comparisons: Comparisons,
    *,
    ties: Ties = "davidson",
    side: bool = False,
    errors: Errors = "clustered",
    prior: float = 0.0,
    level: float = 0.95,
    replicates: int = 200,
    seed: int = 0,
) -> Strengths:
    """Maximum-likelihood strengths.

    `side`: estimate how much the left place helps. `ties`: by Davidson's model, or as half a win for both.

    `errors`: "clustered", the sandwich with prompts as clusters, for comparisons of one prompt have the
    images in common; "sandwich", every comparison for itself (Huber-White); "bootstrap", prompts resampled
    `replicates` times; "model", the inverse information, which trusts the model.

    A finite estimate exists only within a group of models in which everyone is reached from everyone by
    wins or ties (Ford 1957). Models outside the largest such group get none, unless `prior` is above zero:
    that many virtual ties, half won and half lost, between every two models, which pulls all strengths
    together.

    Raises InputError where there is nothing to compare, or for more than `MOST_MODELS` models.
    """
    for value, kind, known in ((ties, "ties", Ties), (errors, "errors", Errors)):
        if value not in get_args(known):
            raise UnknownNameError(kind, value, get_args(known))
    if not len(comparisons.left):
        raise InputError("there are no comparisons")
    if len(comparisons.models) > MOST_MODELS:
        raise InputError(
            f"{len(comparisons.models)} models are too many to fit at once: take up to {MOST_MODELS}"
        )
    groups = connectivity(comparisons.models, comparisons.left, comparisons.right, comparisons.outcome)
    kept = np.arange(len(comparisons.models)) if prior > 0 else groups.largest
    if len(kept) < 2:
        raise InputError(f"no two models have beaten or tied each other both ways: {'; '.join(groups.notes)}")
    part = comparisons.of_models(kept)
    names = ("left",) * side + tuple(comparisons.covariates)
    counts = _counted(part, len(kept), ties, side, prior)
    fit = fit_counts(counts)
    if fit is None:
        raise WorkError(
            "the strengths have no finite estimate: a covariate, or the ties, tell the outcomes apart"
        )
    covariance = _covariance(part, counts, fit, errors, prior, replicates, seed)
    return _strengths(comparisons, groups, kept, fit, covariance, names, ties, errors, prior, level)


def _counted(part: Comparisons, models: int, ties: Ties, side: bool, prior: float) -> Counts:
    """Distinct rows with the numbers of their outcomes."""
    if part.covariates:
        z = np.column_stack([np.ones(len(part.left))] * side + list(part.covariates.values()))
        numbers = np.zeros((len(part.left), 3))
        numbers[np.arange(len(part.left)), part.outcome] = 1.0
        left, right = part.left, part.right
    else:
        flat = np.bincount((part.left * models + part.right) * 3 + part.outcome, minlength=3 * models**2)
        numbers = flat.reshape(-1, 3).astype(float)
        seen = np.flatnonzero(numbers.sum(axis=1))
        numbers = numbers[seen]
        left, right = np.divmod(seen, models)
        z = np.ones((len(seen), int(side)))
    if prior > 0:
        i, j = np.triu_indices(models, 1)
        virtual = np.column_stack((np.full(len(i), prior / 2), np.zeros(len(i)), np.full(len(i), prior / 2)))
        left, right = np.concatenate((left, i)), np.concatenate((right, j))
        numbers = np.vstack((numbers, virtual))
        z = np.vstack((z, np.zeros((len(i), z.shape[1]))))
    return Counts(models, left, right, z, numbers, ties == "davidson" and bool(numbers[:, 1].any()))


def _covariance(
    part: Comparisons, counts: Counts, fit: Fit, errors: Errors, prior: float, replicates: int, seed: int
) -> Floats:
    """Covariance of all parameters, shape (parameters, parameters)."""
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
    if len(found) < replicates / 2:
        raise InputError(
            "most resamples of the prompts have no finite estimate: use other errors, or a prior"
        )
    return np.atleast_2d(np.cov(np.array(found).T))


def _strengths(
    comparisons: Comparisons,
    groups: Connectivity,
    kept: Integers,
    fit: Fit,
    covariance: Floats,
    names: tuple[str, ...],
    ties: Ties,
    errors: Errors,
    prior: float,
    level: float,
) -> Strengths:
    models, k = len(comparisons.models), len(kept)
    z = stats.norm.ppf((1 + level) / 2)
    strength, whole = np.full(models, np.nan), np.full((models, models), np.nan)
    strength[kept] = fit.parameters[:k]
    whole[np.ix_(kept, kept)] = covariance[:k, :k]
    error = np.sqrt(np.diag(whole))
    effects = {}
    for index, name in enumerate(names, start=k):
        value, half = float(fit.parameters[index]), float(z * np.sqrt(covariance[index, index]))
        effects[name] = (value, value - half, value + half)
    notes = groups.notes
    if prior > 0:
        notes = (*notes, f"strengths are pulled together by {prior:g} virtual ties between every two models")
    nu = float(np.exp(fit.parameters[-1])) if fit.has_tie else 0.0
    return Strengths(
        models=comparisons.models,
        strength=strength,
        low=strength - z * error,
        high=strength + z * error,
        standard_error=error,
        covariance=whole,
        effects=effects,
        tie=nu if ties == "davidson" else None,
        component=groups.component,
        comparisons=len(comparisons.left),
        level=level,
        errors=errors,
        notes=notes,
    )

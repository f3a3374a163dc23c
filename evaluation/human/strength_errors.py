"""Covariances of Bradley-Terry estimates: what the comparisons of one prompt, or of one voter, share is not
counted twice."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse, stats

from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.newton import Counts, Fit, fit_counts, outcome_scores, outer_products
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers

Errors = Literal["sandwich", "clustered", "two-way", "bootstrap", "model"]

_DENSE = 2**22


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
    scores = _Scores(part, counts, fit)
    everyone = np.ones(len(part.left), dtype=bool)
    if errors == "sandwich" or (part.prompts == len(part.left) and part.times is None):
        meat = scores.each(everyone) * _correction(part.votes)
    else:
        meat = scores.meat(part.prompt, part.prompts, everyone)
    if errors == "two-way" and (named := named_voters(part)) is not None:
        people = part.annotators
        assert part.annotator is not None  # named_voters says so
        both, cells = _cells(part.prompt[named] * people + part.annotator[named])
        where = np.full(len(part.left), -1, dtype=np.int64)
        where[named] = both
        meat = meat + scores.meat(part.annotator, people, named) - scores.meat(where, cells, named)
        return without_negative(fit.inverse @ meat @ fit.inverse)
    return np.asarray(fit.inverse @ meat @ fit.inverse)


def named_voters(part: Comparisons) -> Booleans | None:
    """The comparisons whose voter is known; None where fewer than two are.

    A voter whom nobody knows is a cluster alone, and alone with the prompt: both cancel.
    """
    if part.annotator is None or part.annotators < 2:
        return None
    return np.asarray(part.annotator >= 0)


def quantile(part: Comparisons, errors: Errors, level: float) -> float:
    """Half of an interval in standard errors.

    Of two ways of clustering Student's t counts the fewer, and of unequal ones as many as equal ones would
    vary like them.
    """
    share = (1 + level) / 2
    if errors != "two-way":
        return float(stats.norm.ppf(share))
    sizes = [np.bincount(part.prompt, part.counted)]
    if (named := named_voters(part)) is not None:
        counted = part.counted
        assert part.annotator is not None
        sizes.append(np.bincount(part.annotator[named], None if counted is None else counted[named]))
    as_good_as = min(float(size.sum() ** 2 / (size**2).sum()) for size in sizes)
    return float(stats.t.ppf(share, max(as_good_as - 1, 1)))


def without_negative(covariance: Floats) -> Floats:
    """Two ways of clustering, less what both have in common, may leave directions below zero."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.maximum(values, 0.0) @ vectors.T)


@dataclass(frozen=True, slots=True)
class _Scores:
    """The comparisons' gradients, and sums of their outer products."""

    part: Comparisons
    counts: Counts
    fit: Fit

    def meat(self, cluster: Integers, clusters: int, rows: Booleans) -> Floats:
        """Sums of the gradients of `rows` by cluster, squared, corrected for the number of clusters."""
        alone = rows.copy()
        alone[rows] = np.bincount(cluster[rows], minlength=clusters)[cluster[rows]] == 1
        if self.part.times is not None:
            alone &= self.part.times == 1  # several votes of one cluster go together
        found = self.each(alone)
        several = rows & ~alone
        if several.any():
            code, count = _cells(cluster[several])
            found = found + self._together(code, count, several)
        return found * _correction(clusters)

    def each(self, rows: Booleans) -> Floats:
        """The same with every vote for itself."""
        squared = self.part.squared
        flat = np.bincount(
            self.counts.row[rows] * 3 + self.part.outcome[rows],
            None if squared is None else squared[rows],
            self.counts.numbers.size,
        )
        return outer_products(self.counts, self.fit, flat.reshape(self.counts.numbers.shape).astype(float))

    def _together(self, cluster: Integers, clusters: int, rows: Booleans) -> Floats:
        parameters = self.counts.parameters
        entries = self._entries(rows)
        if clusters * parameters <= _DENSE:
            flat = np.zeros(clusters * parameters)
            for at, values in entries:
                flat += np.bincount(cluster * parameters + at, values, len(flat))
            dense = flat.reshape(clusters, parameters)
            return dense.T @ dense
        found = sparse.csr_array((clusters, parameters), dtype=np.float64)
        small = cluster.astype(np.int32)
        for at, values in entries:
            column = np.broadcast_to(np.asarray(at, dtype=np.int32), small.shape)
            found = found + sparse.csr_array((values, (small, column)), shape=found.shape)
        return np.asarray((found.T @ found).toarray())

    def _entries(self, rows: Booleans) -> list[tuple[Any, Floats]]:
        """(parameter, derivative) of each of `rows`, one pair of arrays for each kind of parameter."""
        counts, part = self.counts, self.part
        row, outcome = counts.row[rows], part.outcome[rows]
        by_d, by_tie = (table[row, outcome] for table in outcome_scores(counts, self.fit))
        if part.counted is not None:
            by_d, by_tie = by_d * part.counted[rows], by_tie * part.counted[rows]
        k, extra = counts.models, counts.z.shape[1]
        found: list[tuple[Any, Floats]] = [(part.left[rows], by_d), (part.right[rows], -by_d)]
        found += [(k + i, by_d * counts.z[row, i]) for i in range(extra)]
        if counts.has_tie:
            found.append((k + extra, by_tie))
        return found


def _correction(units: int) -> float:
    return units / max(units - 1, 1)


def _cells(code: Integers) -> tuple[Integers, int]:
    """The same clusters, numbered from 0 on without gaps, and how many there are."""
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    number = np.cumsum(np.diff(ordered, prepend=ordered[:1]) != 0)
    found = np.empty_like(code)
    found[order] = number
    return found, int(number[-1]) + 1 if len(number) else 0


def _bootstrap(part: Comparisons, counts: Counts, fit: Fit, replicates: int, seed: int) -> Floats:
    """Covariance of estimates over resampled prompts."""
    rng = np.random.default_rng(seed)
    cell = counts.row * 3 + part.outcome
    counted = np.ones(len(cell)) if part.counted is None else part.counted
    own = np.bincount(cell, counted, counts.numbers.size).reshape(counts.numbers.shape)
    prior = counts.numbers - own
    found = []
    for _ in range(replicates):
        drawn = np.bincount(rng.integers(0, part.prompts, part.prompts), minlength=part.prompts)
        numbers = np.bincount(cell, weights=drawn[part.prompt] * counted, minlength=prior.size)
        again = fit_counts(counts.with_numbers(prior + numbers.reshape(prior.shape)), start=fit.parameters)
        if again is not None:
            found.append(again.parameters)
    if len(found) < max(2.0, replicates / 2):
        return np.full(fit.inverse.shape, np.nan)  # most resamples have no finite estimate
    return np.atleast_2d(np.cov(np.array(found).T))

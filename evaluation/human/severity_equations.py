"""Annotators' severity as a random effect: Henderson's mixed-model equations with the images eliminated.

Ratings y = severity_a + spread_a * quality_i + e, where e has the annotator's variance v_a. Every image has a
quality of its own with a flat prior, so only ratings of the same image say anything of severity: who got the
harder prompts, or more of the good model's images, does not matter.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import optimize, sparse
from scipy.sparse.linalg import cg

from nami_bench.evaluation.human.ratings_array import Floats, Integers

MOST_DENSE = 1500
"""Annotators whose equations are solved by eigenvectors; beyond, by conjugate gradients."""
_MOST_CELLS = 4e7
_FULL_SHARE = 0.2
_NO_INFORMATION = 1e-9
"""Of the largest eigenvalue: less is a direction of which the ratings say nothing."""


@dataclass(frozen=True, eq=False)
class RatedImages:
    """Who rated which image: codes of the ratings' image and annotator, from 0, shape (n,) each."""

    image: Integers
    annotator: Integers
    annotators: int

    @cached_property
    def raters(self) -> Integers:
        """By image, shape (images,); every image has one."""
        return np.bincount(self.image)

    @cached_property
    def given(self) -> Integers:
        """Ratings by annotator, shape (annotators,)."""
        return np.bincount(self.annotator, minlength=self.annotators)

    @cached_property
    def is_shared(self) -> Any:
        """By rating, whether somebody else rated the image too."""
        return self.raters[self.image] > 1

    @cached_property
    def shared(self) -> Integers:
        """Ratings of shared images by annotator, shape (annotators,)."""
        return np.bincount(self.annotator[self.is_shared], minlength=self.annotators)

    @cached_property
    def incidence(self) -> Any:
        """Sparse, shape (images, annotators), 1 where there is a rating."""
        ones = np.ones(len(self.image))
        return sparse.csr_matrix(
            (ones, (self.image, self.annotator)), shape=(len(self.raters), self.annotators)
        )

    @cached_property
    def _table(self) -> Floats | None:
        """The incidence as an array where multiplying it is faster so."""
        cells = len(self.raters) * self.annotators
        full = len(self.image) > _FULL_SHARE * cells and self.annotators <= MOST_DENSE
        return self.incidence.toarray() if full and cells < _MOST_CELLS else None

    def by_image(self, values: Floats) -> Floats:
        """Sums of the ratings' `values` by image."""
        return np.asarray(np.bincount(self.image, weights=values, minlength=len(self.raters)), dtype=float)

    def by_annotator(self, values: Floats) -> Floats:
        """Sums of the ratings' `values` by annotator."""
        return np.asarray(np.bincount(self.annotator, weights=values, minlength=self.annotators), dtype=float)

    def information(self, spread: Floats, variance: Floats) -> Floats:
        """On each image's quality, shape (images,)."""
        return self.by_image((spread**2 / variance)[self.annotator])

    def quality(
        self, y: Floats, severity: Floats, spread: Floats, variance: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Each image's quality given the annotators' parameters, the ratings' residuals and leverages."""
        annotator, image = self.annotator, self.image
        information = self.information(spread, variance)
        away = y - severity[annotator]
        quality = self.by_image((spread / variance)[annotator] * away) / information
        residual = away - spread[annotator] * quality[image]
        return quality, residual, (spread**2 / variance)[annotator] / information[image]

    def equations(self, y: Floats, spread: Floats, variance: Floats) -> tuple[Any, Floats]:
        """(A, c) of A severity = c, the images eliminated; A is sparse for more than `MOST_DENSE` annotators.

        A = diag(n / v) - U' diag(1 / W) U with u = spread / v by rating, and W the information on an image.
        """
        inverse = 1 / self.information(spread, variance)
        slope = spread / variance
        if self._table is not None:
            common = (self._table * inverse[:, None]).T @ self._table
        else:
            common = self.incidence.multiply(inverse[:, None]).T @ self.incidence
            common = common.toarray() if self.annotators <= MOST_DENSE else common.tocsr()
        if sparse.issparse(common):
            scale = sparse.diags(slope)
            matrix = sparse.diags(self.given / variance) - scale @ common @ scale
        else:
            matrix = np.diag(self.given / variance) - slope[:, None] * common * slope
        quality = self.by_image(slope[self.annotator] * y) * inverse
        away = y - spread[self.annotator] * quality[self.image]
        return matrix, self.by_annotator(away) / variance


@dataclass(frozen=True, slots=True, eq=False)
class Severities:
    """Predicted severities, shape (annotators,), and their variance in the population of annotators.

    `matrix`: A of the equations that they solve.
    """

    effect: Floats
    variance: float
    matrix: Any

    def error_variance(self, weights: Floats) -> Floats:
        """Variance of the error of weighted sums of severities; `weights`: shape (sums, annotators)."""
        if self.variance == 0:
            return np.zeros(len(weights))
        if isinstance(self.matrix, np.ndarray):
            ridge = self.matrix + np.eye(len(self.matrix)) / self.variance
            solved = np.linalg.solve(ridge, weights.T).T
        else:
            solved = np.stack([_solved_sparsely(self.matrix, row, self.variance) for row in weights])
        return np.asarray((weights * solved).sum(axis=1))


def predict_severity(matrix: Any, right: Floats) -> Severities:
    """Solve (A + I / tau^2) severity = c, tau^2 by restricted maximum likelihood (see `equations`)."""
    if sparse.issparse(matrix):
        return _by_conjugate_gradients(matrix, right)
    values, vectors = np.linalg.eigh(matrix)
    known = values > _NO_INFORMATION * max(values.max(), 1e-300)
    turned = vectors.T @ right
    variance = _restricted_variance(values[known], turned[known]) if known.any() else 0.0
    shrunk = np.where(known, variance / (1 + values * variance), 0.0)
    return Severities(vectors @ (shrunk * turned), variance, matrix)


def _restricted_variance(values: Floats, turned: Floats) -> float:
    """tau^2 from c in A's eigenvectors, where its parts are independent, N(0, d + d^2 tau^2)."""
    squares = turned**2 / values  # expected 1 + d tau^2

    def deviance(log_variance: float) -> float:
        expected = 1 + values * np.exp(log_variance)
        return float(np.log(expected).sum() + (squares / expected).sum())

    largest = np.log(max(float((squares / values).max()), 1e-12))
    nothing = largest - 25
    best = optimize.minimize_scalar(
        deviance, bounds=(nothing, largest + 3), method="bounded", options={"xatol": 1e-4}
    )
    return 0.0 if deviance(nothing) <= float(best.fun) + 1e-6 else float(np.exp(best.x))


def _by_conjugate_gradients(matrix: Any, right: Floats) -> Severities:
    """The same for many annotators, tau^2 by Henderson's third method."""
    size = len(right)
    fixed, _ = cg(matrix + 1e-10 * sparse.eye(size), right, rtol=1e-9, maxiter=2000)
    variance = max(float((right @ fixed - (size - 1)) / matrix.diagonal().sum()), 0.0)
    found = Severities(np.zeros(size), variance, matrix)
    return replace(found, effect=_solved_sparsely(matrix, right, variance)) if variance else found


def _solved_sparsely(matrix: Any, right: Floats, variance: float) -> Floats:
    """(A + I / tau^2)^-1 right."""
    ridge = matrix + sparse.eye(len(right)) / variance
    found, _ = cg(ridge, right, rtol=1e-10, maxiter=2000, M=sparse.diags(1 / ridge.diagonal()))
    return np.asarray(found)

"""Standard errors of scores when both prompts and annotators are samples of many.

The working model is the crossed one with random effects (Clark 1973; Westfall, Kenny & Judd 2014): a model's
ratings are y_pa = mu + prompt_p + annotator_a + rest_pa. For an estimate sum_i c_i y_i of mu,

    V = var(annotator) sum_a c_a^2 + var(prompt) sum_p c_p^2 + var(rest) sum_pa c_pa^2,

c_a and c_p being sums of c over the cells of an annotator and of a prompt. The variances come from three
quadratic forms of the pulls u_pa = c_pa (y_pa - estimate): Q_annotator = sum_a (sum_p u_pa)^2, Q_prompt
likewise, Q_rest = sum_pa u_pa^2 (the clusters of Cameron, Gelbach & Miller 2011), each of which has an
expectation linear in the three variances. Solving for them is unbiased whatever cells are missing, and equals
the analysis of variance's V = (MS_annotator + MS_prompt - MS_rest) / (prompts * annotators) where none is.
Negative variances are set to zero. Tails follow Cochran & Cox (see `Spread.bound`).

For a difference between two models the pulls are those of the first less those of the second, cell by cell,
so what the two share (a prompt's difficulty, an annotator's severity) drops out and what matters is how
prompts and annotators differ in their preference between the two.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from evaluation.human.ratings_array import Floats, Integers

Over = Literal["both", "prompts", "annotators"]
"""What is taken for a sample of many: prompts, annotators, or both."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What V needs to know of the weights c of estimates: all fields have their shape.

    `sizes`: shape (..., 3), sums of squares of c over annotators, prompts and cells. `expectations`: shape
    (..., 3, 3); row k holds the coefficients of the three variances in E[Q_k]. `estimates`: how many
    estimates a difference is of; sizes and expectations are sums over them.
    """

    sizes: Floats
    expectations: Floats
    estimates: int = 1

    @property
    def members(self) -> Floats:
        """Effective numbers of annotators, prompts and cells, shape (..., 3): the true ones without gaps."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.estimates / self.sizes)

    def of(self, which: Any) -> "Design":
        """The designs at an index or a mask of the leading axes."""
        return Design(self.sizes[which], self.expectations[which], self.estimates)


class Clusters:
    """Which cells are of one (model, annotator) and of one (model, prompt)."""

    def __init__(self, model: Integers, prompt: Integers, annotator: Integers, models: int) -> None:
        self.model = model
        self.models = models
        self._annotator = _groups(model, annotator)
        self._prompt = _groups(model, prompt)

    def design(self, weight: Floats) -> Design:
        """The designs of all models' estimates, from the cells' weights c, shape (cells,)."""
        (of_a, a_model), (of_p, p_model) = self._annotator, self._prompt
        by_a, by_p = np.bincount(of_a, weights=weight), np.bincount(of_p, weights=weight)
        c_a, c_p = by_a[of_a], by_p[of_p]
        a, a3 = self._per_model(a_model, by_a**2), self._per_model(a_model, by_a**3)
        p, p3 = self._per_model(p_model, by_p**2), self._per_model(p_model, by_p**3)
        r, r3 = self._per_model(self.model, weight**2), self._per_model(self.model, weight**3)
        ap = r - 2 * self._per_model(self.model, weight * c_a * c_p) + a * p
        ar = r - 2 * self._per_model(self.model, weight**2 * c_a) + a * r
        pr = r - 2 * self._per_model(self.model, weight**2 * c_p) + p * r
        rows = ((a - 2 * a3 + a * a, ap, ar), (ap, p - 2 * p3 + p * p, pr), (ar, pr, r - 2 * r3 + r * r))
        expectations = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
        return Design(np.stack((a, p, r), axis=-1), expectations)

    def forms(self, pull: Floats) -> Floats:
        """(Q_annotator, Q_prompt, Q_rest) of all models, shape (models, 3), from the cells' pulls."""
        (of_a, a_model), (of_p, p_model) = self._annotator, self._prompt
        return np.stack(
            (
                self._per_model(a_model, np.bincount(of_a, weights=pull) ** 2),
                self._per_model(p_model, np.bincount(of_p, weights=pull) ** 2),
                self._per_model(self.model, pull**2),
            ),
            axis=-1,
        )

    def counts(self, weight: Floats) -> Floats:
        """Numbers of annotators and prompts that carry weight in each model, shape (models, 2)."""
        kinds = (self._annotator, self._prompt)
        return np.stack([self._per_model(m, np.bincount(of, weights=weight) > 0) for of, m in kinds], axis=-1)

    def cubes(self, pull: Floats) -> Floats:
        """Sums of the third powers of the annotators' and the prompts' pulls, shape (models, 2)."""
        kinds = (self._annotator, self._prompt)
        return np.stack([self._per_model(m, np.bincount(of, weights=pull) ** 3) for of, m in kinds], axis=-1)

    def _per_model(self, model: Integers, values: NDArray[Any]) -> Floats:
        return np.bincount(model, weights=values, minlength=self.models).astype(float)


def _groups(model: Integers, code: Integers) -> tuple[Integers, Integers]:
    """By cell the number of its (model, code), and by that number the model."""
    keys = model * (int(code.max(initial=0)) + 1) + code
    distinct, group = np.unique(keys, return_inverse=True)
    return group, distinct // (int(code.max(initial=0)) + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The variances of estimates, as signed sums of mean squares.

    `parts`, `freedom`: shape (..., 3): what each mean square adds (of annotators, of prompts, less that of
    the rest), and its degrees of freedom. NaN where nothing shows how much an estimate varies.
    """

    parts: Floats
    freedom: Floats

    @classmethod
    def unknown(cls, shape: tuple[int, ...]) -> "Spread":
        """Nothing known yet, to be filled in."""
        return cls(np.full((*shape, 3), np.nan), np.full((*shape, 3), np.nan))

    def put(self, where: Any, found: "Spread") -> None:
        """Fill in the spreads at an index or a mask."""
        self.parts[where], self.freedom[where] = found.parts, found.freedom

    @property
    def variance(self) -> Floats:
        """V, shape (...)."""
        return np.asarray(self.parts.sum(axis=-1))

    @property
    def degrees_of_freedom(self) -> Floats:
        """Satterthwaite's (1946), shape (...); infinite without variation."""
        variance = self.variance
        with np.errstate(divide="ignore", invalid="ignore"):
            found = variance**2 / (self.parts**2 / self.freedom).sum(axis=-1)
        return np.where(variance == 0, np.inf, found)

    def bound(self, share: Any) -> Floats:
        """How many standard errors leave `share` of the probability outside, on both sides together, (...).

        The mean of the parts' t quantiles weighted by the parts (Cochran & Cox 1957): Satterthwaite's, with
        few annotators, leaves up to four times too much beyond in the far tails that many pairs need.
        """
        tail = np.asarray(share, dtype=float)[..., None] / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            weighted = (self.parts * -stdtrit(self.freedom, tail)).sum(axis=-1) / self.variance
        return np.where(self.variance == 0, 0.0, weighted)

    def p_value(self, difference: Floats) -> Floats:
        """The share, two-sided, the `bound` of which is the difference, (...); by bisection."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(difference == 0, 0.0, np.abs(difference) / np.sqrt(self.variance))
        low, high = np.full(t.shape, -690.0), np.zeros(t.shape)  # logarithms
        for _ in range(60):
            middle = (low + high) / 2
            beyond = self.bound(np.exp(middle)) < t
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        p = np.where(t == 0, 1.0, np.where(np.isinf(t), 0.0, np.exp((low + high) / 2)))
        return np.where(np.isnan(self.variance), np.nan, p)


def crossed_spread(design: Design, forms: Floats) -> Spread:
    """The spread for quadratic forms of shape (..., 3); both kinds need two members at least."""
    shares = variance_shares(design, forms)
    rest = shares[..., 2]
    parts = np.stack((shares[..., 0] + rest, shares[..., 1] + rest, -rest), axis=-1)
    annotators, prompts, cells = np.moveaxis(design.members, -1, 0)
    of_rest = np.maximum(cells - annotators - prompts + 1, np.minimum(annotators, prompts) - 1)
    return Spread(parts, np.stack((annotators - 1, prompts - 1, of_rest), axis=-1))


def variance_shares(design: Design, forms: Floats, *, truncated: bool = True) -> Floats:
    """What annotators, prompts and the rest add to V, shape (..., 3); `truncated`: none below zero."""
    root = np.sqrt(np.where(design.sizes > 0, design.sizes, 1.0))
    scaled = design.expectations / (root[..., :, None] * root[..., None, :])
    # Where every prompt has one annotator, prompts and rest are one: the pseudo-inverse gives their sum.
    solved = np.linalg.pinv(scaled, rcond=1e-9, hermitian=True) @ (forms / root)[..., None]
    shares = solved[..., 0] * root
    return np.maximum(shares, 0.0) if truncated else shares


def one_way_spread(form: Floats, members: Floats) -> Spread:
    """The spread where only one kind is a sample, of so many members: var(means) / members."""
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = form * members / (members - 1)
    nothing, one = np.zeros_like(variance), np.ones_like(variance)
    return Spread(np.stack((variance, nothing, nothing), -1), np.stack((members - 1.0, one, one), -1))

"""The variance of scores when both prompts and annotators are samples of many.

The working model is the crossed one with random effects (Clark 1973; Westfall, Kenny & Judd 2014): a model's
ratings are y_pa = mu + prompt_p + annotator_a + rest_pa. An estimate sum c_pa y_pa of mu, with C_a and C_p
the sums of c over the cells of an annotator and of a prompt, has the variance

    V = var(annotator) sum_a C_a^2 + var(prompt) sum_p C_p^2 + var(rest) sum_pa c_pa^2.

Its terms, the shares s, follow from three sums of squares of the pulls u_pa = c_pa (y_pa - estimate):
Q_annotator = sum_a (sum_p u_pa)^2, Q_prompt likewise, Q_rest = sum_pa u_pa^2 (the clusters of Cameron,
Gelbach & Miller 2011), each with an expectation linear in the three. A sparse design tells some of the terms
poorly, so they serve as weights only. What leads is one sum of squares whole, with a factor and degrees of
freedom for how unevenly its clusters share the work (Satterthwaite 1946; Bell & McCaffrey 2002). With h_a
what cluster a is thought to have of V, the covariance of the clusters' pulls is

    S = diag(h) - C h' - h C' + (sum h) C C',    part = Q sum(h) / tr S,    freedom = (tr S)^2 / tr S^2,

which is Q A / (A - 1) with A - 1 degrees of freedom where A clusters have equal work. The other kind
then adds what of its share is not in that part already. All of it is never negative, and without gaps the sum
is the analysis of variance's (MS_annotator + MS_prompt - MS_rest) / (prompts * annotators), unless a
share is below zero.

For a difference between two models the pulls are those of the first less those of the second, cluster by
cluster, and S is the sum of both models': what the two share drops out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers
from nami_bench.evaluation.human.spread import Spread

Over = Literal["both", "prompts", "annotators"]
"""What is taken for a sample of many: prompts, annotators, or both."""

NO_RATING, ONE_PROMPT, ONE_ANNOTATOR, NO_VARIATION = 1, 2, 3, 4
"""Why a variance is not known."""

_VECTORS = 5
"""Over clusters: what S is made of, see `Design.products`."""
_NOTHING = 1e-12
"""Of a sum of squares: less of it is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What V and S need to know of the weights c of estimates; all fields share their leading axes.

    `sizes`: shape (..., 3), sums of squares of c over annotators, prompts and cells. `expectations`: shape
    (..., 3, 3); row k holds the coefficients of the three variances in E[Q_k]. `products`: shape
    (..., 2, 5, 5), for annotators and for prompts, the sums over clusters of the products of the vectors
    C, C^2, r, C^3, r C, with r the sum of c^2 over a cluster's cells.
    """

    sizes: Floats
    expectations: Floats
    products: Floats

    def of(self, which: Any) -> "Design":
        """The designs at an index or a mask of the leading axes."""
        return Design(self.sizes[which], self.expectations[which], self.products[which])

    def alone(self, kind: int) -> Booleans:
        """Where all ratings are by one annotator (kind 0), or of one prompt (1), shape (...)."""
        return np.asarray(self.expectations[..., kind, kind] < _NOTHING * self.sizes[..., kind])


class Clusters:
    """Which cells are of one (model, annotator) and of one (model, prompt)."""

    def __init__(
        self,
        model: Integers,
        annotator: tuple[Integers, Integers],
        prompt: tuple[Integers, Integers],
        models: int,
    ) -> None:
        """`annotator`, `prompt`: by cell the number of its cluster, and by that number the model."""
        self.model = model
        self.models = models
        self._kinds = (annotator, prompt)

    @classmethod
    def of_models(cls, model: Integers, prompt: Integers, annotator: Integers, models: int) -> "Clusters":
        """Of the cells of so many models."""
        return cls(model, _groups(model, annotator), _groups(model, prompt), models)

    @classmethod
    def of_one(cls, prompt: Integers, annotator: Integers, prompts: int, annotators: int) -> "Clusters":
        """Of the cells of one model: a cluster's number is the code of its annotator or prompt."""
        same = np.zeros(max(len(prompt), prompts, annotators), dtype=np.int64)
        return cls(same[: len(prompt)], (annotator, same[:annotators]), (prompt, same[:prompts]), 1)

    def vectors(self, weight: Floats) -> tuple[Floats, Floats]:
        """C, C^2, r, C^3, r C over all annotators' and all prompts' clusters, each of shape (5, clusters)."""
        found = []
        for kind in (0, 1):
            c, r = self.sums(kind, weight), self.sums(kind, weight**2)
            found.append(np.stack((c, c**2, r, c**3, r * c)))
        return found[0], found[1]

    def design(self, weight: Floats, vectors: tuple[Floats, Floats] | None = None) -> Design:
        """The designs of all models' estimates, from the cells' weights c, shape (cells,)."""
        vectors = vectors or self.vectors(weight)
        products = np.stack([self._products(kind, vectors[kind]) for kind in (0, 1)], axis=-3)
        c_a, c_p = (vectors[kind][0][self._kinds[kind][0]] for kind in (0, 1))
        r, r3 = self._per_model(self.model, weight**2), self._per_model(self.model, weight**3)
        (a, p), (a3, p3) = products[:, :, 0, 0].T, products[:, :, 0, 1].T
        of_a, of_p = products[:, :, 0, 2].T
        ap = r - 2 * self._per_model(self.model, weight * c_a * c_p) + a * p
        ar, pr = r - 2 * of_a + a * r, r - 2 * of_p + p * r
        rows = ((a - 2 * a3 + a * a, ap, ar), (ap, p - 2 * p3 + p * p, pr), (ar, pr, r - 2 * r3 + r * r))
        expectations = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
        return Design(np.stack((a, p, r), axis=-1), expectations, products)

    def sums(self, kind: int, values: Floats) -> Floats:
        """Sums over the cells of each annotator's cluster (kind 0) or prompt's (1), shape (clusters,)."""
        of_cell, models = self._kinds[kind]
        return np.bincount(of_cell, weights=values, minlength=len(models)).astype(float)

    def forms(self, pull: Floats) -> Floats:
        """(Q_annotator, Q_prompt, Q_rest) of all models, shape (models, 3), from the cells' pulls."""
        return np.stack((*self._powers(pull, 2), self._per_model(self.model, pull**2)), axis=-1)

    def cubes(self, pull: Floats) -> Floats:
        """Sums of the third powers of the annotators' and the prompts' pulls, shape (models, 2)."""
        return np.stack(self._powers(pull, 3), axis=-1)

    def _powers(self, pull: Floats, power: int) -> list[Floats]:
        return [self._per_model(self._kinds[kind][1], self.sums(kind, pull) ** power) for kind in (0, 1)]

    def _products(self, kind: int, vectors: Floats) -> Floats:
        """By model, shape (models, 5, 5)."""
        if self.models == 1:
            return np.asarray(vectors @ vectors.T)[None]
        found = np.empty((self.models, len(vectors), len(vectors)))
        for i, j in combinations_with_replacement(range(len(vectors)), 2):
            both = self._per_model(self._kinds[kind][1], vectors[i] * vectors[j])
            found[:, i, j] = found[:, j, i] = both
        return found

    def _per_model(self, model: Integers, values: NDArray[Any]) -> Floats:
        return np.bincount(model, weights=values, minlength=self.models).astype(float)


def _groups(model: Integers, code: Integers) -> tuple[Integers, Integers]:
    """By cell the number of its (model, code), and by that number the model."""
    keys = model * (int(code.max(initial=0)) + 1) + code
    distinct, group = np.unique(keys, return_inverse=True)
    return group, distinct // (int(code.max(initial=0)) + 1)


def crossed_spread(
    designs: Sequence[Design], forms: Floats, *, over: Over = "both", cross: Floats | None = None
) -> tuple[Spread, Integers]:
    """The spread of estimates, or of differences of two, and why it is not known.

    `designs`: one, or two of the same shape (...). `forms`: shape (..., 3). `cross`: for two, the `products`
    of the first's vectors with the second's. The reason, an integer array (...), is 0 where it is known, else
    `NO_RATING`, `ONE_PROMPT`, `ONE_ANNOTATOR` or `NO_VARIATION`.
    """
    reason = _reasons(designs, forms, over)
    told = reason == 0
    spread = Spread.unknown(reason.shape)
    found = _parts([d.of(told) for d in designs], forms[told], over, None if cross is None else cross[told])
    still = (found.parts == 0).all(axis=(-1, -2))
    found.parts[still], found.freedom[still] = np.nan, np.nan
    spread.put(told, found)
    reason[told] = np.where(still, NO_VARIATION, reason[told])
    return spread, reason


def variance_shares(design: Design, forms: Floats) -> Floats:
    """What annotators, prompts and the rest add to V, without bias and so perhaps below zero, (..., 3)."""
    root = np.sqrt(np.where(design.sizes > 0, design.sizes, 1.0))
    scaled = design.expectations / (root[..., :, None] * root[..., None, :])
    # Where every prompt has one annotator, prompts and rest are one: the pseudo-inverse gives their sum.
    solved = np.linalg.pinv(scaled, rcond=1e-9, hermitian=True) @ (forms / root)[..., None]
    return np.asarray(solved[..., 0] * root)


def without_rounding(forms: Floats, whole: Floats) -> Floats:
    """The forms, those set to zero that are nothing beside the ratings' own sum of squares, shape (...)."""
    return np.where(forms > _NOTHING * whole[..., None], forms, 0.0)


def _reasons(designs: Sequence[Design], forms: Floats, over: Over) -> Integers:
    reason = np.where(forms.any(axis=-1), 0, NO_VARIATION)
    for kind, name, code in ((0, "annotators", ONE_ANNOTATOR), (1, "prompts", ONE_PROMPT)):
        if over in ("both", name):
            reason[np.any([d.alone(kind) for d in designs], axis=0)] = code
    reason[np.any([d.sizes[..., 2] == 0 for d in designs], axis=0)] = NO_RATING
    return reason


def _parts(designs: Sequence[Design], forms: Floats, over: Over, cross: Floats | None) -> Spread:
    """The spread where it can be told."""
    sizes = np.sum([d.sizes for d in designs], axis=0)
    expectations = np.sum([d.expectations for d in designs], axis=0)
    whole = Design(sizes, expectations, designs[0].products)
    shares = np.maximum(variance_shares(whole, forms), 0.0)
    parts, freedom = np.zeros((*sizes.shape[:-1], 2, 2)), np.full((*sizes.shape[:-1], 2), np.inf)
    for kind, other, name in ((0, 1, "annotators"), (1, 0, "prompts")):
        if over not in ("both", name):
            continue
        factor, freedom[..., kind] = _factor_and_freedom(designs, cross, kind, shares, sizes)
        leading = factor * forms[..., kind]
        if over == "both":
            held = factor * expectations[..., kind, other] / sizes[..., other]
            parts[..., kind, kind] = leading
            parts[..., kind, other] = shares[..., other] * np.maximum(1 - held, 0.0)
        else:
            parts[..., kind] = leading[..., None]
    return Spread(parts, freedom)


def _factor_and_freedom(
    designs: Sequence[Design], cross: Floats | None, kind: int, shares: Floats, sizes: Floats
) -> tuple[Floats, Floats]:
    """sum(h) / tr S and (tr S)^2 / tr S^2, shape (...) each."""
    of_cluster, of_cells = shares[..., kind], shares[..., 2]
    nothing = of_cluster + of_cells == 0
    h = np.zeros((*nothing.shape, _VECTORS))
    h[..., 1] = of_cluster / sizes[..., kind]
    h[..., 2] = np.where(nothing, 1.0, of_cells / sizes[..., 2])
    sums = [h[..., 1] * d.sizes[..., kind] + h[..., 2] * d.sizes[..., 2] for d in designs]
    own = [d.products[..., kind, :, :] for d in designs]
    trace = np.sum(
        [
            total * (1 + d.sizes[..., kind]) - 2 * (product[..., 0, :] * h).sum(axis=-1)
            for d, total, product in zip(designs, sums, own, strict=True)
        ],
        axis=0,
    )
    square = np.sum([_trace_of_product(g, h, s, s) for g, s in zip(own, sums, strict=True)], axis=0)
    if cross is not None:
        square += 2 * _trace_of_product(cross[..., kind, :, :], h, *sums)
    return np.sum(sums, axis=0) / trace, trace**2 / square


def _trace_of_product(products: Floats, h: Floats, first: Floats, second: Floats) -> Floats:
    """tr(S_i S_j) of two estimates, from their vectors' products, h as weights of C^2 and r, and sum(h)."""
    times_c = np.zeros_like(h)
    times_c[..., 3:] = h[..., 1:3]
    left, right = (h[..., None, :] @ products)[..., 0, :], (products @ h[..., None])[..., 0]
    hh, hch, chh = (left * h).sum(-1), (left * times_c).sum(-1), (right * times_c).sum(-1)
    hc, ch, cc = left[..., 0], right[..., 0], products[..., 0, 0]
    diagonal = hh - 2 * hch - 2 * chh + second * left[..., 1] + first * right[..., 1]
    crossed = 2 * hc * ch + 2 * hh * cc - 2 * cc * (second * hc + first * ch) + first * second * cc**2
    return np.asarray(diagonal + crossed)

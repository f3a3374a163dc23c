"""Bradley-Terry strengths from pairwise comparisons, with ties, sides and covariates.

With d = strength(left) - strength(right) + side + z * covariates, Davidson (1970) has

    P(left) : P(tie) : P(right) = exp(d / 2) : nu : exp(-d / 2),

and without ties this is Bradley & Terry (1952). Comparisons that agree in all that the model sees are counted
once; Newton's method then works on counts, not on comparisons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.connectivity import Connectivity, connectivity
from nami_bench.evaluation.human.elo import elo_scale
from nami_bench.evaluation.human.newton import Counts, Fit, count_outcomes, fit_counts, ties_run_away
from nami_bench.evaluation.human.one_sided import BoundOptions, add_bounds
from nami_bench.evaluation.human.ratings_array import Floats, Integers
from nami_bench.evaluation.human.strength_errors import Errors, covariance_of, quantile
from nami_bench.evaluation.human.strength_notes import strength_notes
from nami_bench.evaluation.human.strength_scales import errors_of, on_scales, order_of

Ties = Literal["davidson", "half"]

MOST_MODELS = 2000
"""The covariance of so many has 32 megabytes; a fit of them takes minutes."""


@dataclass(frozen=True, slots=True, eq=False)
class Strengths:
    """Strengths of models with intervals at `level`.

    `strength`, `low`, `high`, `standard_error`: shape (models,), natural-log odds on the scale of the model's
    `island`, a group that comparisons join, whose core (see `Connectivity.core`) has mean zero; strengths of
    two islands cannot be compared. A model outside the core has no finite strength but NaN, and a bound where
    it only won against the core (from `low` to infinity) or only lost (from minus infinity to `high`).
    `own`: strengths of models that beat or tied each other both ways, with mean zero within each such group,
    which `component` numbers; NaN for a model that is alone in its own. `covariance`: of `own`, shape
    (models, models).

    `effects`: by name, the side effect ("left") and the covariates' coefficients, each as (estimate, low,
    high). `tie`: Davidson's nu, infinite where all are ties, None with ties as half wins. `order`: the
    models' codes, island by island, the best first. `notes` say what is missing, and why.
    """

    models: tuple[str, ...]
    strength: Floats
    low: Floats
    high: Floats
    standard_error: Floats
    own: Floats
    covariance: Floats
    effects: Mapping[str, tuple[float, float, float]]
    tie: float | None
    component: Integers
    island: Integers
    order: Integers
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
        i, j = self.models.index(first), self.models.index(second)
        d = float(self.own[i] - self.own[j])
        if np.isnan(d) or self.component[i] != self.component[j]:
            return None
        if d == 0:
            return 0.5  # whatever the ties, of which all may be
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
    images in common; "two-way", with prompts and voters (Cameron, Gelbach & Miller 2011), for one person has
    one taste, and Student's t for as many as there are of the fewer; "sandwich", every comparison for itself
    (Huber-White); "bootstrap", prompts resampled `replicates` times, no errors where most resamples have no
    finite estimate; "model", the inverse information, which trusts the model.

    A finite estimate exists only within a group of models in which everyone is reached from everyone by
    wins or ties (Ford 1957). Every such group is fitted, with one tie parameter and one side effect for all;
    a model above or below its island's core gets a one-sided bound (see
    `nami_bench.evaluation.human.one_sided`). With `prior` above zero there are so many virtual ties, half won
    and half lost, between every two models of an island, which pulls its strengths together and makes all of
    them finite. A bound leaves out as much as each end of an interval, half of 1 - `level`; with clustered,
    two-way or bootstrap errors a model's comparisons of one prompt count as one in it.

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
    if prior > 0:
        groups = groups.joined()
    part, counts = _finite_part(comparisons, groups, ties, side, prior)
    if counts.has_tie and not counts.are_ties and ties_run_away(counts):
        groups = groups.by_wins()
        part, counts = _finite_part(comparisons, groups, ties, side, prior)
    kept = groups.of_several()
    fit = _all_ties(counts) if counts.are_ties else fit_counts(counts) if len(kept) else None
    covariance = _covariance(part, counts, fit, errors, replicates, seed)
    own, whole = np.full(len(groups.models), np.nan), np.full((len(groups.models),) * 2, np.nan)
    if fit is not None:
        own[kept] = fit.parameters[: len(kept)]
        whole[np.ix_(kept, kept)] = covariance[: len(kept), : len(kept)]
    z = quantile(comparisons, errors, level)
    strength, error = on_scales(groups, own, whole)
    low, high = strength - z * error, strength + z * error
    if fit is not None or not len(kept):
        by_prompt = errors in ("clustered", "two-way", "bootstrap")
        options = BoundOptions(ties == "davidson", side, by_prompt, chance=(1 - level) / 2)
        add_bounds(low, high, comparisons, groups, own, fit, options)
    names = ("left",) * side + tuple(comparisons.covariates)
    return Strengths(
        models=comparisons.models,
        strength=strength,
        low=low,
        high=high,
        standard_error=error,
        own=own,
        covariance=whole,
        effects=_effects(names, len(kept), fit, covariance, z),
        tie=_tie(ties, fit),
        component=groups.component,
        island=groups.island,
        order=order_of(groups, own, low, high),
        comparisons=comparisons.votes,
        level=level,
        errors=errors,
        notes=tuple(strength_notes(groups, counts, fit, own, low, high, prior)),
    )


def _finite_part(
    comparisons: Comparisons, groups: Connectivity, ties: Ties, side: bool, prior: float
) -> tuple[Comparisons, Counts]:
    """The comparisons within components, and their counts."""
    kept = groups.of_several()
    part = comparisons.of_rows(groups.within(comparisons.left, comparisons.right)).of_models(kept)
    group = groups.component[kept]
    return part, count_outcomes(part, group, has_tie=ties == "davidson", side=side, prior=prior)


def _all_ties(counts: Counts) -> Fit:
    """The limit of the fits: equal strengths, nu infinite, and nothing known of sides and covariates."""
    extra = counts.z.shape[1]
    parameters = np.concatenate((np.zeros(counts.models), np.full(extra, np.nan), [np.inf]))
    return Fit(parameters, np.full((len(parameters),) * 2, np.nan), has_tie=True)


def _covariance(
    part: Comparisons, counts: Counts, fit: Fit | None, errors: Errors, replicates: int, seed: int
) -> Floats:
    """Of all parameters; NaN where there is none."""
    if fit is None:
        return np.empty((0, 0))
    if np.isnan(fit.inverse).any():
        return fit.inverse
    return covariance_of(part, counts, fit, errors, replicates, seed)


def _effects(
    names: tuple[str, ...], models: int, fit: Fit | None, covariance: Floats, z: float
) -> dict[str, tuple[float, float, float]]:
    effects: dict[str, tuple[float, float, float]] = {}
    if fit is None:
        return effects
    for index, name in enumerate(names, start=models):
        value, half = float(fit.parameters[index]), float(z * errors_of(covariance)[index])
        effects[name] = (value, value - half, value + half)
    return effects


def _tie(ties: Ties, fit: Fit | None) -> float | None:
    if ties != "davidson" or fit is None:
        return None
    return float(np.exp(fit.parameters[-1])) if fit.has_tie else 0.0

"""Bounds for models that only won, or only lost: their likelihood rises for ever, so it has no maximum.

The bound is where the profile likelihood has fallen to `chance` of its supremum. For a model that won all n
comparisons against models of known strength that is the exact bound of Clopper & Pearson (1934): with any
lower strength so clean a sweep has less than that chance.
"""

import numpy as np
from scipy import linalg, optimize

from evaluation.human.comparison_table import Comparisons
from evaluation.human.connectivity import Connectivity
from evaluation.human.newton import Counts, count_outcomes, derivatives, log_likelihood
from evaluation.human.ratings_array import Floats, Integers

_FAR = 30.0
"""Odds of e^30 are certain."""
_LARGEST = 500.0
"""A strength whose exponential still is a number."""
_LEVEL = 1e-3
"""Log likelihoods that differ by less are equal."""
_MOST_STEPS = 200
MOST_FREE = 200
"""So many models may move with the one whose bound is sought; of larger cores it would take minutes."""


def add_bounds(
    low: Floats,
    high: Floats,
    comparisons: Comparisons,
    groups: Connectivity,
    *,
    has_tie: bool,
    side: bool,
    by_prompt: bool,
    chance: float,
) -> None:
    """Put the bounds of all models outside their island's core into `low` and `high`, and infinity opposite.

    `by_prompt`: a model's comparisons of one prompt, which have its image in common, count as one; without a
    loss, or without a win, nothing shows how much they agree beyond that.
    """
    weight = _prompt_weights(comparisons) if by_prompt else np.ones(len(comparisons.left))
    for island in range(groups.islands):
        core = groups.core(island)
        for model in groups.off_scale(island):
            moving = _moving(groups, int(model), core)
            if len(moving) > MOST_FREE:
                continue
            rows = np.isin(comparisons.left, moving) & np.isin(comparisons.right, moving)
            part = comparisons.of_rows(rows).of_models(moving)
            group = np.zeros(len(moving), dtype=np.int64)
            counts = count_outcomes(part, group, has_tie=has_tie, side=side, weight=weight[rows])
            low[model], high[model] = strength_bounds(
                counts, np.searchsorted(moving, core), int(np.searchsorted(moving, model)), chance
            )


def _moving(groups: Connectivity, model: int, core: Integers) -> Integers:
    """The core, the model and all that stand between: the strengths of others do not touch the bound."""
    if not groups.within(core[:1], core[-1:])[0]:
        return core
    above = groups.reaches[model] & groups.reaches[:, core[0]]
    below = groups.reaches[:, model] & groups.reaches[core[0]]
    return np.union1d(np.flatnonzero(above | below), np.append(core, model))


def _prompt_weights(comparisons: Comparisons) -> Floats:
    """By comparison, one over how many the busier of its two models has in the prompt."""
    models = len(comparisons.models)
    keys = np.concatenate(
        [comparisons.prompt * models + part for part in (comparisons.left, comparisons.right)]
    )
    _, code, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[code].reshape(2, -1).max(axis=0))


def strength_bounds(counts: Counts, core: Integers, model: int, chance: float) -> tuple[float, float]:
    """The lowest and the highest strength of `model` where the mean of `core` is zero, in log odds.

    All other parameters take their likeliest values at each strength. `core`: codes of the models whose
    scale it is, `model` among them or not. An end to which the likelihood rises for ever is infinite; both
    are NaN where it does so to both.
    """
    profile = _Profile(counts, core, model)
    far = min(_FAR * counts.models, _LARGEST)
    ends = profile.at(-far), profile.at(far)
    if abs(ends[1] - ends[0]) < _LEVEL:
        return np.nan, np.nan
    sign = 1.0 if ends[1] > ends[0] else -1.0
    wanted = max(ends) + np.log(chance)

    def excess(strength: float) -> float:
        return float(profile.at(sign * strength) - wanted)

    high, low = far, min(far / 2, 8.0)
    while excess(low) > 0:
        if low < -_FAR:
            return np.nan, np.nan
        high, low = low, low - 8.0 if low > -16 else 2 * low
    bound = float(optimize.brentq(excess, low, high, xtol=1e-6))
    return (bound, np.inf) if sign > 0 else (-np.inf, -bound)


class _Profile:
    """The highest log likelihood with one model's strength given, and the mean of a scale's zero."""

    def __init__(self, counts: Counts, core: Integers, model: int) -> None:
        size = counts.models + counts.z.shape[1] + int(counts.has_tie)
        rows = np.zeros((2, size))
        rows[0, core] = 1.0
        rows[1, model] = 1.0
        self._counts = counts
        self._toward = np.linalg.pinv(rows)[:, 1]
        self._free = linalg.null_space(rows)
        self._at = np.zeros(self._free.shape[1])

    def at(self, strength: float) -> float:
        """The profile, up to a constant; starts from where the last call ended."""
        given = self._toward * strength
        for _ in range(_MOST_STEPS):
            step, rise = self._step(given + self._free @ self._at)
            value = log_likelihood(self._counts, given + self._free @ self._at)
            scale = 1.0
            while self._value(given, scale * step) < value and scale > 1e-9:
                scale /= 2
            self._at = self._at + scale * step
            if rise < 1e-9:
                break
        return log_likelihood(self._counts, given + self._free @ self._at)

    def _value(self, given: Floats, step: Floats) -> float:
        return log_likelihood(self._counts, given + self._free @ (self._at + step))

    def _step(self, parameters: Floats) -> tuple[Floats, float]:
        """Newton's step, and twice the rise that it promises; damped where the likelihood is all but flat."""
        gradient, information = derivatives(self._counts, parameters)
        slope = self._free.T @ gradient
        curve = self._free.T @ information @ self._free
        curve += 1e-9 * np.eye(len(curve)) * max(1e-3, float(np.abs(curve).max(initial=0)))
        step = np.linalg.solve(curve, slope)
        step *= min(1.0, 4.0 / max(float(np.abs(step).max(initial=0)), 1e-300))
        return np.asarray(step, dtype=float), float(slope @ step)

"""Bounds for models that only won, or only lost: their likelihood rises for ever, so it has no maximum.

The bound is where the profile likelihood has fallen to `chance` of its supremum. For a model that won all n
comparisons against models of known strength that is the exact bound of Clopper & Pearson (1934): with any
lower strength so clean a sweep has less than that chance.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, optimize

from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.connectivity import Connectivity
from nami_bench.evaluation.human.newton import Counts, Fit, count_outcomes, derivatives, log_likelihood
from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers

_FAR = 30.0
"""Odds of e^30 are certain."""
_LARGEST = 500.0
"""A strength whose exponential still is a number."""
_LEVEL = 1e-3
"""Log likelihoods that differ by less are equal."""
_MOST_STEPS = 200
_RISE = 1e-9
"""A likelihood that can rise by less is at its maximum."""
_SHARES = (0.0, 0.125, 0.25, 0.5, 0.75)
"""Of a strength too far off for Newton's method: where to find the way first."""
MOST_FREE = 200
"""So many models may move with the one whose bound is sought; of larger cores it would take minutes."""


@dataclass(frozen=True, slots=True)
class BoundOptions:
    """How bounds are made.

    `by_prompt`: a model's comparisons of one prompt, which have its image in common, count as one; without a
    loss, or without a win, nothing shows how much they agree beyond that. `chance`: see above.
    """

    has_tie: bool
    side: bool
    by_prompt: bool
    chance: float


def add_bounds(
    low: Floats,
    high: Floats,
    comparisons: Comparisons,
    groups: Connectivity,
    own: Floats,
    fit: Fit | None,
    options: BoundOptions,
) -> None:
    """Put the bounds of all models outside their island's core into `low` and `high`, and infinity opposite.

    `own`, `fit`: the estimates within cores. In a core of over `MOST_FREE` models they are taken as known,
    for the one model's comparisons hardly move them; in a smaller one they move along.
    """
    off = [(island, int(model)) for island in range(groups.islands) for model in groups.off_scale(island)]
    weight = _weights(comparisons, by_prompt=options.by_prompt) if off else np.empty(0)
    for island, model in off:
        core = groups.core(island)
        moving = _moving(groups, model, core)
        if len(moving) <= MOST_FREE:
            profile = _free_profile(comparisons, moving, core, model, weight, options)
        else:
            between = np.union1d(np.setdiff1d(moving, core), [model])
            if fit is None or len(between) > MOST_FREE or not np.isfinite(fit.parameters).all():
                continue
            profile = _held_profile(comparisons, between, own, fit, model, weight, options)
        low[model], high[model] = _bounds(profile, options.chance)


def _free_profile(
    comparisons: Comparisons,
    moving: Integers,
    core: Integers,
    model: int,
    weight: Floats,
    options: BoundOptions,
) -> "_Profile":
    """All of `moving` take their likeliest strengths, with mean zero in the core."""
    rows = np.isin(comparisons.left, moving) & np.isin(comparisons.right, moving)
    counts = _counted(comparisons, rows, moving, weight, options)
    given = np.zeros((2, counts.parameters))
    given[0, np.searchsorted(moving, core)] = 1.0
    given[1, np.searchsorted(moving, model)] = 1.0
    toward = np.asarray(np.linalg.pinv(given)[:, 1], dtype=float)
    return _Profile(counts, np.zeros(counts.parameters), toward, linalg.null_space(given))


def _held_profile(
    comparisons: Comparisons,
    between: Integers,
    own: Floats,
    fit: Fit,
    model: int,
    weight: Floats,
    options: BoundOptions,
) -> "_Profile":
    """Only `between` take their likeliest strengths; those of the core, side and ties are as fitted."""
    known = ~np.isnan(own)
    known[between] = True
    rows = np.isin(comparisons.left, between) | np.isin(comparisons.right, between)
    rows &= known[comparisons.left] & known[comparisons.right]
    models = np.unique(np.concatenate((comparisons.left[rows], comparisons.right[rows])))
    counts = replace(_counted(comparisons, rows, models, weight, options), has_tie=fit.has_tie)
    at = np.searchsorted(models, between)
    base = np.concatenate((own[models], fit.parameters[fit.parameters.size - counts.extra :]))
    base[at] = 0.0
    axes = np.eye(counts.parameters)
    return _Profile(counts, base, axes[np.searchsorted(models, model)], axes[:, at[between != model]])


def _counted(
    comparisons: Comparisons, rows: Booleans, models: Integers, weight: Floats, options: BoundOptions
) -> Counts:
    part = comparisons.of_rows(rows).of_models(models)
    group = np.zeros(len(models), dtype=np.int64)
    return count_outcomes(part, group, has_tie=options.has_tie, side=options.side, weight=weight[rows])


def _moving(groups: Connectivity, model: int, core: Integers) -> Integers:
    """The core, the model and all that stand between: the strengths of others do not touch the bound."""
    if not groups.within(core[:1], core[-1:])[0]:
        return core
    above = groups.reaches[model] & groups.reaches[:, core[0]]
    below = groups.reaches[:, model] & groups.reaches[core[0]]
    return np.union1d(np.flatnonzero(above | below), np.append(core, model))


def _weights(comparisons: Comparisons, *, by_prompt: bool) -> Floats:
    """By comparison, how much it counts; `by_prompt`: over how much the busier of its two models has in the
    prompt."""
    counted = comparisons.counted
    weight = np.ones(len(comparisons.left)) if counted is None else counted
    if not by_prompt:
        return weight
    models = len(comparisons.models)
    keys = np.concatenate(
        [comparisons.prompt * models + part for part in (comparisons.left, comparisons.right)]
    )
    _, code = np.unique(keys, return_inverse=True)
    sums = np.bincount(code, np.tile(weight, 2))
    return np.asarray(weight / sums[code].reshape(2, -1).max(axis=0))


def _bounds(profile: "_Profile", chance: float) -> tuple[float, float]:
    """The lowest and the highest strength, in log odds; the end to which the likelihood rises is infinite.

    Both are NaN where it does so to both ends, or to neither, or where the profile cannot be followed.
    """
    far = min(_FAR * profile.models, _LARGEST)
    ends = profile.at(-far), profile.at(far)
    if not abs(ends[1] - ends[0]) >= _LEVEL:  # NaN is no difference either
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
    if not excess(low) <= 0 < excess(high):
        return np.nan, np.nan
    bound = float(optimize.brentq(excess, low, high, xtol=1e-6))
    if not abs(excess(bound)) < _LEVEL:
        return np.nan, np.nan
    return (bound, np.inf) if sign > 0 else (-np.inf, -bound)


class _Profile:
    """The highest log likelihood with one model's strength given.

    Parameters are `base` + strength * `toward`, and anything in the columns of `free`.
    """

    def __init__(self, counts: Counts, base: Floats, toward: Floats, free: Floats) -> None:
        self.models = counts.models
        self._counts, self._base, self._toward, self._free = counts, base, toward, free
        self._at = np.zeros(free.shape[1])

    def at(self, strength: float) -> float:
        """The profile, up to a constant; NaN where its maximum is not found."""
        found = self._climbed(strength)
        if not np.isnan(found):
            return found
        self._at = np.zeros_like(self._at)
        for share in _SHARES:  # nearer, in steps
            self._climbed(share * strength)
        return self._climbed(strength)

    def _climbed(self, strength: float) -> float:
        """The maximum, sought from where the last call ended; NaN where it is not reached."""
        given = self._base + self._toward * strength
        for _ in range(_MOST_STEPS):
            step, rise = self._step(given + self._free @ self._at)
            value = log_likelihood(self._counts, given + self._free @ self._at)
            scale = 1.0
            while self._value(given, scale * step) < value and scale > 1e-9:
                scale /= 2
            self._at = self._at + scale * step
            if rise < _RISE:
                return log_likelihood(self._counts, given + self._free @ self._at)
        return float("nan")

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

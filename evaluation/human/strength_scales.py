"""Strengths on the scales of their islands, and the order that they and their bounds make."""

import numpy as np

from nami_bench.evaluation.human.connectivity import Connectivity
from nami_bench.evaluation.human.ratings_array import Floats, Integers

_ROUNDING = 1e-9
"""A smaller standard error is none: the prompts do not vary."""


def on_scales(groups: Connectivity, own: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Strengths and standard errors of the models of the islands' cores, NaN for the others."""
    strength, error = np.full(len(own), np.nan), np.full(len(own), np.nan)
    for island in range(groups.islands):
        core = groups.core(island)
        strength[core] = own[core]
        error[core] = errors_of(covariance)[core]
    return strength, error


def errors_of(covariance: Floats) -> Floats:
    """Standard errors; NaN for none, which is rounding on either side of zero and no certainty."""
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return np.where(error > _ROUNDING, error, np.nan)


def order_of(groups: Connectivity, own: Floats, low: Floats, high: Floats) -> Integers:
    """Nobody stands before a model that only won against it; else by strengths and bounds."""
    found: list[int] = []
    for island in range(groups.islands):
        core = groups.core(island)
        waiting = groups.groups_of(island)
        while waiting:
            free = [g for g in waiting if not any(groups.reaches[o[0], g[0]] for o in waiting if o is not g)]
            best = min(free, key=lambda g: _priority(groups, core, int(g[0]), low, high))
            waiting = [g for g in waiting if g is not best]
            found += sorted(best.tolist(), key=lambda i: (-np.nan_to_num(own[i]), groups.models[i]))
    return np.array(found, dtype=np.int64)


def _priority(
    groups: Connectivity, core: Integers, model: int, low: Floats, high: Floats
) -> tuple[int, float, str]:
    """Models above the core come first, the core, models below it, and last those that nothing places."""
    if np.isinf(high[model]):
        return 0, -low[model], groups.models[model]
    if np.isinf(low[model]):
        return 2, -high[model], groups.models[model]
    above, below = groups.reaches[model, core[0]], groups.reaches[core[0], model]
    return (1 if model in core else 0 if above else 2 if below else 3), 0.0, groups.models[model]

"""How far annotators truly differ, beyond what chance makes of their estimates: empirical Bayes."""

import numpy as np
from scipy import optimize, special

from nami_bench.evaluation.human.ratings_array import Floats

FEWEST = 3
"""Estimates: of two nobody can say how far the truths behind them differ."""
_LEAST_FREEDOM = 4.0
_CHANCE = 0.05
_HALF_CHI_SQUARE = 2.706
"""What twice a gain in log likelihood exceeds by chance once in twenty times, at the edge of its range."""


def variance_prior(variances: Floats, freedom: Floats) -> tuple[float, float]:
    """Degrees of freedom and scale of the scaled inverse chi-square that variances come from.

    `variances`: estimates, each with so many degrees of freedom as `freedom` says, both of shape (n,). By
    moments of their logarithms (Smyth 2004). The degrees of freedom are infinite, so that all variances are
    one, unless the logarithms vary more than chance would make them once in twenty times; otherwise they are
    four or more.
    """
    counted = (freedom > 1) & (variances > 0)
    if counted.sum() < FEWEST:
        return np.inf, _pooled(variances, freedom)
    found, half = variances[counted], freedom[counted] / 2
    pooled = _pooled(found, 2 * half)
    logs = np.log(np.maximum(found, 1e-3 * pooled)) - special.digamma(half) + np.log(half)
    expected = float(special.polygamma(1, half).mean())
    others = len(logs) - 1
    variation = float(logs.var(ddof=1))
    if variation <= expected * special.chdtri(others, _CHANCE) / others:
        return np.inf, pooled
    prior = max(2 * _inverse_trigamma(variation - expected), _LEAST_FREEDOM)
    return prior, float(np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2)))


def variance_between(estimates: Floats, squared_errors: Floats) -> float:
    """The variance of the truths behind normal `estimates`, by restricted maximum likelihood.

    Both of shape (n,). Zero for fewer than three, and unless chance alone would show so much once in twenty
    times only.
    """
    if len(estimates) < FEWEST:
        return 0.0

    def deviance(between: float) -> float:
        weight = 1 / (between + squared_errors)
        away = estimates - (weight @ estimates) / weight.sum()
        return float(-np.log(weight).sum() + weight @ away**2 + np.log(weight.sum()))

    most = max(4 * float(estimates.var()), 1e-6)
    best = optimize.minimize_scalar(
        deviance, bounds=(0.0, most), method="bounded", options={"xatol": 1e-4 * most}
    )
    return float(best.x) if deviance(0.0) - float(best.fun) > _HALF_CHI_SQUARE else 0.0


def _pooled(variances: Floats, freedom: Floats) -> float:
    return float(variances @ freedom / max(freedom.sum(), 1e-9))


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = value > 0, by Newton's method on 1 / trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x

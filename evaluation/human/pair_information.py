"""How much one more verdict on a pair tells about which of the two is better.

The verdicts so far are one Bradley-Terry model: P(a beats b) = 1 / (1 + exp(theta_b - theta_a)), with a
normal prior on theta that keeps it finite, and a normal approximation of the posterior. For a pair whose
difference has the posterior N(m, v), "a is better" has the probability q = Phi(m / sqrt(v)). One more verdict
brings p (1 - p) of Fisher information, i on average, so it leaves the variance w = v / (1 + v i) about a mean
that moves by sqrt(v - w) one way or the other. The gain is what the entropy of q falls by on average, in
nats: the information that the verdict holds about which of the two is better.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Pair = tuple[int, int]

PRIOR_PRECISION = 0.25
"""Of each theta: a standard deviation of 2, that is odds of 7 to 1 against an average model."""


def information(
    wins: Mapping[Pair, float], judged: Mapping[Pair, int], shown: Mapping[Pair, int], pairs: list[Pair]
) -> dict[Pair, float]:
    """What one more verdict on each of `pairs` tells about their order, in nats.

    `wins` of the first model among `judged` verdicts; `shown` counts those that are still to come too.
    """
    models = sorted({model for pair in pairs for model in pair})
    place = {model: i for i, model in enumerate(models)}
    index = np.array([[place[a], place[b]] for a, b in pairs]).reshape(-1, 2)
    won = np.array([wins.get(pair, 0.0) for pair in pairs])
    count = np.array([judged.get(pair, 0) for pair in pairs], dtype=float)
    theta = _fit(index, won, count, len(models))
    chance = _logistic(theta[index[:, 0]] - theta[index[:, 1]])
    single = chance * (1 - chance)
    expected = np.maximum(count, [shown.get(pair, 0) for pair in pairs])
    covariance = np.linalg.inv(_precision(index, expected * single, len(models)))
    a, b = index.T
    variance = covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]
    return dict(zip(pairs, _gain(theta[a] - theta[b], variance).tolist(), strict=True))


def _gain(mean: Floats, variance: Floats) -> Floats:
    """What one verdict tells about the sign of N(mean, variance)."""
    # The information p (1 - p), averaged over the posterior (MacKay 1992, "The evidence framework applied to
    # classification networks").
    scale = 1 / np.sqrt(1 + np.pi * variance / 8)
    chance = _logistic(scale * mean)
    single = scale * chance * (1 - chance)
    left = variance / (1 + variance * single)
    move = np.sqrt(variance - left)
    after = [_order_entropy(mean + way * move, left) for way in (-1, 1)]
    return np.asarray(_order_entropy(mean, variance) - (after[0] + after[1]) / 2)


def _order_entropy(mean: Floats, variance: Floats) -> Floats:
    chance = special.ndtr(mean / np.sqrt(variance))
    return np.asarray(special.entr(chance) + special.entr(1 - chance))


def _fit(index: npt.NDArray[np.int64], won: Floats, count: Floats, models: int) -> Floats:
    """Posterior mode of theta by Newton's method; the posterior is log-concave."""
    theta = np.zeros(models)
    for _ in range(50):
        chance = _logistic(theta[index[:, 0]] - theta[index[:, 1]])
        residual = won - count * chance
        gradient = -PRIOR_PRECISION * theta
        np.add.at(gradient, index[:, 0], residual)
        np.add.at(gradient, index[:, 1], -residual)
        step = np.linalg.solve(_precision(index, count * chance * (1 - chance), models), gradient)
        theta = theta + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return theta


def _precision(index: npt.NDArray[np.int64], weight: Floats, models: int) -> Floats:
    precision = PRIOR_PRECISION * np.eye(models)
    a, b = index.T
    np.add.at(precision, (a, a), weight)
    np.add.at(precision, (b, b), weight)
    np.add.at(precision, (a, b), -weight)
    np.add.at(precision, (b, a), -weight)
    return precision


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))

"""Intervals of weighted means of credits, with prompts and people as crossed samples of many.

The variance is that of `nami_bench.evaluation.human.crossed`, by prompt and person. A share keeps within 0 to
1 as in `nami_bench.evaluation.shares`: it is taken as one of so many trials as its variance says, which also
gives a width where every pair is right. Coverage by simulation: docs/statistics.md, "Metric accuracy".
"""

import numpy as np
from scipy.special import ndtri

from nami_bench.evaluation.audit.results import Estimate
from nami_bench.evaluation.audit.statistics import Floats, Integers
from nami_bench.evaluation.human.crossed import Clusters, Over, crossed_spread
from nami_bench.evaluation.human.spread import Spread
from nami_bench.evaluation.shares import LEVEL, Share, share_interval

_NOTHING = 1e-9
"""Less is rounding."""


def mean_over_cells(
    credit: Floats, weight: Floats, prompt: Integers, person: Integers, *, is_share: bool = True
) -> Estimate:
    """The weighted mean of credits with its 95 % interval.

    Arrays (pairs,); `prompt` and `person` are codes. Over people too where there are at least two, else over
    prompts alone. `is_share`: credits lie in 0 to 1; else they are differences of two such. No value without
    weight; no interval with one prompt, or where nothing shows a difference to vary.
    """
    counted = weight > 0
    credit, weight = credit[counted], weight[counted]
    prompt, person = prompt[counted], person[counted]
    if not len(credit):
        return Estimate(None)
    total = weight.sum()
    mean = float(np.round(credit @ weight / total, 12))
    prompts, prompt = np.unique(prompt, return_inverse=True)
    people, person = np.unique(person, return_inverse=True)
    if len(prompts) < 2:
        return Estimate(mean)
    cells, cell = np.unique(prompt * len(people) + person, return_inverse=True)
    size = np.bincount(cell, weights=weight) / total
    pull = np.bincount(cell, weights=weight * (credit - mean)) / total
    clusters = Clusters.of_one(cells // len(people), cells % len(people), len(prompts), len(people))
    over: Over = "both" if len(people) > 1 else "prompts"
    spread, reason = crossed_spread([clusters.design(size)], clusters.forms(pull), over=over)
    half = float(spread.half_width(1 - LEVEL)[0]) if reason[0] == 0 else 0.0
    half = 0.0 if half < _NOTHING else half
    if is_share:
        return Estimate(mean, _within(mean, half, len(prompts)))
    return Estimate(mean, (max(mean - half, -1.0), min(mean + half, 1.0)) if half else None)


def prompts_variance(credit: Floats, weight: Floats, prompt: Integers) -> tuple[float, int]:
    """The variance of a weighted mean of credits with prompts as clusters, and how many prompts there are."""
    prompts, prompt = np.unique(prompt[weight > 0], return_inverse=True)
    credit, weight = credit[weight > 0], weight[weight > 0]
    if len(prompts) < 2:
        return 0.0, len(prompts)
    size = np.bincount(prompt, weights=weight) / weight.sum()
    mean = credit @ weight / weight.sum()
    pull = np.bincount(prompt, weights=weight * (credit - mean)) / weight.sum()
    cells = np.arange(len(prompts))
    clusters = Clusters.of_one(cells, cells * 0, len(prompts), 1)
    spread, reason = crossed_spread([clusters.design(size)], clusters.forms(pull), over="prompts")
    return (float(spread.variance[0]) if reason[0] == 0 else 0.0), len(prompts)


def interval_of(
    mean: float, people: tuple[float, int], prompts: tuple[float, int], *, is_share: bool
) -> Estimate:
    """A mean with its 95 % interval from two variances that add up: people's, with its degrees of freedom (0:
    not known), and prompts', with their number. None over one prompt."""
    (of_people, freedom), (of_prompts, count) = people, prompts
    if count < 2:
        return Estimate(mean)
    parts = np.array([[[of_people, of_prompts]] * 2])
    spread = Spread(parts, np.array([[float(freedom), float(count - 1)]]))
    half = float(spread.half_width(1 - LEVEL)[0])
    half = 0.0 if half < _NOTHING else half
    if is_share:
        return Estimate(mean, _within(mean, half, count))
    return Estimate(mean, (max(mean - half, -1.0), min(mean + half, 1.0)) if half else None)


def over_words(person: Integers, weight: Floats) -> str:
    """What `mean_over_cells` of these generalizes to."""
    return "prompts and people" if len(np.unique(person[weight > 0])) > 1 else "prompts"


def _within(mean: float, half: float, prompts: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of as many trials as the half width says; never fewer than prompts where
    nothing varies, since pairs of one prompt are alike at most."""
    mean = min(max(mean, 0.0), 1.0)
    if half <= 0 or mean in (0.0, 1.0):
        return share_interval(Share(mean, float(prompts)))
    trials = mean * (1 - mean) * (float(ndtri((1 + LEVEL) / 2)) / half) ** 2
    return share_interval(Share(mean, max(trials, 1.0)))

"""How large a study must be, and what a study of a given size can tell apart.

The test is that of `evaluation.human.comparisons`: a t statistic whose variance has parts from prompts and
from annotators, with Satterthwaite's degrees of freedom; its power is that of the noncentral t distribution
(Westfall, Kenny & Judd 2014). Annotators' part shrinks with annotators only: where they disagree on which
model is better, no number of prompts makes up for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from evaluation.human.components import DifferenceComponents
from evaluation.human.spread import Spread
from nami_bench.errors import InputError

_MOST_PROMPTS = 1_000_000


@dataclass(frozen=True, slots=True)
class StudySize:
    """A study of so many prompts and annotators, `overlap` of whom rate each image.

    `ratings` for two models and one criterion. `power`: chance, 0-1, that a true difference of `difference`
    points is found; `detectable`: the difference found with the power asked for.
    """

    prompts: int
    annotators: int
    overlap: int
    ratings: int
    difference: float
    power: float
    detectable: float


def power(
    components: DifferenceComponents,
    difference: float,
    prompts: int,
    annotators: int,
    *,
    overlap: int | None = None,
    level: float = 0.95,
    pairs: int = 1,
) -> float:
    """Chance, 0-1, that the test finds a true difference, in points of 0-100.

    `overlap`: annotators of each image, of `annotators` in all; default: all of them. `pairs`: how many
    pairs are tested at once, for which the level is divided as in Holm's first step (Bonferroni).
    """
    spread = _spread(components, prompts, annotators, overlap)
    error, freedom = float(np.sqrt(spread.variance)), float(spread.degrees_of_freedom)
    share = (1 - level) / pairs
    if error == 0:
        return 1.0 if difference else share
    bound = float(spread.half_width(share)) / error
    noncentral = abs(difference) / error
    found = stats.nct.sf(bound, freedom, noncentral) + stats.nct.cdf(-bound, freedom, noncentral)
    if np.isnan(found):  # scipy's series fails far out, where the normal distribution serves
        found = stats.norm.sf(bound - noncentral)
    return float(np.clip(found, 0.0, 1.0))


def detectable_difference(
    components: DifferenceComponents,
    prompts: int,
    annotators: int,
    *,
    wanted: float = 0.8,
    overlap: int | None = None,
    level: float = 0.95,
    pairs: int = 1,
) -> float:
    """The smallest true difference, in points of 0-100, found with power `wanted`; may be beyond 100."""
    _check_share(wanted, "power")

    def lack(difference: float) -> float:
        return (
            power(components, difference, prompts, annotators, overlap=overlap, level=level, pairs=pairs)
            - wanted
        )

    spread = _spread(components, prompts, annotators, overlap)
    if spread.variance == 0:
        return 0.0
    high = float(spread.half_width((1 - level) / pairs) + np.sqrt(spread.variance))
    while lack(high) < 0:
        high *= 2
    return float(optimize.brentq(lack, 0.0, high, xtol=1e-6 * high)) if lack(0.0) < 0 else 0.0


def prompts_needed(
    components: DifferenceComponents,
    difference: float,
    annotators: int,
    *,
    wanted: float = 0.8,
    overlap: int | None = None,
    level: float = 0.95,
    pairs: int = 1,
) -> int | None:
    """The fewest prompts that find a difference with power `wanted`; None where no number is enough."""
    _check_share(wanted, "power")
    if difference <= 0:
        raise InputError("the difference to find must be above zero")

    def enough(prompts: int) -> bool:
        found = power(components, difference, prompts, annotators, overlap=overlap, level=level, pairs=pairs)
        return found >= wanted

    low, high = 1, 2
    while not enough(high):
        low, high = high, high * 2
        if high > _MOST_PROMPTS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def plan_study(
    components: DifferenceComponents,
    difference: float,
    *,
    prompts: Sequence[int] = (50, 100, 200, 500, 1000, 2000),
    annotators: Sequence[int] = (3, 5, 8, 12, 20),
    overlap: int | None = None,
    wanted: float = 0.8,
    level: float = 0.95,
    pairs: int = 1,
) -> Iterator[StudySize]:
    """Every combination of the numbers; with `overlap`, at most so many annotators rate an image."""
    for raters in annotators:
        for number in prompts:
            shown = min(overlap or raters, raters)
            yield StudySize(
                prompts=number,
                annotators=raters,
                overlap=shown,
                ratings=2 * number * shown,
                difference=difference,
                power=power(components, difference, number, raters, overlap=shown, level=level, pairs=pairs),
                detectable=detectable_difference(
                    components, number, raters, wanted=wanted, overlap=shown, level=level, pairs=pairs
                ),
            )


def _spread(components: DifferenceComponents, prompts: int, annotators: int, overlap: int | None) -> Spread:
    """The spread that a difference can be expected to show."""
    overlap = annotators if overlap is None else overlap
    if prompts < 2 or annotators < 2 or not 1 <= overlap <= annotators:
        raise InputError(
            "a study needs two prompts and two annotators, and an overlap from 1 to all annotators"
        )
    rest = components.rest / (prompts * overlap)
    of_prompts, of_annotators = components.prompt / prompts, components.annotator / annotators
    # What annotators' mean square holds of the prompts' part, and prompts' of the annotators'.
    nested = (annotators - overlap) / overlap / np.array([annotators - 1, prompts - 1])
    in_annotators, in_prompts = np.minimum(nested, 1.0)
    parts = (
        (of_annotators + rest + in_annotators * of_prompts, (1 - in_annotators) * of_prompts),
        ((1 - in_prompts) * of_annotators, of_prompts + rest + in_prompts * of_annotators),
    )
    return Spread(np.array(parts), np.array([annotators - 1.0, prompts - 1.0]))


def _check_share(share: float, what: str) -> None:
    if not 0 < share < 1:
        raise InputError(f"the {what} must be between 0 and 1")

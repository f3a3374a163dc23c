"""How large a study must be: the answers of `nami-bench study plan`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from nami_bench.domain.study import Panel
from nami_bench.errors import InputError
from nami_bench.evaluation.human.components import (
    DEFAULT_SHARES,
    AssumedShares,
    VarianceComponents,
    assumed_components,
    lone_annotator_deviation,
    variance_components,
)
from nami_bench.evaluation.human.design import (
    Layout,
    StudySize,
    detectable_difference,
    plan_study,
    prompts_needed,
)
from nami_bench.evaluation.human.ratings_array import TOTAL, RatingsArray

NO_NUMBER = "no number"
"""Of prompts is enough, where the annotators disagree too much on which model is better."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is asked: differences to find, in points of 0-100, and the sizes to look at.

    `wanted`: power; `level`: of the test; `pairs`: how many pairs of models are tested at once; `overlap`:
    annotators of each image, None for all of them; `panel`, `models`: see `Layout`, None for the pilot's, or
    for a crossed panel and two models.
    """

    differences: Sequence[float] = (1.0, 2.0, 3.0, 5.0, 10.0)
    prompts: Sequence[int] = (50, 100, 200, 500, 1000, 2000)
    annotators: Sequence[int] = (3, 5, 8, 12, 20)
    overlap: int | None = None
    wanted: float = 0.8
    level: float = 0.95
    pairs: int = 1
    panel: str | None = None
    models: int | None = None

    def layout(self) -> Layout:
        """The same for the planner; raises InputError for what cannot be."""
        return Layout(
            overlap=self.overlap,
            panel=self.panel or Panel.CROSSED,
            models=self.models or 2,
            level=self.level,
            pairs=self.pairs,
            wanted=self.wanted,
        )


@dataclass(frozen=True, slots=True)
class Needed:
    """The fewest prompts with which so many annotators find the difference; None: no number is enough."""

    annotators: int
    difference: float
    prompts: int | None


@dataclass(frozen=True, slots=True)
class CurrentStudy:
    """What the ratings at hand can find: the smallest difference with the power that is asked for."""

    prompts: int
    annotators: int
    overlap: int
    detectable: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan: what it rests on (`source`, `components`) and its answers."""

    source: str
    column: str
    components: VarianceComponents
    options: PlanOptions
    needed: tuple[Needed, ...]
    sizes: tuple[StudySize, ...]
    current: CurrentStudy | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        return asdict(self)


def plan_from_pilot(
    ratings: RatingsArray,
    source: str,
    options: PlanOptions,
    column: str = TOTAL,
    *,
    panel: str | None = None,
    shares: AssumedShares | None = None,
) -> Plan:
    """A plan from a pilot's ratings, and what the pilot itself can find.

    `panel`: the pilot's, by default what its ratings look like. `shares` are assumed where the pilot has one
    annotator, who cannot show what annotators differ in, and only there.

    Raises InputError for fewer than two models or prompts, and for shares that lack or are too much;
    UnknownNameError for a column.
    """
    ratings.column(column)  # refuses an unknown one
    own = panel or _panel(ratings)
    asked = replace(options, panel=options.panel or own, models=options.models or len(ratings.models))
    if len(ratings.annotators) == 1:
        if shares is None:
            raise InputError(
                "the pilot has one annotator, who does not show how far annotators differ in the model that "
                "they favour: assume a share of the ratings' variance, such as --annotator-share 0.05"
            )
        deviation = lone_annotator_deviation(ratings, column, shares)
        return plan(assumed_components(deviation, shares), f"{source}, one annotator", asked, column)
    if shares is not None:
        raise InputError("the pilot's annotators show the shares of the variance: leave out what to assume")
    components = variance_components(ratings, column)
    if not any((components.model_prompt, components.model_annotator, components.rest)):
        raise InputError(
            f"{source} does not show how much differences between models vary: every rating agrees about "
            "them; plan from another pilot, or from an assumption (--deviation)"
        )
    # The harmonic mean: an image counts once, so a few that everybody rated are worth little more.
    overlap = max(1, round(1 / float((1 / np.bincount(ratings.image())).mean())))
    prompts, annotators = len(ratings.prompts), len(ratings.annotators)
    layout = replace(asked.layout(), overlap=overlap, panel=own, models=len(ratings.models))
    found = detectable_difference(components, prompts, annotators, layout)
    return plan(components, source, asked, column, CurrentStudy(prompts, annotators, overlap, found))


def plan_from_assumption(
    deviation: float, options: PlanOptions, column: str = TOTAL, shares: AssumedShares = DEFAULT_SHARES
) -> Plan:
    """A plan without a pilot; `deviation`, in points: see `AssumedShares`."""
    return plan(assumed_components(deviation, shares), "an assumption", options, column)


def plan(
    components: VarianceComponents,
    source: str,
    options: PlanOptions,
    column: str = TOTAL,
    current: CurrentStudy | None = None,
) -> Plan:
    """A plan from variance components; raises InputError for options that cannot be."""
    if not options.differences or not options.prompts or not options.annotators:
        raise InputError("name at least one difference, one number of prompts and one of annotators")
    if min(options.prompts) < 2 or min(options.annotators) < 2:
        raise InputError("a study needs two prompts and two annotators at least")
    layout = options.layout()
    sizes = plan_study(
        components, options.differences[0],
        prompts=options.prompts, annotators=options.annotators, layout=layout,
    )  # fmt: skip
    needed = tuple(
        Needed(raters, difference, prompts_needed(components, difference, raters, layout))
        for raters in options.annotators
        for difference in options.differences
    )
    return Plan(source, column, components, options, needed, tuple(sizes), current)


def _panel(ratings: RatingsArray) -> str:
    """Whether the images of one prompt look as if the same annotators were to rate them, or others.

    By how often an image's annotator rated another model's image of the prompt too: nearly always, or as
    often as chance brings.
    """
    item, annotators = ratings.item(), len(ratings.annotators)
    images = np.bincount(item[np.flatnonzero(np.diff(ratings.image(), prepend=-1))])
    pairs, times = np.unique(item * annotators + ratings.annotator, return_counts=True)
    others = images[pairs // annotators] - 1
    compared = others > 0
    if not compared.any():
        return Panel.CROSSED
    met = np.average((times[compared] - 1) / others[compared], weights=times[compared])
    chance = len(item) / images.sum() / annotators
    return Panel.CROSSED if met >= (1 + chance) / 2 else Panel.SPREAD

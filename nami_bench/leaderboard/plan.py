"""How large a study must be: the answers of `nami-bench study plan`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

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
from nami_bench.leaderboard.sections import percent
from nami_bench.leaderboard.text import TextTable
from nami_bench.study import Panel

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
    overlap = max(1, round(float(np.bincount(ratings.image()).mean())))
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


def plan_tables(found: Plan) -> Iterator[TextTable]:
    """The prompts needed, and the differences that studies of given sizes can find."""
    options, power = found.options, percent(found.options.wanted)
    by_need = {(n.annotators, n.difference): n.prompts for n in found.needed}
    columns = (
        "annotators",
        *(f"{difference:g} point{'s' * (difference != 1)}" for difference in options.differences),
    )
    rows = [
        (str(raters), *(_prompts(by_need[raters, difference]) for difference in options.differences))
        for raters in options.annotators
    ]
    title = f"Prompts needed to find a difference in {found.column}, power {power}"
    yield TextTable(title, columns, tuple(rows), frozenset(columns), frozenset(columns[:1]))
    by_size = {(size.annotators, size.prompts): size for size in found.sizes}
    columns = ("annotators", *(f"{number} prompts" for number in options.prompts))
    rows = [
        (str(raters), *(f"{by_size[raters, number].detectable:.2f}" for number in options.prompts))
        for raters in options.annotators
    ]
    title = f"Smallest difference found with power {power}, in points"
    yield TextTable(title, columns, tuple(rows), frozenset(columns), frozenset(columns[:1]))


def plan_notes(found: Plan) -> Iterator[str]:
    """What the plan rests on, and how to read it."""
    parts, options, layout = found.components, found.options, found.options.layout()
    yield (
        f"From {found.source}: variances of a rating, in squared points, of {parts.model_prompt:.1f} from "
        f"prompts and {parts.model_annotator:.1f} from annotators that favour a model, and {parts.rest:.1f} "
        f"from the rest; common to all models {parts.prompt:.1f} from prompts, {parts.annotator:.1f} from "
        f"annotators' severity and {parts.prompt_annotator:.1f} from their view of a prompt."
    )
    if parts.annotator_freedom is not None:
        yield (
            f"Those that favour a model are estimates with at most {parts.prompt_freedom} (prompts) and "
            f"{parts.annotator_freedom} (annotators) degrees of freedom: the plan is as rough as they are."
        )
    yield from parts.notes
    tests = "one pair of models" if options.pairs == 1 else f"{options.pairs} pairs of models at once"
    yield f"Tests at {1 - options.level:.3g}, of {tests}; {_layout_text(layout, min(options.annotators))}."
    if any(need.prompts is None for need in found.needed):
        yield (
            f"{NO_NUMBER}: annotators disagree so much on which model is better that only more of them help."
        )
    current = found.current
    if current is not None:
        yield (
            f"The ratings at hand ({current.prompts} prompts, {current.annotators} annotators, "
            f"{current.overlap} on each image) find differences of {current.detectable:.2f} points and more."
        )


def _layout_text(layout: Layout, fewest: int) -> str:
    if layout.overlap is None:
        return "every annotator rates every image"
    people = f"each image is rated by {layout.overlap} annotator{'s' * (layout.overlap != 1)}"
    if fewest < layout.overlap:
        people += ", or by all where there are fewer"
    if layout.panel == Panel.CROSSED:
        return f"{people}, the same ones for all models' images of a prompt"
    return f"{people}, drawn anew for each image of {layout.models} models"


def _prompts(number: int | None) -> str:
    return NO_NUMBER if number is None else str(number)

"""How large a study must be: the answers of `nami-bench study plan`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.human.components import DifferenceComponents, difference_components
from evaluation.human.design import StudySize, detectable_difference, plan_study, prompts_needed
from evaluation.human.ratings_array import TOTAL, RatingsArray
from nami_bench.errors import InputError
from nami_bench.leaderboard.text import TextTable

NO_NUMBER = "no number"
"""Of prompts is enough, where the annotators disagree too much on which model is better."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is asked: differences to find, in points of 0-100, and the sizes to look at.

    `wanted`: power; `level`: of the test; `pairs`: how many pairs of models are tested at once; `overlap`:
    annotators of each image, None for all of them.
    """

    differences: Sequence[float] = (1.0, 2.0, 3.0, 5.0, 10.0)
    prompts: Sequence[int] = (50, 100, 200, 500, 1000, 2000)
    annotators: Sequence[int] = (3, 5, 8, 12, 20)
    overlap: int | None = None
    wanted: float = 0.8
    level: float = 0.95
    pairs: int = 1


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
    components: DifferenceComponents
    options: PlanOptions
    needed: tuple[Needed, ...]
    sizes: tuple[StudySize, ...]
    current: CurrentStudy | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        return asdict(self)


def plan_from_pilot(ratings: RatingsArray, source: str, options: PlanOptions, column: str = TOTAL) -> Plan:
    """A plan from a pilot's ratings, and what the pilot itself can find.

    Raises InputError for fewer than two models, prompts or annotators, UnknownNameError for a column.
    """
    ratings.column(column)  # refuses an unknown one
    components = difference_components(ratings, column)
    raters = np.bincount(ratings.image())
    prompts, annotators = len(ratings.prompts), len(ratings.annotators)
    overlap = max(1, round(float(raters.mean())))
    found = detectable_difference(
        components, prompts, annotators,
        wanted=options.wanted, overlap=overlap, level=options.level, pairs=options.pairs,
    )  # fmt: skip
    current = CurrentStudy(prompts, annotators, overlap, found)
    return plan(components, source, options, column, current)


def plan(
    components: DifferenceComponents,
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
    sizes = plan_study(
        components, options.differences[0],
        prompts=options.prompts, annotators=options.annotators,
        overlap=options.overlap, wanted=options.wanted, level=options.level, pairs=options.pairs,
    )  # fmt: skip
    needed = tuple(_needed(components, options))
    return Plan(source, column, components, options, needed, tuple(sizes), current)


def plan_tables(found: Plan) -> Iterator[TextTable]:
    """The prompts needed, and the differences that studies of given sizes can find."""
    options = found.options
    by_need = {(n.annotators, n.difference): n.prompts for n in found.needed}
    columns = (
        "annotators",
        *(f"{difference:g} point{'s' * (difference != 1)}" for difference in options.differences),
    )
    rows = [
        (str(raters), *(_prompts(by_need[raters, difference]) for difference in options.differences))
        for raters in options.annotators
    ]
    title = f"Prompts needed to find a difference in {found.column}, power {options.wanted:.0%}"
    yield TextTable(title, columns, tuple(rows), frozenset(columns), frozenset(columns[:1]))
    by_size = {(size.annotators, size.prompts): size for size in found.sizes}
    columns = ("annotators", *(f"{number} prompts" for number in options.prompts))
    rows = [
        (str(raters), *(f"{by_size[raters, number].detectable:.2f}" for number in options.prompts))
        for raters in options.annotators
    ]
    title = f"Smallest difference found with power {options.wanted:.0%}, in points"
    yield TextTable(title, columns, tuple(rows), frozenset(columns), frozenset(columns[:1]))


def plan_notes(found: Plan) -> Iterator[str]:
    """What the plan rests on, and how to read it."""
    parts, options = found.components, found.options
    yield (
        f"From {found.source}: between two models, variances of {parts.prompt:.1f} from prompts, "
        f"{parts.annotator:.1f} from annotators and {parts.rest:.1f} from the rest, in squared points."
    )
    yield from parts.notes
    overlap = "every annotator rates every image" if options.overlap is None else (
        f"each image is rated by {options.overlap} annotators"
    )  # fmt: skip
    tests = "one pair of models" if options.pairs == 1 else f"{options.pairs} pairs of models at once"
    yield f"Tests at {1 - options.level:.3g}, of {tests}; {overlap}."
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


def _needed(components: DifferenceComponents, options: PlanOptions) -> Iterator[Needed]:
    for raters in options.annotators:
        overlap = None if options.overlap is None else min(options.overlap, raters)
        for difference in options.differences:
            prompts = prompts_needed(
                components, difference, raters,
                wanted=options.wanted, overlap=overlap, level=options.level, pairs=options.pairs,
            )  # fmt: skip
            yield Needed(raters, difference, prompts)


def _prompts(number: int | None) -> str:
    return NO_NUMBER if number is None else str(number)

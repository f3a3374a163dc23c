"""A study's plan as tables and sentences."""

from collections.abc import Iterator

from nami_bench.domain.study import Panel
from nami_bench.evaluation.human.design import Layout
from nami_bench.evaluation.leaderboard.plan import NO_NUMBER, Plan
from nami_bench.export.sections import percent
from nami_bench.export.text import TextTable


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

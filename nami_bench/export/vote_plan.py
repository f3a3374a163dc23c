"""A plan from votes as tables and sentences."""

from collections.abc import Iterator

from nami_bench.evaluation.human.vote_design import share_of
from nami_bench.evaluation.leaderboard.plan import NO_NUMBER
from nami_bench.evaluation.leaderboard.vote_plan import VotePlan
from nami_bench.export.sections import percent
from nami_bench.export.text import TextTable


def vote_plan_tables(found: VotePlan) -> Iterator[TextTable]:
    """The prompts needed, and the differences that studies of given sizes can find."""
    options, power = found.options, percent(found.options.layout.wanted)
    per_pair = f"{options.layout.votes} vote{'s' * (options.layout.votes != 1)} each"
    by_need = {(one.voters, one.difference): one for one in found.needed}
    columns = ("annotators", *(f"{difference:g} Elo" for difference in options.differences))
    rows = [
        (str(voters), *(_number(by_need[voters, difference].prompts) for difference in options.differences))
        for voters in options.voters
    ]
    title = f"Prompts needed ({per_pair}) to tell two models apart in {found.criterion}, power {power}"
    yield TextTable(title, columns, tuple(rows), frozenset(columns), frozenset(columns[:1]))
    by_size = {(one.voters, one.prompts): one.detectable for one in found.sizes}
    columns = ("annotators", *(f"{number} prompts" for number in options.prompts))
    rows = [
        (str(voters), *(_points(by_size[voters, number]) for number in options.prompts))
        for voters in options.voters
    ]
    title = f"Smallest difference found ({per_pair}) with power {power}, in Elo points"
    yield TextTable(title, columns, tuple(rows), frozenset(columns), frozenset(columns[:1]))


def vote_plan_notes(found: VotePlan) -> Iterator[str]:
    """What the plan rests on, and how to read it."""
    parts, layout = found.components, found.options.layout
    whole = parts.prompt + (parts.voter or 0.0) + parts.rest
    shares = [100 * part / whole for part in (parts.prompt, parts.voter or 0.0, parts.rest)]
    yield (
        f"From {found.source}: {parts.votes} votes by {found.criterion} on {parts.pairs} pairs of models and "
        f"{parts.prompts} prompts. Of a vote's variance {shares[0]:.1f}% is from prompts whose images favour "
        f"a model, {shares[1]:.1f}% from voters who do, and {shares[2]:.1f}% from the rest."
    )
    if found.assumed is not None:
        yield f"Assumed, not measured: {found.assumed}."
    first = found.options.differences[0]
    yield (
        f"A model that is {first:g} Elo points better wins {100 * share_of(first):.1f}% of the votes, with "
        "ties as half wins."
    )
    tests = "one pair of models" if layout.pairs == 1 else f"{layout.pairs} pairs of models at once"
    yield (
        f"Tests at {1 - layout.level:.3g}, of {tests}, with prompts and voters as clusters; numbers are of "
        "votes on these two models alone, shared out evenly among the annotators."
    )
    if any(one.prompts is None for one in found.needed):
        yield f"{NO_NUMBER}: voters disagree so much on which model is better that only more of them help."


def _number(prompts: int | None) -> str:
    return NO_NUMBER if prompts is None else str(prompts)


def _points(difference: float | None) -> str:
    return "none" if difference is None else f"{difference:.0f}"

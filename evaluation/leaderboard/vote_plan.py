"""How large a study of pairs must be: the answers of `nami-bench study plan --from` a set of votes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.comparison_table import Comparisons
from nami_bench.evaluation.human.comparisons_frame import sides
from nami_bench.evaluation.human.components import AssumedShares
from nami_bench.evaluation.human.vote_components import VoteComponents, vote_components
from nami_bench.evaluation.human.vote_design import (
    DEFAULT_VOTES,
    VoteLayout,
    vote_detectable,
    vote_prompts_needed,
)


@dataclass(frozen=True, slots=True)
class VotePlanOptions:
    """What is asked: differences to find, in Elo points, and the sizes to look at; `layout`: see there."""

    differences: Sequence[float] = (10.0, 20.0, 35.0, 50.0, 100.0)
    prompts: Sequence[int] = (50, 100, 200, 500, 1000, 2000)
    voters: Sequence[int] = (10, 30, 100, 300, 1000)
    layout: VoteLayout = DEFAULT_VOTES


@dataclass(frozen=True, slots=True)
class VotesNeeded:
    """The fewest prompts with which so many voters find the difference, and the votes on two models that
    these are; None: no number is enough."""

    voters: int
    difference: float
    prompts: int | None
    votes: int | None


@dataclass(frozen=True, slots=True)
class VotesFound:
    """The smallest difference, in Elo points, that a study of this size finds; None: none."""

    voters: int
    prompts: int
    detectable: float | None


@dataclass(frozen=True, slots=True)
class VotePlan:
    """The plan: what it rests on (`source`, `criterion`, `components`) and its answers; `assumed` says what
    the votes did not show."""

    source: str
    criterion: str
    components: VoteComponents
    options: VotePlanOptions
    needed: tuple[VotesNeeded, ...]
    sizes: tuple[VotesFound, ...]
    assumed: str | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        return asdict(self)


def plan_from_votes(
    votes: pd.DataFrame,
    source: str,
    options: VotePlanOptions,
    criterion: str | None = None,
    shares: AssumedShares | None = None,
) -> VotePlan:
    """A plan from the votes of a set (see `nami_bench.evaluation.human.comparisons_frame`) by one criterion,
    None: the most frequent one.

    `shares`: what part of a vote's variance to assume for voters who favour a model, where nobody knows who
    voted, and only there. Raises InputError for votes that do not show how much prompts matter, and for
    options that cannot be; UnknownNameError for a criterion.
    """
    if min((*options.prompts, *options.voters), default=0) < 2 or not options.differences:
        raise InputError("name differences, and two prompts and two annotators at least")
    chosen, part = _of_criterion(votes, criterion)
    found = vote_components(Comparisons.from_table(part))
    assumed = None
    if found.voter is None:
        share = (shares or AssumedShares()).annotator
        whole = found.prompt + found.rest
        found = replace(found, voter=share * whole, rest=max(found.rest - share * whole, 0.0))
        assumed = (
            f"the set does not say who voted; {100 * share:g}% of the variance from voters who favour a "
            "model (--annotator-share)"
        )
    elif shares is not None:
        raise InputError("the set's voters show the shares of the variance: leave out what to assume")
    layout = options.layout
    needed = []
    for voters in options.voters:
        for difference in options.differences:
            prompts = vote_prompts_needed(found, difference, voters, layout)
            needed.append(
                VotesNeeded(voters, difference, prompts, None if prompts is None else prompts * layout.votes)
            )
    sizes = tuple(
        VotesFound(voters, prompts, vote_detectable(found, prompts, voters, layout))
        for voters in options.voters
        for prompts in options.prompts
    )
    return VotePlan(source, chosen, found, options, tuple(needed), sizes, assumed)


def _of_criterion(votes: pd.DataFrame, criterion: str | None) -> tuple[str, pd.DataFrame]:
    """The votes on two models by one criterion."""
    left, right, _ = sides(votes)
    kept = votes[(left != right) & votes["outcome"].notna().to_numpy()]
    if not len(kept):
        raise InputError("the set holds no votes on images of two models")
    counts = kept["criterion"].value_counts()
    names = [str(name) for name in counts.index[counts > 0]]
    if criterion is not None and criterion not in names:
        raise UnknownNameError("criterion", criterion, names)
    chosen = names[0] if criterion is None else criterion
    return chosen, kept[(kept["criterion"] == chosen).to_numpy()]

"""What must be said about strengths: which scales there are, and who has no finite strength."""

from collections.abc import Iterator

import numpy as np

from nami_bench.evaluation.human.connectivity import Connectivity
from nami_bench.evaluation.human.elo import elo_scale
from nami_bench.evaluation.human.newton import Counts, Fit
from nami_bench.evaluation.human.ratings_array import Booleans, Floats


def strength_notes(
    groups: Connectivity,
    counts: Counts,
    fit: Fit | None,
    own: Floats,
    low: Floats,
    high: Floats,
    prior: float,
) -> Iterator[str]:
    """Notes on strengths `own` and intervals from `low` to `high`, by model; see `Strengths`."""
    yield from island_notes(groups)
    if counts.models and fit is None:
        yield (
            "the strengths have no finite estimate: the side or a covariate tells the outcomes apart, so "
            "leave it out"
        )
    elif counts.are_ties:
        yield (
            "all verdicts between models of one scale are ties: their strengths are equal, and ties alone "
            "do not show how sure that is"
        )
    yield from scale_notes(groups, own, low, high, prior, ties=counts.are_ties)


def island_notes(groups: Connectivity) -> Iterator[str]:
    """That models stand on several scales."""
    if groups.islands > 1:
        lists = [f"({groups.listed(np.flatnonzero(groups.island == i))})" for i in range(groups.islands)]
        yield (
            f"no comparisons join the groups {', '.join(lists)}: each has a scale of its own, and "
            "strengths of different groups cannot be compared"
        )


def scale_notes(
    groups: Connectivity, own: Floats, low: Floats, high: Floats, prior: float, *, ties: bool
) -> Iterator[str]:
    """Who has no finite strength, or a scale of its own; `ties`: there is nothing but ties."""
    yield from _unbounded(groups, own, low, high, ties=ties)
    yield from _own_scales(groups, own)
    if prior > 0:
        yield (
            f"strengths are pulled together by {prior:g} virtual ties between every two models"
            + (" that comparisons join" if groups.islands > 1 else "")
        )


def _unbounded(groups: Connectivity, own: Floats, low: Floats, high: Floats, *, ties: bool) -> Iterator[str]:
    off = np.zeros(len(own), dtype=bool)
    for island in range(groups.islands):
        off[groups.off_scale(island)] = True
    cases: tuple[tuple[Booleans, str], ...] = (
        (np.isposinf(high), " never lost to the scale's models: no finite strength fits, only a lower bound"),
        (np.isneginf(low), " never beat the scale's models: no finite strength fits, only an upper bound"),
        (off & np.isnan(low), ": neither a finite strength nor a bound fits, only the order shows"),
    )
    for chosen, what in cases:
        if chosen.any():
            yield f"{groups.listed(np.flatnonzero(chosen))}{what}"
    alone = ~off & np.isnan(low) & ~np.isnan(own)
    if alone.any() and not ties:
        listed = groups.listed(np.flatnonzero(alone))
        yield f"no interval for {listed}: verdicts on them do not show how much they would vary with prompts"


def _own_scales(groups: Connectivity, own: Floats) -> Iterator[str]:
    """The strengths of models that have finite ones among themselves but none on their island's scale."""
    for island in range(groups.islands):
        core = groups.core(island)
        for group in groups.groups_of(island):
            if len(group) > 1 and group[0] not in core and not np.isnan(own[group[0]]):
                best_first = group[np.argsort(-own[group], kind="stable")]
                listed = ", ".join(f"{groups.models[i]} {elo_scale(own[i]):.0f}" for i in best_first)
                yield f"among themselves, on a scale of their own: {listed}"

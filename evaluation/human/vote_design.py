"""How many votes tell two models apart, from the variances of votes.

Of P prompts with v votes each on the images of two models, by A voters, the share of votes that one model
wins has the variance prompt / P + voter / A + rest / (P v). The test is that of strengths with prompts and
voters as clusters: Student's t with the fewer of them, less one, degrees of freedom.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from nami_bench.errors import InputError
from nami_bench.evaluation.human.elo import ELO_OF_LOG_ODDS
from nami_bench.evaluation.human.vote_components import VoteComponents

_MOST_PROMPTS = 1_000_000
_MOST_ELO = 2000.0
_QUANTILES = 64


@dataclass(frozen=True, slots=True)
class VoteLayout:
    """`votes`: on one prompt's two images; `level`, `pairs`, `wanted`: as those of `design.Layout`."""

    votes: int = 1
    level: float = 0.95
    pairs: int = 1
    wanted: float = 0.8

    def __post_init__(self) -> None:
        if self.votes < 1 or self.pairs < 1:
            raise InputError("a plan is for one vote on a pair of images, and one pair of models, at least")
        if not 0 < self.level < 1 or not 1 - self.level < self.wanted < 1:
            raise InputError("level and power must be between 0 and 1, and the power above what chance gives")


DEFAULT_VOTES = VoteLayout()


def share_of(elo: float) -> float:
    """The share of votes that a model wins which is so many Elo points better, ties as half wins."""
    return float(special.expit(elo / ELO_OF_LOG_ODDS))


def vote_power(parts: VoteComponents, elo: float, prompts: int, voters: int, layout: VoteLayout) -> float:
    """Chance, 0-1, that a difference of so many Elo points is found."""
    voters = min(voters, prompts * layout.votes)  # nobody votes less than once
    variance = parts.prompt / prompts + parts.rest / (prompts * layout.votes)
    variance += (parts.voter or 0.0) / voters
    variance *= 1 + 1 / prompts + 1 / voters  # as the test corrects for the number of clusters
    freedom = max(min(prompts, voters) - 1, 1)
    bound = stats.t.ppf(1 - (1 - layout.level) / layout.pairs / 2, freedom)
    distance = (share_of(elo) - 0.5) / np.sqrt(variance)
    # Over what the estimate of the variance may come out as; the noncentral t of far distances overflows.
    error = np.sqrt(stats.chi2.ppf((np.arange(_QUANTILES) + 0.5) / _QUANTILES, freedom) / freedom)
    found = stats.norm.sf(bound * error - distance) + stats.norm.cdf(-bound * error - distance)
    return float(found.mean())


def vote_prompts_needed(parts: VoteComponents, elo: float, voters: int, layout: VoteLayout) -> int | None:
    """The fewest prompts with the power wanted; None where no number is enough."""
    if not 0 < elo <= _MOST_ELO:
        raise InputError(
            f"the difference to find, {elo:g}, must be above zero and at most {_MOST_ELO:g} points"
        )
    if vote_power(parts, elo, _MOST_PROMPTS, voters, layout) < layout.wanted:
        return None
    low, high = 1, 2
    while vote_power(parts, elo, high, voters, layout) < layout.wanted:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = vote_power(parts, elo, middle, voters, layout) >= layout.wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def vote_detectable(parts: VoteComponents, prompts: int, voters: int, layout: VoteLayout) -> float | None:
    """The smallest difference, in Elo points, found with the power wanted; None where none is."""

    def lacking(elo: float) -> float:
        return vote_power(parts, elo, prompts, voters, layout) - layout.wanted

    return None if lacking(_MOST_ELO) < 0 else float(optimize.brentq(lacking, 0.0, _MOST_ELO, xtol=0.01))

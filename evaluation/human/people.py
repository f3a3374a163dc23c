"""How each person of a study does, with intervals, and whether that stands out from how the others do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nami_bench.evaluation.human.figures import Figure, mean_figure, median_figure, share_figure
from nami_bench.evaluation.human.given_answers import GivenAnswers
from nami_bench.evaluation.human.habits import Habits, habits_of
from nami_bench.evaluation.human.peers import FEWEST_ITEMS, Peers, compare_with_others
from nami_bench.evaluation.human.people_flags import KINDS, Flagged, flagged
from nami_bench.evaluation.human.ratings_array import Floats, Integers
from nami_bench.evaluation.human.standing_out import FEWEST


@dataclass(frozen=True, slots=True)
class Work:
    """What is known of a person beside their answers.

    `seconds`: of each item's first answer; `seconds_today`: of those of today. `gold`: passed and answered.
    `repeats`: by repeated item, how far the second answer lies from the first, points of 0-100, of verdicts
    the share in percent that changed. `lean`: by decided verdict, 1 for the left side and -1 for the right.
    """

    seconds: Sequence[float] | Floats = ()
    seconds_today: Sequence[float] | Floats = ()
    gold: tuple[int, int] = (0, 0)
    repeats: Sequence[float] | Floats = ()
    lean: Sequence[float] | Floats = ()


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """How one person does; None where there is nothing to reckon with, or nobody to compare with.

    `counts`: what they judged counts, and the others are held against it. `flags`: why to look at them.
    """

    name: str
    counts: bool
    pace: Figure | None
    pace_today: Figure | None
    gold: Figure | None
    repeats: Figure | None
    lean: Figure | None
    peers: Peers
    habits: Habits | None
    flags: tuple[Flagged, ...] = field(default=())

    def figure(self, kind: str) -> Figure | None:
        """The figure of a kind of flag."""
        if kind == "repetition":
            return None if self.habits is None else self.habits.repetition
        found: Figure | None = getattr(self.peers if kind in ("agreement", "severity") else self, kind)
        return found


def people_figures(
    answers: GivenAnswers, work: Mapping[str, Work], *, excluded: frozenset[str] = frozenset(), seed: int = 0
) -> tuple[PersonFigures, ...]:
    """How everybody of `answers.people` does, in that order, with flags.

    Each kind is meant to flag somebody in at most one in twenty of the studies in which people differ by
    chance, or normally as people do; docs/statistics.md says where it does. Those `excluded` are compared
    with the others, nobody with them, and they are not flagged.
    """
    patterns, peers = _patterns(answers), compare_with_others(answers, seed=seed)
    found = [
        _figures(name, name not in excluded, peers[code], patterns[code], work.get(name, Work()))
        for code, name in enumerate(answers.people)
    ]
    by_kind = [
        flagged(kind, [one.figure(kind.name) if one.counts else None for one in found]) for kind in KINDS
    ]
    return tuple(
        replace(one, flags=tuple(flags[code] for flags in by_kind if code in flags))
        for code, one in enumerate(found)
    )


def note_of(people: Sequence[PersonFigures]) -> str:
    """What must be said of the comparisons as a whole; "" where there is nothing."""
    compared = sum(one.counts and one.peers.agreement is not None for one in people)
    if compared >= FEWEST:
        return ""
    if compared == 0:
        return f"nobody shares {FEWEST_ITEMS} items with others yet: nobody can be compared with them"
    return "of two people nobody can tell which of them differs: flags need three who can be compared"


def _figures(name: str, counts: bool, peers: Peers, patterns: Integers, work: Work) -> PersonFigures:
    passed, seen = work.gold
    return PersonFigures(
        name=name,
        counts=counts,
        pace=median_figure(work.seconds),
        pace_today=median_figure(work.seconds_today),
        gold=share_figure(passed, seen),
        repeats=mean_figure(work.repeats),
        lean=mean_figure(work.lean),
        peers=peers,
        habits=habits_of(patterns),
    )


def _patterns(answers: GivenAnswers) -> list[Integers]:
    """By person, the codes of the patterns of all answers to an item, in the order of first answers."""
    key = answers.person * (int(answers.item.max(initial=0)) + 1) + answers.item
    _, first, pair = np.unique(key, return_index=True, return_inverse=True)
    value = answers.values[:, 0] if answers.values.shape[1] == 1 else answers.values.argmax(axis=1)
    distinct, code = np.unique(value, return_inverse=True)
    answer = answers.criterion * len(distinct) + code.reshape(-1)
    # A pattern is told by the sum of random numbers for its answers: of 64 bits, none is taken for another.
    numbers = np.random.default_rng(0).integers(2**63, size=int(answer.max(initial=0)) + 1, dtype=np.uint64)
    totals = np.zeros(len(first), dtype=np.uint64)
    np.add.at(totals, pair.reshape(-1), numbers[answer])
    codes = np.unique(totals, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(first, kind="stable")  # rows come in the order of the answers
    person = answers.person[first][order]
    return [codes[order][person == code] for code in range(len(answers.people))]

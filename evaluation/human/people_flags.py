"""Whom of a study's people to look at, and why in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nami_bench.evaluation.human.figures import Figure
from nami_bench.evaluation.human.peers import FEWEST_ITEMS
from nami_bench.evaluation.human.ratings_array import Floats, Integers
from nami_bench.evaluation.human.standing_out import SHARE, standing_out


@dataclass(frozen=True, slots=True)
class Flagged:
    """Why somebody should be looked at: the kind of figure, and a sentence."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A figure by which people are compared: which side is bad, how it is said, from how many observations
    on, and in what share of studies it may flag somebody by chance."""

    name: str
    side: str
    words: Mapping[str, str]
    shown: Callable[[float], str]
    fewest: int = FEWEST_ITEMS
    share: float = SHARE


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


KINDS = (
    Kind(
        "agreement",
        "low",
        {"low": "agrees less with the others than they do with one another"},
        "{:.2f}".format,
    ),
    Kind(
        "severity",
        "both",
        {
            "low": "is stricter than the others, by points of 0-100",
            "high": "is milder than the others, by points of 0-100",
        },
        "{:+.1f}".format,
    ),
    Kind(
        "repetition",
        "high",
        {"high": "gives different items the same answers more often, as a share of pairs of items"},
        _share,
        share=SHARE / 5,  # by nature it is skewed: some repeat themselves more than others less
    ),
    Kind("gold", "low", {"low": "passes fewer items with known answers"}, _share, 5),
    Kind(
        "repeats",
        "high",
        {"high": "answers repeated items otherwise, by points of 0-100"},
        "{:.1f}".format,
        5,
    ),
    Kind("pace", "low", {"low": "is faster, by the median of seconds for an item"}, "{:.1f}".format),
    Kind(
        "lean",
        "both",
        {
            "low": "chooses the right side more often, as left less right of 1",
            "high": "chooses the left side more often, as left less right of 1",
        },
        "{:+.2f}".format,
    ),
)


def flagged(kind: Kind, figures: Sequence[Figure | None]) -> dict[int, Flagged]:
    """Of figures by person (None: there is none, or nothing of theirs counts), those who stand out."""
    used = [one if one is not None and one.n >= kind.fewest else None for one in figures]
    nothing = (np.nan, np.nan)
    pairs = np.array([nothing if one is None else one.stable for one in used], dtype=float).reshape(-1, 2)
    numbers = np.array([0 if one is None else one.n for one in used])
    out = standing_out(pairs[:, 0], _at_least(pairs[:, 1], numbers), kind.side, kind.share)
    rest = [one.value for one, is_out in zip(used, out, strict=True) if one is not None and not is_out]
    return {
        code: Flagged(kind.name, _words(kind, one, rest))
        for code, (one, is_out) in enumerate(zip(used, out, strict=True))
        if is_out and one is not None
    }


def _at_least(variances: Floats, numbers: Integers) -> Floats:
    """The variances, none smaller than those of people are on average for as many observations: that of a
    few is uncertain itself."""
    known = ~np.isnan(variances)
    if not known.any():
        return variances
    of_one = float((variances[known] * numbers[known]).mean())
    return np.maximum(variances, of_one / np.maximum(numbers, 1))


def _words(kind: Kind, own: Figure, rest: Sequence[float]) -> str:
    show, middle = kind.shown, float(np.mean(rest))
    side = kind.side if kind.side != "both" else ("low" if own.value < middle else "high")
    return (
        f"{kind.words[side]}: {show(own.value)} [{show(own.low)}, {show(own.high)}], against "
        f"{show(middle)} of the rest ({show(min(rest))} to {show(max(rest))}, {len(rest)} people)"
    )

"""Several images put in order: how many are shown, what an answer is, and what a known answer asks for.

An answer is its ranks, one digit for each image in the order in which the images stand: "2113" puts the
second and the third first, in a tie, then the first, then the fourth. Ranks count from 1 without gaps. Best
and worst of several have the same form: 1 is the best, 3 the worst, 2 all the others, about whose order
nothing is said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from nami_bench.errors import InputError

FEWEST, MOST = 3, 6
"""Images of an item: two are a pair, and more than six nobody keeps in view."""

OTHERS = "*"
"""In an expected order: all models that it does not name."""

BEST, MIDDLE, WORST = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which images are put in order at once: `size` of one prompt and sample, each of another model.

    `per_prompt`: so many groups of models for each prompt and sample (0: all there are), each model in
    equally many and each two of them together equally often, as far as the numbers let them.
    """

    size: int = 4
    per_prompt: int = 1

    def __post_init__(self) -> None:
        if not FEWEST <= self.size <= MOST:
            raise InputError(f"ranks.size must lie between {FEWEST} and {MOST}: two images are pairs")
        if self.per_prompt < 0:
            raise InputError("ranks.per_prompt must not be negative")


def without_gaps(ranks: Sequence[int]) -> tuple[int, ...]:
    """The same order with ranks that count from 1 without gaps: 1, 2, 2, 4 becomes 1, 2, 2, 3."""
    places = {rank: place for place, rank in enumerate(sorted(set(ranks)), 1)}
    return tuple(places[rank] for rank in ranks)


def check_ranks(ranks: Sequence[int], *, best_worst: bool) -> None:
    """Raise InputError for ranks that no answer can have."""
    if best_worst:
        if sorted(ranks) != [BEST, *[MIDDLE] * (len(ranks) - 2), WORST]:
            raise InputError(f"one image is the best ({BEST}), one the worst ({WORST}), the others {MIDDLE}")
    elif without_gaps(ranks) != tuple(ranks):
        raise InputError("ranks count from 1 without gaps")


def parse_ranks(text: str, size: int, *, best_worst: bool) -> tuple[int, ...]:
    """The ranks of an answer about `size` images; raises InputError for a text that is none."""
    if len(text) != size or not (text.isascii() and text.isdigit()):
        raise InputError(f"{text[:20]!r} is not one digit for each of {size} images")
    ranks = tuple(map(int, text))
    check_ranks(ranks, best_worst=best_worst)
    return ranks


def ranks_text(ranks: Iterable[int]) -> str:
    """The answer with these ranks."""
    return "".join(map(str, ranks))


@dataclass(frozen=True, slots=True)
class Ranking:
    """One annotator's order of several models' images of one prompt, by one criterion.

    `models` are named as they stood on the screen, row by row; `ranks` has one for each, equal in a tie, and
    is None, with a `reason`, where the annotator could not judge. `best_worst`: only the best and the worst
    were asked for (see the top of this module). `position` counts the items of this annotator from 1 on.
    """

    study: str
    annotator: str
    prompt_id: str
    sample: int
    criterion: str
    models: tuple[str, ...]
    ranks: tuple[int, ...] | None
    best_worst: bool = False
    reason: str | None = None
    position: int | None = None
    duration_ms: int | None = None
    created_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.ranks is None) == (self.reason is None):
            raise InputError(
                f"ranking of {self.criterion} by {self.annotator!r}: give ranks, or a reason for having none"
            )
        if len(set(self.models)) != len(self.models):
            raise InputError(f"ranking of {self.criterion} by {self.annotator!r}: a model is there twice")
        if self.ranks is not None:
            if len(self.ranks) != len(self.models):
                raise InputError(
                    f"ranking of {self.criterion} by {self.annotator!r}: one rank for each model"
                )
            check_ranks(self.ranks, best_worst=self.best_worst)

    @property
    def best(self) -> str | None:
        """The model at the front, None in a tie or where there are no ranks."""
        return self._only(BEST)

    @property
    def worst(self) -> str | None:
        """The model at the end, None in a tie or where there are no ranks."""
        return self._only(max(self.ranks or (0,)))

    def _only(self, rank: int) -> str | None:
        found = [model for model, own in zip(self.models, self.ranks or (), strict=False) if own == rank]
        return found[0] if len(found) == 1 else None

    @property
    def pairs(self) -> list[tuple[str, str, int]]:
        """What it says of each two models: (first, second, +1 first is better, 0 tie, -1 second is better).

        Of best and worst, what was not said of the others is left out.
        """
        if self.ranks is None:
            return []
        stood = list(zip(self.models, self.ranks, strict=True))
        return [
            (a, b, (rank_b > rank_a) - (rank_b < rank_a))
            for i, (a, rank_a) in enumerate(stood)
            for b, rank_b in stood[i + 1 :]
            if not (self.best_worst and rank_a == rank_b)
        ]


def expected_groups(order: str) -> list[list[str]]:
    """What an expected order says, the best first: "a > b = c > *" is a, then b and c in a tie, then the
    rest."""
    return [[name.strip() for name in group.split("=")] for group in order.split(">")]


def check_expected(order: str, models: Sequence[str], *, best_worst: bool) -> None:
    """Raise InputError for an expected order that no answer about these models could have."""
    groups = expected_groups(order)
    named = [name for group in groups for name in group]
    unknown = next((name for name in named if name != OTHERS and name not in models), None)
    if unknown is not None:
        raise InputError(f"expects {order!r}, and {unknown!r} is none of its models")
    if len(set(named)) < len(named):
        raise InputError(f"expects {order!r}, which names a model twice")
    if len(named) < 2:
        raise InputError(
            f"expects {order!r}: write an order of its models, such as 'a > b' or 'a > {OTHERS}'"
        )
    if any(OTHERS in group and len(group) > 1 for group in groups):
        raise InputError(f"expects {order!r}: {OTHERS} stands for all others, and is tied with nobody")
    if OTHERS in named and len(named) > len(models):
        raise InputError(f"expects {order!r}: no others are left for {OTHERS}")
    if best_worst and (len(groups) > 3 or any(len(group) > 1 for group in groups)):
        raise InputError(f"expects {order!r}: of best and worst, name a best, a worst, or what lies between")


def meets(order: str, ranks: Mapping[str, int]) -> bool:
    """Whether ranks by model are as an expected order says."""
    groups = expected_groups(order)
    named = {name for group in groups for name in group}
    others = [model for model in ranks if model not in named]
    found = [
        [ranks[name] for one in group for name in (others if one == OTHERS else [one])] for group in groups
    ]
    ties = (own for group, own in zip(groups, found, strict=True) if group != [OTHERS])
    in_order = all(max(a) < min(b) for a, b in pairwise(found))
    return in_order and all(len(set(own)) == 1 for own in ties)


def renamed_order(order: str, names: Mapping[str, str]) -> str:
    """The expected order with other names in the place of those in `names`."""
    return " > ".join(" = ".join(names.get(name, name) for name in group) for group in expected_groups(order))


def is_order(expected: object) -> bool:
    """Whether an expected answer is an order, and not a verdict on a pair."""
    return isinstance(expected, str) and (">" in expected or "=" in expected)

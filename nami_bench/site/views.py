"""What the Board shows: every score of every model on every part of the prompts, with tests of all pairs.

All of it is worked out when the site is built: a page that opens from disk computes no statistics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nami_bench.domain import PromptSet
from nami_bench.evaluation.human.comparisons import Difference, Differences
from nami_bench.evaluation.human.ranking import rank_models
from nami_bench.evaluation.human.scores import prompt_groups

MOST_PARTS = 24
"""A tag that divides the prompts into more is rather a name of each than a kind of them."""
ALL = "all"
"""The key of the part that holds every prompt."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the prompts: `kind` is "stratum", "task", a tag's name, or "" for all of them."""

    kind: str
    name: str
    prompts: frozenset[str]

    @property
    def key(self) -> str:
        """KIND=NAME, or `ALL`."""
        return f"{self.kind}={self.name}" if self.kind else ALL


@dataclass(frozen=True, slots=True)
class Cell:
    """One model's number, and the interval that it has; `images` it rests on, where that is known."""

    value: float | None
    low: float | None = None
    high: float | None = None
    images: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The best and the worst place that a model may have in a column, and its tie groups."""

    low: int
    high: int
    ties: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One column on one part of the prompts: cells and places by model, in the section's order."""

    cells: tuple[Cell | None, ...]
    places: tuple[Place | None, ...] = ()
    pairs: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """`limits`: the lowest and highest value that there can be; None where there are none. `about`: by what
    it was measured, in words."""

    key: str
    title: str
    decimals: int
    limits: tuple[float, float] | None = None
    lower_is_better: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Columns that belong together. `scored` is by column and part; a part may be missing."""

    key: str
    title: str
    columns: tuple[ViewColumn, ...]
    scored: Mapping[tuple[str, str], Scored]
    note: str = ""
    level: float = 0.95
    tests: str = field(default="")

    def to_json(self, parts: Sequence[Part]) -> dict[str, Any]:
        """As the page's script reads it: `scored[column][part]` by number, None where there is nothing."""
        return {
            "key": self.key,
            "title": self.title,
            "note": self.note,
            "level": self.level,
            "tests": self.tests,
            "columns": [
                {
                    "key": column.key,
                    "title": column.title,
                    "decimals": column.decimals,
                    "limits": column.limits,
                    "lower": column.lower_is_better,
                    "about": column.about,
                }
                for column in self.columns
            ],
            "scored": [
                [_scored_json(self.scored.get((column.key, part.key)), column.decimals) for part in parts]
                for column in self.columns
            ],
        }


def parts_of(prompt_set: PromptSet) -> tuple[Part, ...]:
    """All prompts, then the strata, GenEval's tasks, and what each tag divides them into."""
    prompts = prompt_set.prompts
    found = [Part("", "all prompts", frozenset(prompt.id for prompt in prompts))]
    tags = dict.fromkeys(tag for prompt in prompts for tag in prompt.tags)
    seen: set[frozenset[frozenset[str]]] = set()
    for kind in dict.fromkeys(("stratum", "task", *tags)):
        groups = {name: frozenset(ids) for name, ids in prompt_groups(prompts, kind).items()}
        division = frozenset(groups.values())
        if 2 <= len(groups) <= MOST_PARTS and division not in seen:
            seen.add(division)
            found += [Part(kind, name, ids) for name, ids in groups.items()]
    return tuple(found)


def places_of(differences: Differences, models: Sequence[str]) -> tuple[Place | None, ...]:
    """The places that models may have, and their tie groups, in the order of `models`."""
    ranks = {rank.model: rank for rank in rank_models(differences)}
    found: list[Place | None] = []
    for model in models:
        rank = ranks.get(model)
        known = rank is not None and rank.low is not None and rank.high is not None
        found.append(Place(rank.low, rank.high, " ".join(rank.ties)) if rank and known else None)  # type: ignore[arg-type]
    return tuple(found)


def _scored_json(scored: Scored | None, decimals: int) -> dict[str, Any] | None:
    if scored is None or not any(scored.cells):
        return None
    places = decimals + 2

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, places)

    return {
        "cells": [
            cell and [rounded(cell.value), rounded(cell.low), rounded(cell.high), cell.images]
            for cell in scored.cells
        ],
        "places": [place and [place.low, place.high, place.ties] for place in scored.places],
        "pairs": [
            [
                pair.first,
                pair.second,
                rounded(pair.difference),
                rounded(pair.low),
                rounded(pair.high),
                None if pair.p_value is None else float(f"{pair.p_value:.3g}"),
                None if pair.p_adjusted is None else float(f"{pair.p_adjusted:.3g}"),
                int(pair.significant),
                pair.images,
                pair.reason,
            ]
            for pair in scored.pairs
        ],
    }

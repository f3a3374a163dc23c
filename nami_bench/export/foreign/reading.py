"""How a file of others is to be read: what the options of the command line say, in one value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from nami_bench.errors import InputError
from nami_bench.export.foreign.rows import parse_map

Repeats: TypeAlias = Literal["refuse", "first", "last", "each"]
"""What is done with a second answer of one person to one thing: see `table.Collected`."""

WIDE = ("criterion", "annotator", "model", "item")


@dataclass(frozen=True, slots=True)
class Reading:
    """`profile` names a form (None: a table by its columns' names), `columns` are by field, `values` by word.

    `wide`: what the names of several columns of values are, and which columns. `models`: other names of
    models, with at most one * each. `criteria`: what values of unnamed criteria are about, or the order of
    several in one cell. `items`: a table that explains names. `study`: what the study is called.
    """

    profile: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    wide: tuple[str, tuple[str, ...]] | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    criteria: tuple[str, ...] = ()
    items: Path | None = None
    delimiter: str = "auto"
    encoding: str | None = None
    repeats: Repeats | None = None
    study: str | None = None


Pairs: TypeAlias = Sequence[str] | Mapping[str, str]
"""Texts as the command line has them (FIELD=COLUMN,FIELD=COLUMN), or the same as a mapping."""


def reading_of(
    profile: str | None = None,
    map: Pairs = (),
    values: Pairs = (),
    wide: str | Mapping[str, Sequence[str]] | None = None,
    models: Pairs = (),
    criteria: Sequence[str] = (),
    items: Path | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    repeats: Repeats | None = None,
    study: str | None = None,
) -> Reading | None:
    """What options say; None where none of them was given, so that a file must be in our own form.

    Raises InputError for what they cannot mean.
    """
    if not any((profile, map, values, wide, models, criteria, items, delimiter, encoding, repeats)):
        return None
    return Reading(
        profile,
        parse_map(map),
        parse_pairs("--values", values, fold=True),
        None if not wide else _wide(wide),
        parse_pairs("--rename", models, fold=False),
        tuple(criteria),
        items,
        delimiter or "auto",
        encoding,
        repeats,
        study,
    )


def parse_pairs(option: str, texts: Pairs, *, fold: bool) -> dict[str, str]:
    """`WORD=VALUE,WORD=VALUE`; `fold`: words without regard to case. The last = of each divides it.

    Nothing behind it stands for what does not count.
    """
    if isinstance(texts, Mapping):
        return {word.casefold() if fold else word: value for word, value in texts.items()}
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(r",(?=[^,]*=)", text):
            word, equals, value = part.rpartition("=")
            key = word.strip().casefold() if fold else word.strip()
            if not equals:
                raise InputError(f"{option} {part!r} is not of the form WORD=VALUE")
            if found.setdefault(key, value.strip()) != value.strip():
                raise InputError(f"{option} says twice what {word.strip()!r} is")
    return found


def renamed(name: str, models: Mapping[str, str]) -> str:
    """A model's name by `Reading.models`: an exact one, or the first pattern that fits; "": not to count."""
    if name in models:
        return models[name]
    for pattern, wanted in models.items():
        before, star, after = pattern.partition("*")
        fits = star and name.startswith(before) and name.endswith(after)
        if fits and len(name) > len(before) + len(after):
            return wanted.replace("*", name[len(before) : len(name) - len(after)])
    return name


def _wide(said: str | Mapping[str, Sequence[str]]) -> tuple[str, tuple[str, ...]]:
    if isinstance(said, str):
        what, _, columns = said.partition("=")
        names = tuple(name.strip() for name in columns.split(",") if name.strip())
    else:
        (what, listed), *others = said.items()
        names = () if others else tuple(listed)
    if what.strip() not in WIDE or not names:
        raise InputError(
            f"--wide {said!r} is not of the form {'|'.join(WIDE)}=COLUMN,COLUMN: what the names of these "
            "columns of values are; * stands for any text, as in rater_*"
        )
    return what.strip(), names

"""Recipes: which prompts a set takes, how many, and from where; a TOML file.

name = "mine"
seed = 1
near_duplicates = 0.6           # the default; see prompts.duplicates
tags = ["text"]                 # none by default; see prompts.tagging

[[stratum]]
name = "short"
count = 100
min_words = 3                   # the default is 1
max_words = 25                  # no limit by default
filters = ["safety"]            # see prompts.filters
sources = [
  { name = "geneval", count = 60, balance = "task", only = { task = ["position", "counting"] } },
  { name = "lumiere" },         # sources without a count share what is left, equally
]
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from nami_bench.config import load_toml
from nami_bench.domain import checked_name
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.prompts.duplicates import NEAR_DUPLICATES
from nami_bench.prompts.files import digest
from nami_bench.prompts.filters import FILTERS
from nami_bench.prompts.tagging import TAGGINGS
from nami_bench.serialize import validated


@dataclass(frozen=True, slots=True)
class Share:
    """One source's part of a stratum.

    `balance` names the tag whose values are to be as equally frequent as the source allows; `only` keeps
    candidates whose tags have one of the listed values.
    """

    name: str
    count: int | None = None
    balance: str | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the set that is reported by itself; word limits are inclusive."""

    name: str
    count: int
    sources: tuple[Share, ...]
    min_words: int = 1
    max_words: int | None = None
    filters: tuple[str, ...] = ()

    def shares(self) -> tuple[tuple[Share, int], ...]:
        """Every source with its number of prompts, which add up to `count`."""
        open_shares = [share for share in self.sources if share.count is None]
        left = self.count - sum(share.count or 0 for share in self.sources)
        each, extra = divmod(left, len(open_shares)) if open_shares else (0, 0)
        counts = {share.name: each + (place < extra) for place, share in enumerate(open_shares)}
        return tuple(
            (share, counts[share.name] if share.count is None else share.count) for share in self.sources
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a prompt set is made of; texts as similar as `near_duplicates` (above 0, up to 1) are too near.

    `tags` are worked out from the prompts' texts, beside those of their sources.
    """

    name: str
    seed: int
    stratum: tuple[Stratum, ...]
    near_duplicates: float = NEAR_DUPLICATES
    tags: tuple[str, ...] = ()

    @property
    def source_names(self) -> tuple[str, ...]:
        """Every source the recipe uses, each once."""
        return tuple(dict.fromkeys(share.name for stratum in self.stratum for share in stratum.sources))

    @property
    def sha256(self) -> str:
        """Identity of the recipe's values: layout and comments of the file do not change it."""
        return digest(json.dumps(self.to_json(), sort_keys=True).encode())

    def to_json(self) -> dict[str, Any]:
        """Every value of the recipe, defaults included, as JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values


def builtin_recipes() -> dict[str, Path]:
    """The recipes that ship with the package, by name."""
    folder = Path(str(files("nami_bench.prompts") / "data" / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_recipe(reference: str) -> Recipe:
    """A built-in recipe by name, or a recipe file by a path that ends in .toml.

    Raises InputError where the recipe cannot be met by any sources, UnknownNameError for an unknown name.
    """
    known = builtin_recipes()
    if not reference.endswith(".toml") and reference not in known:
        raise UnknownNameError("recipe", reference, known, "or pass the path of a .toml file")
    path = known.get(reference, Path(reference))
    recipe = validated(Recipe, load_toml(path), str(path))
    _check(recipe, str(path))
    return recipe


def _check(recipe: Recipe, where: str) -> None:
    checked_name("recipe", recipe.name)
    if recipe.seed < 0:
        raise InputError(f"{where}: the seed must be 0 or more")
    if not 0 < recipe.near_duplicates <= 1:
        raise InputError(f"{where}: near_duplicates must be above 0 and at most 1")
    for name in recipe.tags:
        if name not in TAGGINGS:
            raise UnknownNameError(f"tag in {where}", name, TAGGINGS)
    if not recipe.stratum:
        raise InputError(f"{where}: the recipe has no [[stratum]]")
    _check_unique([stratum.name for stratum in recipe.stratum], f"{where}: two strata are")
    for stratum in recipe.stratum:
        _check_stratum(stratum, f"{where}: stratum {stratum.name!r}")


def _check_stratum(stratum: Stratum, where: str) -> None:
    checked_name("stratum", stratum.name)
    if stratum.count < 1:
        raise InputError(f"{where} has the count {stratum.count}; it must be 1 or more")
    if stratum.min_words < 1 or (stratum.max_words is not None and stratum.max_words < stratum.min_words):
        raise InputError(
            f"{where}: min_words must be 1 or more and not exceed max_words, "
            f"got {stratum.min_words} and {stratum.max_words}"
        )
    for name in stratum.filters:
        if name not in FILTERS:
            raise UnknownNameError(f"filter in {where}", name, FILTERS)
    if not stratum.sources:
        raise InputError(f"{where} names no sources")
    _check_unique([share.name for share in stratum.sources], f"{where}: two sources are")
    if any(share.count is not None and share.count < 1 for share in stratum.sources):
        raise InputError(f"{where}: a source's count must be 1 or more")
    total = sum(count for _, count in stratum.shares())
    if total != stratum.count or min(count for _, count in stratum.shares()) < 1:
        named = ", ".join(f"{share.name} {share.count or 'the rest'}" for share in stratum.sources)
        raise InputError(
            f"{where}: its sources' counts ({named}) do not add up to its count of {stratum.count}"
        )


def _check_unique(names: list[str], what: str) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"{what} called {repeated!r}")

"""Which column of a table, or key of an object, holds a prompt's text: by name, or as it is said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from nami_bench.domain import SOURCE_ID
from nami_bench.errors import InputError
from nami_bench.prompts.rewrites import KEY as REWRITTEN_FROM

TEXT_NAMES = (
    "prompt",
    "prompts",
    "text",
    "caption",
    "prompt_en",
    "prompt_cn",
    "prompt_zh",
    "description",
    "query",
)
"""Names of the text, in whatever case. `prompt` goes before all others; of those only one may be there."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns named by the user, each None where it is to be found by its name.

    `text` holds the prompt, `id` the id that it has in its source, `stratum` the stratum, `original` the text
    of the prompt that it is a rewrite of.
    """

    text: str | None = None
    id: str | None = None
    stratum: str | None = None
    original: str | None = None

    @classmethod
    def named(cls, pairs: Mapping[str, str]) -> Self:
        """From `text`, `id`, `stratum` and `original` to the columns' names; raises InputError for others."""
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in pairs if key not in known]:
            raise InputError(f"--column {unknown[0]}=...: a column is given for {', '.join(known)}")
        return cls(**pairs)

    def check(self, there: Sequence[str], where: str) -> None:
        """Raise InputError for a named column that is not there."""
        for role in ("id", "stratum", "original"):
            name = getattr(self, role)
            if name is not None and name not in there:
                raise InputError(f"{where} has no {name!r} (found: {_listed(there)})")


def text_column(there: Sequence[str], asked: str | None, where: str) -> str:
    """The name, among those that are there, of what holds the text.

    Raises InputError that lists them where none is known for it, or more than one is.
    """
    if asked is not None:
        if asked not in there:
            raise InputError(f"{where} has no {asked!r} (found: {_listed(there)})")
        return asked
    by_name = {name.strip().lower(): name for name in reversed(there)}
    found = [by_name[name] for name in TEXT_NAMES if name in by_name]
    if not found:
        raise InputError(
            f"{where}: nothing is called {', '.join(TEXT_NAMES[:4])} or the like (found: {_listed(there)}): "
            "say what holds the prompts, with `nami-bench prompts import FILE --column text=NAME`"
        )
    if "prompt" not in by_name and len(found) > 1:
        raise InputError(
            f"{where}: the prompts may be {' or '.join(map(repr, found))}: "
            "say which, with `nami-bench prompts import FILE --column text=NAME`"
        )
    return found[0]


def with_roles(row: Mapping[str, Any], columns: Columns, where: str) -> tuple[dict[str, Any], str | None]:
    """A row with its named id and original under the keys in which prompts keep them, and its stratum."""
    found = dict(row)
    if columns.id is not None:
        found[SOURCE_ID] = _needed(row, columns.id, where)
    if columns.original is not None and row.get(columns.original) not in (None, ""):
        found[REWRITTEN_FROM] = row[columns.original]
    stratum = None if columns.stratum is None else _needed(row, columns.stratum, where)
    return found, stratum


def _needed(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise InputError(f"{where} has no {name!r}: every prompt needs one, or leave --column for it out")
    return str(value).strip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"

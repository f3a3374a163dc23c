"""Filters a recipe can name: for prompts that annotators should not be shown, or that are not plain text."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SAFETY_WORDS = "safety_words.toml"


@dataclass(frozen=True, slots=True)
class Filter:
    """`rejects` tells whether a text is dropped; `rule` says in words why, and goes into the manifest."""

    rule: str
    rejects: Callable[[str], bool]


def _unsafe(text: str) -> bool:
    words = _safety_words()
    if words["sexual"].search(text) or words["violent"].search(text):
        return True
    return bool(words["minor"].search(text) and words["body"].search(text))


@cache
def _safety_words() -> dict[str, re.Pattern[str]]:
    listed = tomllib.loads((files("prompts") / "data" / _SAFETY_WORDS).read_text(encoding="utf-8"))
    return {kind: _pattern(entries) for kind, entries in listed.items()}


def _pattern(entries: Iterable[str]) -> re.Pattern[str]:
    """Matches a word that begins with an entry; an entry that ends in $ is the whole word."""
    stems = (re.escape(entry.removesuffix("$")) + (r"\b" if entry.endswith("$") else "") for entry in entries)
    return re.compile(rf"\b(?:{'|'.join(stems)})", re.IGNORECASE)


# `--ar 16:9` and `moon::2` speak to one image service, not to a text-to-image model.
# Text editors turn the two hyphens into a dash.
_SWITCHES = re.compile(r"(?:^|\s)--[A-Za-z]|[—–](?:ar|aspect|w|h)\b|::|: :")

FILTERS: Mapping[str, Filter] = {
    "safety": Filter(
        f"drops prompts with a sexual or violent word of {_SAFETY_WORDS}, "
        "and those with both a word for a minor and a word for the body",
        _unsafe,
    ),
    "switches": Filter(
        "drops prompts with another program's switches (--ar 16:9) or weights (::2)",
        lambda text: bool(_SWITCHES.search(text)),
    ),
}
"""Filters by the name that a recipe's stratum calls them by."""

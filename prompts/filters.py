"""Filters a recipe can name: for prompts that annotators should not be shown or could not judge."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SAFETY_WORDS = "safety_words.toml"
_FUNCTION_WORDS = "function_words.toml"


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
    return {kind: _pattern(entries) for kind, entries in _word_lists(_SAFETY_WORDS).items()}


def _word_lists(file: str) -> dict[str, list[str]]:
    return tomllib.loads((files("nami_bench.prompts") / "data" / file).read_text(encoding="utf-8"))


def _pattern(entries: Iterable[str]) -> re.Pattern[str]:
    """Matches a word that begins with an entry; an entry that ends in $ is the whole word."""
    stems = (re.escape(entry.removesuffix("$")) + (r"\b" if entry.endswith("$") else "") for entry in entries)
    return re.compile(rf"\b(?:{'|'.join(stems)})", re.IGNORECASE)


def _not_english(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    foreign = sum(not unicodedata.name(char, "").startswith(("LATIN", "FULLWIDTH LATIN")) for char in letters)
    if foreign > len(letters) / 10:
        return True
    words = set(re.findall(r"\w+", text.casefold()))
    english = len(words & _function_words()["en"])
    others = (len(words & listed) for language, listed in _function_words().items() if language != "en")
    return max(others) >= max(2, english + 1)


@cache
def _function_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(listed) for language, listed in _word_lists(_FUNCTION_WORDS).items()}


_PERSONAL = re.compile(
    r"\w@[\w-]+\.\w"  # an e-mail address
    r"|(?<![\w.])@[^\W\d]\w{2}"  # an account's handle, but not "@50mm"
    r"|https?://|\bwww\.\w"
    r"|\+\d[\d ().-]{7,}\d|(?<!\d)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)|\d{9}"  # a telephone, a document
)

# `--ar 16:9` and `moon::2` speak to one image service, not to a text-to-image model.
# Text editors turn the two hyphens into a dash.
_SWITCHES = re.compile(r"(?:^|\s)--[A-Za-z]|[—–](?:ar|aspect|w|h)\b|::|: :")

FILTERS: Mapping[str, Filter] = {
    "safety": Filter(
        f"drops prompts with a sexual or violent word of {_SAFETY_WORDS}, "
        "and those with both a word for a minor and a word for the body",
        _unsafe,
    ),
    "personal": Filter(
        "drops prompts with an e-mail address, an account's @handle, a link, a telephone number, or nine "
        "digits in a row",
        lambda text: bool(_PERSONAL.search(text)),
    ),
    "english": Filter(
        "drops prompts of which more than a tenth of the letters are not Latin, and those with two or more "
        f"different small words of another language of {_FUNCTION_WORDS}, if they outnumber English ones",
        _not_english,
    ),
    "switches": Filter(
        "drops prompts with another program's switches (--ar 16:9) or weights (::2)",
        lambda text: bool(_SWITCHES.search(text)),
    ),
}
"""Filters by the name that a recipe's stratum calls them by."""

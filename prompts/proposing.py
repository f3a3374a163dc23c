"""What may be proposed as a prompt: length, characters, and the filters of `nami_bench.prompts.filters`."""

import unicodedata
from itertools import groupby

from nami_bench.prompts.filters import FILTERS

SHORTEST = 6
LONGEST = 1500
"""Characters; in scripts without spaces a whole text is one word, so that words alone set no limit."""

PROPOSAL_FILTERS = ("safety", "personal", "switches")
"""What every built-in recipe filters by: other prompts would never get into a set."""

JOINERS = "\u200c\u200d"  # of Persian, of India's scripts, of emoji
_MOST_MARKS = 4


def proposal_problems(text: str, max_words: int) -> tuple[str, ...]:
    """What keeps a text, which `clean_text` has cleaned, from being proposed: keys, the gravest first.

    `too_long`, `too_short`, `hidden_characters` (controls, direction overrides, invisible and private
    characters, heaps of accents), or the name of one of PROPOSAL_FILTERS.
    """
    if len(text) > LONGEST or len(text.split()) > max_words:
        return ("too_long",)  # and is not looked at further
    found = ["hidden_characters"] if _has_hidden_characters(text) else []
    if len(text) < SHORTEST:
        found.append("too_short")
    # Full-width letters, or joiners within a word, must not hide it from the filters.
    plain = unicodedata.normalize("NFKC", text.translate(dict.fromkeys(map(ord, JOINERS))))
    return (*found, *(name for name in PROPOSAL_FILTERS if FILTERS[name].rejects(plain)))


def _has_hidden_characters(text: str) -> bool:
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") and char not in JOINERS for char in text):
        return True
    marks = groupby(text, key=lambda char: unicodedata.category(char) == "Mn")
    return any(is_mark and len(list(run)) > _MOST_MARKS for is_mark, run in marks)

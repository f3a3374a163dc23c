"""Characters of a prompt that nobody sees: named by place and code point, and taken out where one says so."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NAMED = 5
_JOINERS = "\u200c\u200d"
_WHITE = "\t\n\r"
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Unseen:
    """A character that nobody sees, and how often it stands in a prompt."""

    character: str
    count: int

    def __str__(self) -> str:
        """'U+200B ZERO WIDTH SPACE', and how often where more than once."""
        name = unicodedata.name(self.character, "a control character")
        return f"U+{ord(self.character):04X} {name}{f' ({self.count} times)' if self.count > 1 else ''}"


def unseen_in(text: str) -> list[Unseen]:
    """Each such character of a text once, in the order of their first places.

    Joiners within a word or an emoji are none of them: scripts are written with them.
    """
    found = dict.fromkeys(text[at] for at in _places(text))
    return [Unseen(character, sum(text[at] == character for at in _places(text))) for character in found]


def tell_unseen(found: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence for each of the first places, given as where a text stands and the text."""
    all_of_them = [(where, one) for where, text in found for one in unseen_in(text)]
    told = [
        f"{where} holds {one}, which nobody sees (--clean takes it out)"
        for where, one in all_of_them[:_NAMED]
    ]
    more = len(all_of_them) - len(told)
    return [*told, f"and there are {more} more such characters"] if more else told


def without_unseen(text: str) -> str:
    """The text without these characters, and with a blank for what parts lines and paragraphs."""
    places = set(_places(text))
    return "".join(_left(c) if at in places else c for at, c in enumerate(text)) if places else text


def _left(character: str) -> str:
    return " " if unicodedata.category(character) in ("Zl", "Zp") else ""


def _places(text: str) -> Iterator[int]:
    if text.isprintable():  # as nearly all are
        return
    for at, character in enumerate(text):
        if character in _JOINERS and 0 < at < len(text) - 1 and not text[at + 1].isspace():
            continue
        if character not in _WHITE and unicodedata.category(character) in _UNSEEN:
            yield at

"""Text that a prompt puts in quotation marks: what is to be read in its images."""

import re
from collections.abc import Iterator

_CLOSED_BY = {
    '"': '"',
    "“": '”"',  # typed with a straight mark at the end as often
    "”": "”",
    "„": '“”"',
    "«": "»",
    "»": "«»",
    "‹": "›",
    "›": "‹›",
    "「": "」",
    "『": "』",
    "﹁": "﹂",
    "〝": "〞〟",
    "＂": "＂",
    "'": "'",
    "‘": "’'",
    "‚": "‘’",
}
"""Opening marks and what closes them: English, German, French, Swedish, Chinese and Japanese ways."""
_SINGLE = "'‘‚"
_NOT_OPENED = re.compile(r"(?:n|em|til|tis|twas|cause|bout|\d0s?)(?![^\W_])", re.IGNORECASE)
"""What an apostrophe stands before rather than a quotation: rock 'n' roll, the '90s."""
_CHINESE = re.compile("[\u4e00-\u9fff]")
_LATIN = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")


def quoted(text: str) -> tuple[str, ...]:
    """What stands in quotation marks, in order, white space made single; of nested ones the outer.

    Straight and curly marks, single and double, and those of German, French, Swedish, Chinese and Japanese.
    Apostrophes are none (Don't, the dogs' bowls, the '90s), nor are marks of inches or feet (a 12" pizza); a
    mark that is never closed opens nothing.
    """
    return tuple(_quoted(text))


def script_of(texts: tuple[str, ...]) -> str:
    """ "chinese" where a character is Chinese, "latin" where no letter is of another script, else "other"."""
    letters = [character for text in texts for character in text if character.isalpha()]
    if any(map(_CHINESE.match, letters)):
        return "chinese"
    return "latin" if all(map(_LATIN.match, letters)) else "other"


def _quoted(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        end = _end(text, at) if text[at] in _CLOSED_BY and _opens(text, at) else None
        if end is None:
            at += 1
            continue
        if inside := " ".join(text[at + 1 : end].split()):
            yield inside
        at = end + 1


def _opens(text: str, at: int) -> bool:
    """Whether the mark at a place can open a quotation."""
    before, mark = text[at - 1 : at], text[at]
    if mark == '"':
        return not before.isascii() or not before.isdigit()  # a digit: inches
    if mark == "'":
        follows = text[at + 1 : at + 2]
        opens = not _is_word(before) and bool(follows.strip())
        return opens and not _NOT_OPENED.match(text, at + 1)
    return True


def _end(text: str, at: int) -> int | None:
    """Where the quotation that is opened at a place is closed."""
    closing, single = _CLOSED_BY[text[at]], text[at] in _SINGLE
    for place in range(at + 1, len(text)):
        if text[place] in closing and not (single and _is_apostrophe(text, place)):
            return place
    return None


def _is_apostrophe(text: str, at: int) -> bool:
    """Whether a single mark stands within a word (Don't) or before one (the '90s)."""
    return _is_word(text[at + 1 : at + 2]) or not text[at - 1 : at].strip()


def _is_word(character: str) -> bool:
    return character.isalnum() and not _CHINESE.match(character)

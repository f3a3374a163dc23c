"""Texts as a terminal may have them: every character that would steer it is shown instead.

Prompts, names, servers' answers and files' contents are anybody's. Left as they are, they could clear the
screen, hide what stands before them, turn its order round or type into the shell. What is written to files,
or handed to another program, is left alone.
"""

import logging
import unicodedata

_JOINERS = "\u200c\u200d"  # within words of some scripts, and within emoji
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str, lines: bool = False) -> str:
    """`text` with control characters, bidirectional controls and the like as escapes: \\x1b, \\u202e, \\n.

    `lines`: line ends and tabs are meant as such.
    """
    if text.isprintable():
        return text
    kept = _JOINERS + "\n\t" if lines else _JOINERS
    return "".join(c if c in kept or not steers(c) else _escape(c) for c in text)


def visible_json(document: str) -> str:
    """A JSON document that says the same, in which nothing steers a terminal."""
    if document.isprintable():
        return document
    return "".join(c if c in "\n" or not steers(c) else _json_escape(c) for c in document)


def steers(character: str) -> bool:
    """Whether a terminal would act on a character, or show the text around it otherwise because of it."""
    return unicodedata.category(character) in _STEERING


class VisibleFormatter(logging.Formatter):
    """Log records as lines that steer nothing."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), lines=record.exc_info is not None)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))

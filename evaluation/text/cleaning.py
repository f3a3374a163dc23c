"""How OneIG-Bench and LongText-Bench clean texts and count what two of them share.

By OneIG-Bench/OneIG-Benchmark, scripts/text/text_utils.py, and X-Omni-Team/X-Omni, textbench: both keep
Chinese characters, a-z, A-Z, 0-9 and the accents of French, so that an apostrophe joins what it stands
between, and a text in Cyrillic or Arabic leaves nothing.
"""

import re
from collections import Counter
from typing import Literal

Language = Literal["en", "zh"]

_KEPT = "\u4e00-\u9fa5a-zA-Z0-9àâäéèêëîïôöùûüçÀÂÄÉÈÊËÎÏÔÖÙÛÜÇ"
_NOT_KEPT_NOR_SPACE = re.compile(rf"[^{_KEPT}\s]")
_NOT_KEPT = re.compile(rf"[^{_KEPT}]")
_CHINESE = re.compile("[\u4e00-\u9fff]")
NO_TEXT = "No text recognized."
"""What a model says that reads nothing, with the full stop that the scripts look for."""


def is_chinese(text: str) -> bool:
    """Whether a character is Chinese."""
    return bool(_CHINESE.search(text))


def words_kept(text: str) -> str:
    """What is kept, words apart by single spaces."""
    return " ".join(_NOT_KEPT_NOR_SPACE.sub("", text).split())


def characters_kept(text: str) -> str:
    """What is kept, without spaces."""
    return _NOT_KEPT.sub("", text)


def shared(target: str, read: str, *, by_words: bool) -> tuple[int, int]:
    """How many of the target's words, or characters, are read, each as often as it stands there, and how many
    there are; wherever they stand."""
    wanted, found = (Counter(text.split() if by_words else text) for text in (target, read))
    return (wanted & found).total(), wanted.total()

"""Texts that are longer than a text encoder reads at once, in windows."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)\]]*$")

Encode = Callable[[str], list[int]]
"""Token ids of a text, without any special tokens."""


@dataclass(frozen=True, slots=True)
class _Word:
    tokens: tuple[int, ...]
    ends_sentence: bool


def token_windows(text: str, encode: Encode, limit: int) -> list[list[int]]:
    """The tokens of `text` in windows of at most `limit` tokens; none is lost and none occurs twice.

    A text that fits is one window. A longer one is cut at the last end of a sentence that fits, else between
    words, and within a word only where that word alone is longer than a window (as in scripts without
    spaces). A text without tokens has no window.
    """
    tokens = encode(text)
    if len(tokens) <= limit:
        return [tokens] if tokens else []
    words = [piece for word in text.split() for piece in _pieces(word, encode(word), limit)]
    windows = []
    while words:
        count = _fitting(words, limit)
        windows.append([token for word in words[:count] for token in word.tokens])
        words = words[count:]
    return windows


def _pieces(word: str, tokens: Sequence[int], limit: int) -> list[_Word]:
    pieces = [tuple(tokens[at : at + limit]) for at in range(0, len(tokens), limit)]
    ends = bool(_SENTENCE_END.search(word))
    return [_Word(piece, ends and index == len(pieces) - 1) for index, piece in enumerate(pieces)]


def _fitting(words: Sequence[_Word], limit: int) -> int:
    """How many of `words` go into the next window: at least one."""
    total = sentence_end = 0
    for index, word in enumerate(words):
        total += len(word.tokens)
        if total > limit:
            return sentence_end or index
        if word.ends_sentence:
            sentence_end = index + 1
    return len(words)

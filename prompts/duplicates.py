"""Exact and near duplicates among prompts."""

import re
import unicodedata
from collections import Counter, defaultdict

from nami_bench.prompts.protocol import Candidate

EXACT_RULE = "texts are equal after NFKC, case folding, and with only letters and digits kept"
NEAR_RULE = (
    "the sets of three-word sequences (letters and digits, case folded) of two texts have a Jaccard "
    "similarity of at least the recipe's near_duplicates; two prompts with GenEval's clauses never are"
)
NEAR_DUPLICATES = 0.6
"""The similarity from which two prompts are too near, unless a recipe says otherwise."""
_WORD = re.compile(r"\w+")
_SHINGLE = 3


class DuplicateIndex:
    """Remembers prompts, and tells whether another repeats one of them.

    Two prompts with GenEval's clauses differ by what the clauses say, however alike their texts are
    ("a red car", "a blue car"), so they are compared for equality only.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._texts: set[tuple[str, ...]] = set()
        self._sizes: list[int] = []
        self._has_clauses: list[bool] = []
        self._postings: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def add(self, candidate: Candidate) -> None:
        """Remember a prompt."""
        words = _normalised(candidate.text)
        shingles = _shingles(words)
        self._texts.add(words)
        for shingle in shingles:
            self._postings[shingle].append(len(self._sizes))
        self._sizes.append(len(shingles))
        self._has_clauses.append(candidate.geneval is not None)

    def reason(self, candidate: Candidate) -> str | None:
        """'duplicate' or 'near duplicate' of a remembered prompt, or None."""
        words = _normalised(candidate.text)
        if words in self._texts:
            return "duplicate"
        return "near duplicate" if self._is_near(_shingles(words), candidate.geneval is not None) else None

    def nearest(self, text: str, leaving_out: int | None = None) -> tuple[int, float] | None:
        """(position in the order of `add`, similarity above 0 and up to 1) of the prompt most like a text.

        Equal texts have the similarity 1. None where no prompt shares a sequence of words with it; the one at
        the position `leaving_out` does not count.
        """
        shingles = _shingles(_normalised(text))
        shared = self._shared(shingles)
        alike = {
            other: count / (len(shingles) + self._sizes[other] - count)
            for other, count in shared.items()
            if other != leaving_out
        }
        if not alike:
            return None
        position = min(alike, key=lambda other: (-alike[other], other))
        return position, alike[position]

    def _is_near(self, shingles: set[tuple[str, ...]], has_clauses: bool) -> bool:
        return any(
            count >= self.threshold * (len(shingles) + self._sizes[other] - count)
            for other, count in self._shared(shingles).items()
            if not (has_clauses and self._has_clauses[other])
        )

    def _shared(self, shingles: set[tuple[str, ...]]) -> Counter[int]:
        """How many of `shingles` each remembered prompt has, for those that have any."""
        return Counter(other for s in shingles if s in self._postings for other in self._postings[s])


def _normalised(text: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    # A text of symbols alone has no words; it is compared as it is.
    return tuple(_WORD.findall(folded)) or (folded,)


def _shingles(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {words[at : at + _SHINGLE] for at in range(max(1, len(words) - _SHINGLE + 1))}

"""TIIF-Bench's figures for text: GNED and recall (Wei et al. 2025, arXiv 2506.02161; its eval folder)."""

from collections.abc import Sequence
from itertools import chain
from statistics import fmean

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.text.metric import Details, Figures, TextMetric
from nami_bench.evaluation.text.reader import ReadText
from nami_bench.evaluation.text.targets import Texts

FAR = 0.3
"""Up to this normalised edit distance, a word that is read is the target's."""


def distance(one: str, other: str) -> float:
    """Edits over the longer one's length, 0..1."""
    return float(Levenshtein.normalized_distance(one, other))


def words_read(lines: Sequence[str]) -> list[str]:
    """Lower case, apart at every single space: two in a row give an empty word. Nothing read is one empty
    word."""
    return list(chain.from_iterable(line.lower().split(" ") for line in lines or [""]))


def gned(targets: Sequence[str], read: Sequence[str]) -> float:
    """Global normalised edit distance, 0..1, of at least one word: the least sum of `distance` over pairs of
    words, and 1 for each word that stays without a partner, over the number of words of the longer side."""
    costs = np.array([[distance(word, target) for target in targets] for word in read])
    unpaired = abs(len(targets) - len(read))
    return float(costs[linear_sum_assignment(costs)].sum() + unpaired) / max(len(targets), len(read))


def words_found(targets: Sequence[str], read: Sequence[str]) -> int:
    """How many targets are read, `FAR` allowed: each takes the first word that will do, and no word serves
    twice. As the first need not be the best, a later target may go without."""
    left = list(read)
    found = 0
    for target in targets:
        fits = next((at for at, word in enumerate(left) if distance(target, word) <= FAR), None)
        if fits is not None:
            del left[fits]
            found += 1
    return found


class TiifText(TextMetric):
    """Recall: the share of the target's words that are read, near misses allowed.

    GNED, of which less is better, and which counts what is read beside, is in the details and in `figures`.
    Targets are single words there; longer ones are taken apart. Published with PaddleOCR (lang="en") on its
    own lists of words, which are not in the benchmark's files; short and long prompts apart.

    `details`: "gned", "found", "words".
    """

    name = "text-tiif"
    rule = "tiif-text-1"

    def measure(self, targets: Texts, read: ReadText) -> Measurement:
        """Recall, 0..1."""
        wanted = " ".join(targets).lower().split()
        words = words_read([line.text for line in read.lines])
        found = words_found(wanted, words)
        details = {"gned": gned(wanted, words), "found": found, "words": len(wanted)}
        return Measurement(found / len(wanted), details=details)

    @staticmethod
    def figures(results: Sequence[Details]) -> Figures:
        """Means over images of GNED (less is better) and of recall."""
        recall = fmean(d["found"] / d["words"] for d in results)
        return {"GNED": fmean(d["gned"] for d in results), "recall": recall}

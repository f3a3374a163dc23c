"""Heat maps of marks, and the words that most people marked: the form of RichHF-18K (Liang et al. 2024).

There three people mark points; each point is spread to a disk, the map is the mean over people, and a word is
labelled as most of them did (arXiv 2312.10240, section 3.2).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from nami_bench.domain import Marks, Region
from nami_bench.domain.marking import Span, prompt_words

RADIUS = 1 / 20
"""Of a point's disk, as a share of the image's height."""

_DELIMITERS = re.compile('[,.?!":; ]')
"""What parts the tokens to which the published label strings belong (google-research, richhf_18k)."""

Floats = npt.NDArray[np.float64]


def heat_map(marks: Iterable[Marks], kind: str, size: tuple[int, int], *, radius: float = RADIUS) -> Floats:
    """The share of people, 0 to 1, who marked each pixel of one image as `kind`; shape (height, width).

    `size` is (width, height) of the map in pixels, in the image's proportions. Whoever marked nothing counts.
    Somebody who was shown the image several times, beside others, counts once, with the mean of their maps.
    """
    by_person: dict[str, list[Floats]] = defaultdict(list)
    for one in marks:
        by_person[one.annotator].append(_mask([r for r in one.regions if r.kind == kind], size, radius))
    if not by_person:
        return np.zeros(size[::-1])
    return np.asarray(np.mean([np.mean(maps, axis=0) for maps in by_person.values()], axis=0))


def _mask(regions: Sequence[Region], size: tuple[int, int], radius: float) -> Floats:
    """1 where one of the regions is, else 0; a pixel belongs to what holds its middle."""
    width, height = size
    mask = np.zeros((height, width))
    x = (np.arange(width) + 0.5) / width
    y = ((np.arange(height) + 0.5) / height)[:, None]
    for region in regions:
        if region.w is not None and region.h is not None:
            columns = (x >= region.x) & (x <= region.x + region.w)
            mask[(y >= region.y) & (y <= region.y + region.h) & columns] = 1
        else:
            across, down = (x - region.x) * width / height, y - region.y
            mask[across**2 + down**2 <= radius**2] = 1
    return mask


def word_shares(prompt: str, marks: Iterable[Marks]) -> dict[Span, float]:
    """The share of people, 0 to 1, who marked each word of the prompt about one image.

    Somebody who was shown the image several times marked a word who did so in more than half of them.
    """
    by_person: dict[str, list[frozenset[Span]]] = defaultdict(list)
    for one in marks:
        by_person[one.annotator].append(frozenset(one.words))
    words = prompt_words(prompt)
    if not by_person:
        return dict.fromkeys(words, 0.0)
    return {word: float(np.mean([_most(word, own) for own in by_person.values()])) for word in words}


def _most(word: Span, said: Sequence[frozenset[Span]]) -> bool:
    return sum(word in words for words in said) * 2 > len(said)


def majority_words(shares: dict[Span, float]) -> list[Span]:
    """The words that more than half of the people marked."""
    return [word for word, share in shares.items() if share > 0.5]


def richhf_label(prompt: str, words: Iterable[Span]) -> str:
    """Marked words as RichHF-18K publishes them: a 0 for each token that is missing or wrong, else a 1.

    Tokens are what stands between `, . ? ! " : ;` and blanks.
    """
    marked = list(words)
    labels = []
    start = 0
    for end in [*(found.start() for found in _DELIMITERS.finditer(prompt)), len(prompt)]:
        if end > start:
            labels.append("0" if any(a < end and start < b for a, b in marked) else "1")
        start = end + 1
    return " ".join(labels)

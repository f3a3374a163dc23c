"""Marks: regions of an image where something is wrong, and words of its prompt that it lacks or gets wrong.

Places are shares of the image's own width and height, (0, 0) at the top left, whatever the screen made of it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from nami_bench.domain.names import checked_name
from nami_bench.errors import InputError

ARTIFACT, MISALIGNMENT = "artifact", "misalignment"
"""The kinds of mark that the screen has words for: what looks broken, and what contradicts the prompt."""

POINTS, BOXES = "points", "boxes"

MOST = 100
"""Regions of one image: more is a hand that rests on the key."""

DIGITS = 5
"""Decimals of a place: a hundred-thousandth of an image's side is below a pixel."""

MOST_KINDS = 9
"""Each kind has a digit of its own on the keyboard."""

EXPECTED = "marks:"
"""What is expected of marks stands under this key beside what is expected of criteria, none of which is
called so."""

# Letters and digits with what holds them together; a character that stands for a word is one of its own.
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|(?:(?![{_IDEOGRAPHS}])\w)+(?:['’-](?:(?![{_IDEOGRAPHS}])\w)+)*")


@dataclass(frozen=True, slots=True)
class MarkKind:
    """What a region can be marked as; `label`, by language, is what annotators read.

    `artifact` and `misalignment` need none: the screen has words for them in every language it knows.
    """

    name: str
    label: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name("mark", self.name)


@dataclass(frozen=True, slots=True)
class Marking:
    """What an annotator can mark beside the scores: regions of these `kinds`, and, with `words`, words.

    `shape`: regions are "points" or "boxes". `required`: an image has to have a mark, or be said to need
    none.
    """

    kinds: tuple[MarkKind, ...] = ()
    shape: str = POINTS
    words: bool = False
    required: bool = False

    def __post_init__(self) -> None:
        if self.shape not in (POINTS, BOXES):
            raise InputError(f"marks.shape is {self.shape!r}: use {POINTS!r} or {BOXES!r}")
        names = [kind.name for kind in self.kinds]
        if len(set(names)) < len(names):
            raise InputError("marks.kinds: name each kind once")
        if len(names) > MOST_KINDS:
            raise InputError(f"marks.kinds: {MOST_KINDS} are the most, for each has a digit on the keyboard")
        if self.required and not self.asked:
            raise InputError("marks.required: there is nothing to mark: name kinds, or set words = true")

    @property
    def asked(self) -> bool:
        """Whether there is anything to mark."""
        return bool(self.kinds) or self.words


@dataclass(frozen=True, slots=True)
class Region:
    """A point, or a box with its top left corner at (x, y), as shares of the image's width and height."""

    kind: str
    x: float
    y: float
    w: float | None = None
    h: float | None = None

    def __post_init__(self) -> None:
        given = [v for v in (self.x, self.y, self.w, self.h) if v is not None]
        if (self.w is None) != (self.h is None):
            raise InputError(f"{self.kind}: a box has a width and a height")
        if not all(isfinite(v) and 0 <= v <= 1 for v in given):
            raise InputError(f"{self.kind}: places are shares of the image, between 0 and 1")
        if self.w is not None and self.h is not None:
            if min(self.w, self.h) <= 0:
                raise InputError(f"{self.kind}: a box needs a width and a height above 0")
            if max(self.x + self.w, self.y + self.h) > 1 + 10**-DIGITS:
                raise InputError(f"{self.kind}: the box reaches out of the image")

    @property
    def is_box(self) -> bool:
        """Whether it is a box."""
        return self.w is not None

    @property
    def center(self) -> tuple[float, float]:
        """Its middle, or the point itself."""
        return self.x + (self.w or 0.0) / 2, self.y + (self.h or 0.0) / 2


Span = tuple[int, int]
"""Part of a prompt: (start, end), code points counted from 0, `end` the first that does not belong to it."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What one annotator marked of one image: `regions`, and `words` as spans of the prompt, in its order.

    Both may be empty: the annotator looked, and had nothing to mark. `beside`: in pairs the other model.
    """

    study: str
    annotator: str
    model: str
    prompt_id: str
    sample: int
    regions: tuple[Region, ...] = ()
    words: tuple[Span, ...] = ()
    beside: str | None = None
    created_at: datetime | None = None

    @property
    def image(self) -> tuple[str, str, int]:
        """What it is about: (model, prompt id, sample)."""
        return self.model, self.prompt_id, self.sample


@dataclass(frozen=True, slots=True)
class ExpectedMarks:
    """What an item with a known answer asks to be marked.

    `regions`: by kind a box (x, y, w, h) in which the middle of a mark of that kind must lie. `words`: texts
    of the prompt, each of whose words must be marked wherever it stands.
    """

    regions: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind, (x, y, w, h) in self.regions.items():
            Region(kind, x, y, w, h)

    @property
    def asked(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.regions) or bool(self.words)


def lies_in(region: Region, box: Sequence[float]) -> bool:
    """Whether the middle of a region lies in a box (x, y, w, h)."""
    (x, y), (left, top, width, height) = region.center, box
    return left <= x <= left + width and top <= y <= top + height


def prompt_words(prompt: str) -> list[Span]:
    """The words of a prompt that can be marked, in order: letters and digits without what is between them.

    In scripts that do not part words each character is one.
    """
    return [found.span() for found in _WORD.finditer(prompt)]


def covered_words(prompt: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """The words of a prompt of which a span holds a part."""
    wanted = list(spans)
    return tuple(
        (start, end) for start, end in prompt_words(prompt) if any(a < end and start < b for a, b in wanted)
    )


def phrases(prompt: str, words: Iterable[Span]) -> list[Span]:
    """Marked words taken together where nothing but blanks, or nothing at all, is between them."""
    found: list[Span] = []
    for start, end in sorted(words):
        if found and not prompt[found[-1][1] : start].strip():
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def words_of_text(prompt: str, text: str) -> tuple[Span, ...]:
    """The words of every place where `text` stands in a prompt, whatever its case.

    Raises InputError where it stands nowhere.
    """
    pattern = re.compile(
        rf"(?<!\w){re.escape(text)}(?!\w)" if text.isascii() else re.escape(text), re.IGNORECASE
    )
    found = covered_words(prompt, (match.span() for match in pattern.finditer(prompt)))
    if not text.strip() or not found:
        raise InputError(f"{text!r} does not stand in the prompt {prompt!r}")
    return found

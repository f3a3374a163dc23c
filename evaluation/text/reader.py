"""What reads the text in images, and what it gives back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL.Image import Image

Corners = tuple[tuple[float, float], ...]
"""A polygon's corners (x, y) in pixels of the image, clockwise from the left above."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One image to read, 8-bit RGB. A reader that speaks says at most `longest` tokens."""

    image: Image
    longest: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text as it was read; `box` and `score` (0..1) are None from a reader that tells neither."""

    text: str
    score: float | None = None
    box: Corners | None = None


@dataclass(frozen=True, slots=True)
class ReadText:
    """All that was read in an image, in reading order; or the `problem` why nothing could be. `details` is
    JSON."""

    lines: tuple[Line, ...] = ()
    problem: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The lines below each other."""
        return "\n".join(line.text for line in self.lines)

    @classmethod
    def of_words(cls, text: str, details: Mapping[str, Any]) -> "ReadText":
        """Of what a reader says in one piece."""
        return cls(tuple(Line(line) for line in text.splitlines() if line.strip()), details=details)


class Reader(Protocol):
    """Reads the text in images.

    Implementations are plugins of the group nami_bench.text_readers: classes with an inner frozen dataclass
    `Options`; they load weights on first use.
    """

    speaks: bool
    """Whether what is read depends on a page's `longest`."""

    @property
    def identity(self) -> str:
        """Names everything that a reading depends on beside the image: weights' hash, version, settings."""
        ...

    @property
    def runs_on(self) -> Mapping[str, str]:
        """Its "device" and "dtype"; empty where that is not known."""
        ...

    @property
    def libraries(self) -> Sequence[str]:
        """The packages whose versions its readings depend on."""
        ...

    def read(self, pages: Iterable[Page]) -> Iterator[ReadText]:
        """Yield what is read on each page, in order; each as if it were the only one.

        Raises InputError where the reader cannot be loaded, WorkError where nothing further can be read; what
        was finished before is yielded first.
        """
        ...

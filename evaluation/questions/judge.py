"""What answers questions about images, and what it says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from PIL.Image import Image

from nami_bench.evaluation.questions.graph import Question


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One image and all that is asked about it, so that the image is encoded once.

    The image has 8 bits for each of R, G and B. Where `longest` is given, a judge that speaks says up to so
    many tokens, whatever its options are.
    """

    image: Image
    questions: tuple[Question, ...]
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge said to one question.

    `text` are its words, as decoded, whatever they are. `probability`, 0..1, is that of the question's
    expected answer, None from a judge that gives none. Where there is no answer, both are None and `problem`
    says why. `details` is JSON: "truncated" is true where the judge did not read the question to its end.
    """

    text: str | None = None
    probability: float | None = None
    problem: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Reading(StrEnum):
    """How an answer becomes a score."""

    EXACT = "exact"
    """1 for the very words of the expected answer, else 0: "Yes", "yes." and "yes yes" are no "yes"."""
    WORD = "word"
    """1 where the first word is the expected one, in whatever case and whatever stands around it."""
    PROBABILITY = "probability"
    """The probability of the expected answer."""


class Judge(Protocol):
    """Answers questions about images.

    Implementations are plugins of the group nami_bench.judges: classes with an inner frozen dataclass
    `Options`; they load weights on first use.
    """

    reading: Reading
    """How its answers become scores unless somebody says otherwise."""

    @property
    def identity(self) -> str:
        """Names everything that an answer depends on beside image and question: weights' hash, template,
        precision, search."""
        ...

    @property
    def runs_on(self) -> Mapping[str, str]:
        """Its "device" and "dtype"; empty where that is not known."""
        ...

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages whose versions its numbers depend on."""
        ...

    def answer(self, sheets: Iterable[Sheet]) -> Iterator[Sequence[Answer]]:
        """Yield one answer for each question of each sheet, in order.

        May read a few sheets ahead of the answers it gives. Questions of two sheets do not share a batch, so
        that an image gets the same answers whichever others are asked about beside it. Raises InputError
        where the judge cannot be loaded, WorkError where no further answer can be had; what was finished
        before is yielded first.
        """
        ...


def instrument(judge: Judge, reading: Reading) -> str:
    """Names the judge and how its answers are read."""
    return judge.identity if reading is Reading.EXACT else f"{judge.identity}+read-{reading}"

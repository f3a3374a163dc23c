"""What answers questions about images, and what it says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL.Image import Image

from nami_bench.evaluation.questions.graph import Question


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One image and all that is asked about it, so that the image is encoded once.

    The image has 8 bits for each of R, G and B.
    """

    image: Image
    questions: tuple[Question, ...]


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


class Judge(Protocol):
    """Answers questions about images.

    Implementations are plugins of the group nami_bench.judges: classes with an inner frozen dataclass
    `Options`; they load weights on first use.
    """

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

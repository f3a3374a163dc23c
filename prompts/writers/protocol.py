"""What a prompt writer is asked, and what it answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer's tokens are chosen: the likeliest ones at `temperature` 0, else drawn with `seed` (0 to
    2**31 - 1) from those that hold the likeliest `top_p` (0..1) of the probability; at most `max_tokens`."""

    temperature: float
    seed: int
    top_p: float = 0.9
    max_tokens: int = 400


@dataclass(frozen=True, slots=True)
class WritingRequest:
    """One image (8-bit RGB), the hex SHA-256 of its file, and what the model is told to write about it; or a
    text alone, the instruction with what it is about, and then `subject` is the SHA-256 of that."""

    image: Image | None
    subject: str
    instruction: str
    sampling: Sampling


class AnswerState(StrEnum):
    """DONE: the model said something. REFUSED: a content filter said no. FAILED: nothing was had."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    `text`: the model's words as they are, special tokens left out. `finished`: the model ended by itself,
    not at `max_tokens`. `reason`: in one sentence, why there is no text. `details`: JSON values that are kept
    with the prompt but do not decide it (what a server says of its model, versions).
    """

    request: WritingRequest
    state: AnswerState = AnswerState.DONE
    text: str = ""
    finished: bool = True
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class PromptWriter(Protocol):
    """A vision-language model, registered in the entry-point group `nami_bench.prompt_writers`.

    One that cannot be asked without an image raises InputError for such a request.

    Implementations are classes whose constructor takes an inner frozen dataclass `Options`. Constructing one
    loads nothing heavy and asks nobody.
    """

    def describe(self) -> Mapping[str, Any]:
        """All that decides what is written, as JSON values: the model, what identifies its weights ...

        Answers under another description are never taken up again.
        """
        ...

    def write(self, requests: Iterable[WritingRequest]) -> Iterator[Answer]:
        """Yield one answer for each request, in any order; the requests are made as they are drawn.

        A request that brings nothing is an answer too (FAILED). Raises InputError where the model cannot be
        loaded, WorkError where no further answer can be had; what other requests brought is yielded before.
        """
        ...

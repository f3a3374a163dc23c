"""Asking a writer about one thing after another until each has an answer that passes.

Who is still to be asked follows from the journal of answers, the review and the number of tries; so a run
that was killed goes on where it was.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, Protocol, TypeVar

from PIL.Image import Image

from nami_bench.errors import ImageError, InputError
from nami_bench.prompts.writers.instruction import Instruction
from nami_bench.prompts.writers.journal import Attempt, Journal
from nami_bench.prompts.writers.protocol import Answer, AnswerState, PromptWriter, Sampling, WritingRequest

RETRY_TEMPERATURE = 0.7
"""An answer to the same question with temperature 0 would be the same; retries are drawn at least at this."""


@dataclass(frozen=True, slots=True)
class Question:
    """What decides the answers, beside the writer: the instruction, the seed that every answer's own seed
    follows from (0 or more), the temperature (0 to 2) of first answers, and the most tokens of an answer.
    Raises InputError."""

    instruction: Instruction
    seed: int = 0
    temperature: float = 0.0
    max_tokens: int = 400

    def __post_init__(self) -> None:
        if self.seed < 0 or not 0 <= self.temperature <= 2:
            raise InputError("the seed must be 0 or more and the temperature between 0 and 2")

    def sampling(self, subject: str, attempt: int) -> Sampling:
        """How attempt number `attempt` (from 1) at a subject is made; another one has another seed."""
        digest = hashlib.sha256(f"{self.seed}/{subject}/{attempt}".encode()).digest()
        warmth = self.temperature if attempt == 1 else self.retry_temperature
        return Sampling(warmth, int.from_bytes(digest[:4], "big") >> 1, max_tokens=self.max_tokens)

    @property
    def retry_temperature(self) -> float:
        """That of all answers but the first."""
        return max(self.temperature, RETRY_TEMPERATURE)

    def to_json(self, writer: PromptWriter) -> dict[str, Any]:
        """What a journal's answers have in common."""
        fixed = Sampling(self.temperature, self.seed, max_tokens=self.max_tokens)
        instruction = {"version": self.instruction.version, "sha256": self.instruction.sha256}
        return {"writer": dict(writer.describe()), "instruction": instruction, **asdict(fixed)}


class Reviewed(Protocol):
    """What a review makes of an answer; `rejected` says why it does not pass, None where it does."""

    @property
    def rejected(self) -> str | None: ...


R = TypeVar("R", bound=Reviewed)

Message = tuple[Image | None, str]
"""The image, if there is one, and the text that a writer is given."""


class Asking(Generic[R]):
    """One run. `asked` counts its answers; `failures` says, by subject, why it brought none.

    `subjects`: by hex SHA-256 of what is asked about, in order, what makes its message; an ImageError of it
    is a failure. `review` is asked often for the same attempt. A subject is asked about until an answer
    passes, at most `tries` times in all runs together.
    """

    def __init__(
        self,
        subjects: Mapping[str, Callable[[], Message]],
        writer: PromptWriter,
        question: Question,
        journal: Journal,
        review: Callable[[Attempt], R],
        tries: int,
    ) -> None:
        """`journal` is open."""
        self.writer, self.question, self.journal, self.tries = writer, question, journal, tries
        self.asked = 0
        self.failures: dict[str, str] = {}
        self._subjects, self._review = subjects, review

    def ask(self, advance: Callable[[int], None]) -> None:
        """Ask until every subject has an answer, its tries, or a failure; `advance(n)` is called when n more
        are done with. What is answered is kept at once, also where an error ends the work."""
        for _ in range(self.tries):
            subjects = self.open_subjects()
            if not subjects:
                break
            for answer in self.writer.write(self._requests(subjects, advance)):
                self._keep(answer)
                advance(int(not self._is_open(answer.request.subject)))

    def open_subjects(self) -> list[str]:
        """Those of which another answer is wanted, in order."""
        return [subject for subject in self._subjects if self._is_open(subject)]

    def reviewed(self, subject: str) -> list[tuple[Attempt, R]]:
        """The answers that count: up to the first that passes, and no more than `tries`."""
        found = []
        for attempt in self.journal.attempts.get(subject, [])[: self.tries]:
            found.append((attempt, self._review(attempt)))
            if found[-1][1].rejected is None:
                break
        return found

    def _is_open(self, subject: str) -> bool:
        tried = self.reviewed(subject)
        done = bool(tried) and tried[-1][1].rejected is None
        return not done and len(tried) < self.tries and subject not in self.failures

    def _requests(self, subjects: list[str], advance: Callable[[int], None]) -> Iterator[WritingRequest]:
        for subject in subjects:
            try:
                image, text = self._subjects[subject]()
            except ImageError as error:
                self.failures[subject] = str(error)
                advance(1)
                continue
            sampling = self.question.sampling(subject, len(self.reviewed(subject)) + 1)
            yield WritingRequest(image, subject, text, sampling)

    def _keep(self, answer: Answer) -> None:
        request = answer.request
        if answer.state is AnswerState.FAILED:
            self.failures[request.subject] = str(answer.reason)
            return
        self.asked += 1
        self.journal.append(
            Attempt(
                subject=request.subject,
                number=len(self.reviewed(request.subject)) + 1,
                seed=request.sampling.seed,
                temperature=request.sampling.temperature,
                text=answer.text,
                finished=answer.finished,
                refused=str(answer.reason) if answer.state is AnswerState.REFUSED else None,
                details=dict(answer.details),
            )
        )

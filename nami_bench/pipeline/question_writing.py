"""Questions about a set's prompts, written by a language model."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from nami_bench.domain import Prompt
from nami_bench.evaluation.questions.decomposition import (
    INSTRUCTION,
    INSTRUCTION_VERSION,
    RULES,
    Decomposition,
    read_decomposition,
)
from nami_bench.evaluation.questions.graph import Item
from nami_bench.evaluation.questions.question_file import text_sha256
from nami_bench.prompts.writers.asking import Asking, Message, Question
from nami_bench.prompts.writers.instruction import Instruction, load_instruction
from nami_bench.prompts.writers.journal import Attempt, Journal
from nami_bench.prompts.writers.protocol import PromptWriter
from nami_bench.prompts.writers.review import without_thoughts

MAX_TOKENS = 4096
"""Of one answer: a long prompt has some forty questions of sixty tokens each."""

QUESTION_GRAPH = Instruction(INSTRUCTION_VERSION, INSTRUCTION)
"""The instruction that is given unless another one is named; the prompt follows it."""


def decomposition_question(instruction: Path | None, seed: int, temperature: float) -> Question:
    """What a writer is asked, by the instruction in a file or, without one, by ours; raises InputError."""
    return Question(load_instruction(instruction, QUESTION_GRAPH), seed, temperature, MAX_TOKENS)


@dataclass(frozen=True, slots=True)
class WithoutQuestions:
    """A prompt that got none. `reason`: a failure, or for each rejected answer what was wrong with it."""

    id: str
    prompt: str
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True)
class WrittenQuestions:
    """What a run amounts to so far. `rejected` counts answers by the keys of RULES; `remaining` prompts were
    not asked about often enough yet."""

    items: tuple[Item, ...]
    without: tuple[WithoutQuestions, ...]
    rejected: Counter[str]
    remaining: int

    @property
    def failed(self) -> tuple[WithoutQuestions, ...]:
        """Those that a later run tries again."""
        return tuple(one for one in self.without if one.failed)

    def to_json(self) -> dict[str, Any]:
        """Counts, and every prompt without questions, as plain values."""
        return {
            "written": len(self.items),
            "questions": sum(len(item.questions) for item in self.items),
            "dropped": len(self.without) - len(self.failed),
            "failed": len(self.failed),
            "remaining": self.remaining,
            "rejected_answers": dict(sorted(self.rejected.items())),
            "without_questions": [asdict(one) for one in self.without],
        }


class QuestionWriting:
    """One run over `prompts`: `ask` brings the answers, `written` is what they amount to at any time.

    A text that several prompts have is asked about once. An answer that is not a sound graph is asked for
    again, with another seed, at most `tries` times in all runs together.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        writer: PromptWriter,
        question: Question,
        journal: Journal,
        tries: int,
    ) -> None:
        """`journal` is open."""
        self.prompts = prompts
        subjects = {text_sha256(prompt.text): partial(self._message, prompt) for prompt in prompts}
        self._asking = Asking(subjects, writer, question, journal, _review, tries)

    @property
    def asked(self) -> int:
        """How many answers this run brought."""
        return self._asking.asked

    def ask(self, advance: Callable[[int], None] = lambda count: None) -> None:
        """Ask until every text has questions, its tries, or a failure; `advance(n)` is called when n more of
        `texts` are done with. What is answered is kept at once, also where an error ends the work."""
        advance(self.texts - len(self._asking.open_subjects()))
        self._asking.ask(advance)

    @property
    def texts(self) -> int:
        """How many different texts the prompts have."""
        return len({prompt.text for prompt in self.prompts})

    def written(self) -> WrittenQuestions:
        """The items in the order of the prompts, called as they are, and what became of the others."""
        items: list[Item] = []
        without: list[WithoutQuestions] = []
        rejected: dict[str, list[Decomposition]] = {}
        remaining = 0
        for prompt in self.prompts:
            subject = text_sha256(prompt.text)
            tried = self._asking.reviewed(subject)
            rejected[subject] = [found for _, found in tried if found.rejected is not None]
            if tried and tried[-1][1].rejected is None:
                items.append(self._item(prompt, *tried[-1]))
            elif subject in self._asking.failures:
                reason = self._asking.failures[subject]
                without.append(WithoutQuestions(prompt.id, prompt.text, reason, failed=True))
            elif len(tried) == self._asking.tries:
                reason = "; ".join(found.problem for found in rejected[subject])
                without.append(WithoutQuestions(prompt.id, prompt.text, reason, failed=False))
            else:
                remaining += 1
        kinds = Counter(str(found.rejected) for of_text in rejected.values() for found in of_text)
        return WrittenQuestions(tuple(items), tuple(without), kinds, remaining)

    def _message(self, prompt: Prompt) -> Message:
        return None, f"{self._asking.question.instruction.text}\n\nThe prompt:\n{prompt.text}"

    def _item(self, prompt: Prompt, attempt: Attempt, found: Decomposition) -> Item:
        asked = self._asking.journal.asked
        return Item(
            prompt.id,
            prompt.text,
            found.questions,
            {
                "writer": asked["writer"],
                "instruction": asked["instruction"],
                "attempts": attempt.number,
                "seed": attempt.seed,
                "temperature": attempt.temperature,
                "details": dict(attempt.details),
            },
        )


def _review(attempt: Attempt) -> Decomposition:
    if attempt.refused is not None:
        return Decomposition(rejected="refused", problem=f"{RULES['refused']}: {attempt.refused}")
    return _read(without_thoughts(attempt.text), attempt.finished)


_read = lru_cache(maxsize=4096)(read_decomposition)
"""The same answers are looked at several times in a run."""

"""From a folder of images to a prompt set: who is still to be asked, what is kept, what is dropped and why.

All of it follows from the journal of answers and the options; so a run that was killed goes on where it was,
and ends in the same file.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from nami_bench import __version__
from nami_bench.domain import Prompt, PromptSet, prompt_id
from nami_bench.errors import ImageError, InputError
from nami_bench.images import read_image
from nami_bench.prompts.duplicates import EXACT_RULE, NEAR_DUPLICATES, NEAR_RULE, DuplicateIndex
from nami_bench.prompts.protocol import Candidate
from nami_bench.prompts.writers.folder import SourceImage
from nami_bench.prompts.writers.instruction import Instruction
from nami_bench.prompts.writers.journal import Attempt, Journal
from nami_bench.prompts.writers.protocol import Answer, AnswerState, PromptWriter, Sampling, WritingRequest
from nami_bench.prompts.writers.review import RULES, Draft, Limits, review

RETRY_TEMPERATURE = 0.7
"""An answer to the same question with temperature 0 would be the same; retries are drawn at least at this."""

STRATUM = "long"
MANIFEST_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Question:
    """What decides the answers, beside the writer: the instruction, the seed that every answer's own seed
    follows from (0 or more), and the temperature (0 to 2) of first answers. Raises InputError."""

    instruction: Instruction
    seed: int = 0
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if self.seed < 0 or not 0 <= self.temperature <= 2:
            raise InputError("the seed must be 0 or more and the temperature between 0 and 2")

    def sampling(self, image_sha256: str, attempt: int) -> Sampling:
        """How attempt number `attempt` (from 1) at an image is made; another one has another seed."""
        digest = hashlib.sha256(f"{self.seed}/{image_sha256}/{attempt}".encode()).digest()
        warmth = self.temperature if attempt == 1 else max(self.temperature, RETRY_TEMPERATURE)
        return Sampling(warmth, int.from_bytes(digest[:4], "big") >> 1)

    def to_json(self, writer: PromptWriter) -> dict[str, Any]:
        """What a journal's answers have in common."""
        fixed = Sampling(self.temperature, self.seed)
        instruction = {"version": self.instruction.version, "sha256": self.instruction.sha256}
        return {"writer": dict(writer.describe()), "instruction": instruction, **asdict(fixed)}


class LongPromptRun:
    """One run over `images`: `ask` brings the answers, `prompt_set` is what they amount to at any time.

    An image is asked about until an answer passes `limits`, at most `tries` times in all runs together. The
    same image under two names is asked about once.
    """

    def __init__(
        self,
        name: str,
        images: Sequence[SourceImage],
        writer: PromptWriter,
        question: Question,
        journal: Journal,
        limits: Limits,
        tries: int,
    ) -> None:
        """`name`: of the prompt set. `journal` is open."""
        self.name, self.images, self.writer, self.question = name, images, writer, question
        self.journal, self.limits, self.tries = journal, limits, tries
        self.asked = 0
        self.failures = {image.name: image.problem for image in images if image.problem is not None}
        self._unique = {image.sha256: image for image in reversed(images) if image.sha256 is not None}

    def ask(self, advance: Callable[[int], None] = lambda count: None) -> None:
        """Ask until every image has a prompt, has had its tries, or has failed; `advance(n)` is called when n
        more are done with. What is answered is kept at once, also where an error ends the work."""
        advance(len(self.images) - len(self._open_images()))
        for _ in range(self.tries):
            open_images = self._open_images()
            if not open_images:
                break
            for answer in self.writer.write(self._requests(open_images, advance)):
                self._keep(answer)
                advance(int(not self._is_open(self._unique[answer.request.image_sha256])))

    def prompt_set(self) -> PromptSet:
        """The prompts in the order of their images' names, near duplicates dropped, with the manifest."""
        ledger = _Ledger()
        for image in self.images:
            if image.name in self.failures:
                ledger.failed.append({"image": image.name, "reason": str(self.failures[image.name])})
            elif (first := self._unique[str(image.sha256)]) is not image:
                ledger.drop(image, "same image", {"as": first.name})
            else:
                self._settle(image, ledger)
        found = PromptSet(self.name, tuple(ledger.prompts))
        return PromptSet(self.name, found.prompts, self._manifest(found, ledger))

    def _settle(self, image: SourceImage, ledger: "_Ledger") -> None:
        tried = [(attempt, self._draft(attempt)) for attempt in self._attempts(image)]
        rejected = [str(draft.rejected) for _, draft in tried if draft.rejected is not None]
        ledger.rejected.update(rejected)
        if tried and tried[-1][1].rejected is None:
            attempt, draft = tried[-1]
            ledger.take(image, attempt, draft, rejected)
        elif len(tried) == self.tries:
            ledger.drop(image, rejected[-1], {"answers": rejected})
        else:
            ledger.remaining += 1

    def _open_images(self) -> list[SourceImage]:
        return [image for image in self._unique.values() if self._is_open(image)][::-1]

    def _is_open(self, image: SourceImage) -> bool:
        """Whether another answer about the image is wanted."""
        attempts = self._attempts(image)
        done = bool(attempts) and self._draft(attempts[-1]).rejected is None
        return not done and len(attempts) < self.tries and image.name not in self.failures

    def _attempts(self, image: SourceImage) -> list[Attempt]:
        """The answers that count: up to the first that passes, and no more than `tries`."""
        attempts = self.journal.attempts.get(str(image.sha256), [])[: self.tries]
        good = (at for at, attempt in enumerate(attempts) if self._draft(attempt).rejected is None)
        return attempts[: next(good, self.tries) + 1]

    def _draft(self, attempt: Attempt) -> Draft:
        if attempt.refused is not None:
            return Draft("", "refusal")
        return _review(attempt.text, attempt.finished, self.limits)

    def _requests(
        self, images: Sequence[SourceImage], advance: Callable[[int], None]
    ) -> Iterator[WritingRequest]:
        for image in images:
            sha256 = str(image.sha256)
            try:
                picture = read_image(image.path)
            except ImageError as error:
                self.failures[image.name] = str(error)
                advance(1)
                continue
            sampling = self.question.sampling(sha256, len(self._attempts(image)) + 1)
            yield WritingRequest(picture, sha256, self.question.instruction.text, sampling)

    def _keep(self, answer: Answer) -> None:
        request = answer.request
        image = self._unique[request.image_sha256]
        if answer.state is AnswerState.FAILED:
            self.failures[image.name] = str(answer.reason)
            return
        self.asked += 1
        self.journal.append(
            Attempt(
                image=request.image_sha256,
                number=len(self._attempts(image)) + 1,
                seed=request.sampling.seed,
                temperature=request.sampling.temperature,
                text=answer.text,
                finished=answer.finished,
                refused=str(answer.reason) if answer.state is AnswerState.REFUSED else None,
                details=dict(answer.details),
            )
        )

    def _manifest(self, prompt_set: PromptSet, ledger: "_Ledger") -> dict[str, Any]:
        instruction = self.question.instruction
        return {
            "format": MANIFEST_FORMAT,
            "name": self.name,
            "sha256": prompt_set.sha256,
            "nami_bench": __version__,
            **self.journal.asked,
            "instruction": {**self.journal.asked["instruction"], "text": instruction.text},
            "retry_temperature": max(self.question.temperature, RETRY_TEMPERATURE),
            "tries": self.tries,
            **asdict(self.limits),
            "counts": ledger.counts(len(self.images)),
            "rules": {**RULES, "duplicate": EXACT_RULE, "near duplicate": NEAR_RULE},
            "near_duplicates": NEAR_DUPLICATES,
            "prompts": ledger.provenance,
            "dropped": ledger.dropped,
            "failed": ledger.failed,
        }


class _Ledger:
    """What became of the images, in their order."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.provenance: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self.rejected: Counter[str] = Counter()
        self.remaining = 0
        self._index = DuplicateIndex(NEAR_DUPLICATES)

    def take(self, image: SourceImage, attempt: Attempt, draft: Draft, rejected: Sequence[str]) -> None:
        """Add a prompt, unless it repeats an earlier one."""
        candidate = Candidate(draft.text)
        if repeats := self._index.reason(candidate):
            self.drop(image, repeats, {"prompt": draft.text})
            return
        self._index.add(candidate)
        number = prompt_id(len(self.prompts))
        self.prompts.append(Prompt(number, draft.text, STRATUM, "write-long"))
        self.provenance.append(
            {
                "id": number,
                "image": image.name,
                "image_sha256": attempt.image,
                "attempts": attempt.number,
                "seed": attempt.seed,
                "temperature": attempt.temperature,
                "rejected": list(rejected),
                "opening_cut": draft.opening_cut,
                "shortened": draft.shortened,
                "details": dict(attempt.details),
            }
        )

    def drop(self, image: SourceImage, reason: str, more: Mapping[str, Any]) -> None:
        """Say why an image has no prompt."""
        self.dropped.append({"image": image.name, "image_sha256": image.sha256, "reason": reason, **more})

    def counts(self, images: int) -> dict[str, Any]:
        """Of `images` images, and of rejected answers."""
        return {
            "images": images,
            "written": len(self.prompts),
            "dropped": dict(sorted(Counter(row["reason"] for row in self.dropped).items())),
            "failed": len(self.failed),
            "remaining": self.remaining,
            "openings_cut": sum(row["opening_cut"] for row in self.provenance),
            "shortened": sum(row["shortened"] for row in self.provenance),
            "rejected_answers": dict(sorted(self.rejected.items())),
        }


_review = lru_cache(maxsize=4096)(review)
"""The same answers are looked at several times in a run."""

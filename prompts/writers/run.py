"""From a folder of images to a prompt set: what is kept, what is dropped and why.

All of it follows from the journal of answers and the options; so a run that was killed ends in the same file.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

from nami_bench import __version__
from nami_bench.domain import Prompt, PromptSet, prompt_id
from nami_bench.images import read_image
from nami_bench.prompts.duplicates import EXACT_RULE, NEAR_DUPLICATES, NEAR_RULE, DuplicateIndex
from nami_bench.prompts.protocol import Candidate
from nami_bench.prompts.writers.asking import Asking, Message, Question
from nami_bench.prompts.writers.folder import SourceImage
from nami_bench.prompts.writers.journal import Attempt, Journal
from nami_bench.prompts.writers.protocol import PromptWriter
from nami_bench.prompts.writers.review import RULES, Draft, Limits, review

STRATUM = "long"
MANIFEST_FORMAT = 1


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
        self.name, self.images, self.limits = name, images, limits
        self._unique = {image.sha256: image for image in reversed(images) if image.sha256 is not None}
        subjects = {
            image.sha256: partial(self._message, image)
            for image in images
            if image.sha256 is not None and self._unique[image.sha256] is image
        }
        self._asking = Asking(subjects, writer, question, journal, self._draft, tries)

    @property
    def asked(self) -> int:
        """How many answers this run brought."""
        return self._asking.asked

    def ask(self, advance: Callable[[int], None] = lambda count: None) -> None:
        """Ask until every image has a prompt, has had its tries, or has failed; `advance(n)` is called when n
        more are done with. What is answered is kept at once, also where an error ends the work."""
        advance(len(self.images) - len(self._asking.open_subjects()))
        self._asking.ask(advance)

    def prompt_set(self) -> PromptSet:
        """The prompts in the order of their images' names, near duplicates dropped, with the manifest."""
        ledger = _Ledger()
        for image in self.images:
            sha256 = str(image.sha256)
            if image.problem is not None:
                ledger.fail(image, image.problem)
            elif (first := self._unique[sha256]) is not image:
                ledger.drop(image, "same image", {"as": first.name})
            elif sha256 in self._asking.failures:
                ledger.fail(image, self._asking.failures[sha256])
            else:
                self._settle(image, ledger)
        found = PromptSet(self.name, tuple(ledger.prompts))
        return PromptSet(self.name, found.prompts, self._manifest(found, ledger))

    def _settle(self, image: SourceImage, ledger: "_Ledger") -> None:
        tried = self._asking.reviewed(str(image.sha256))
        rejected = [str(draft.rejected) for _, draft in tried if draft.rejected is not None]
        ledger.rejected.update(rejected)
        if tried and tried[-1][1].rejected is None:
            attempt, draft = tried[-1]
            ledger.take(image, attempt, draft, rejected)
        elif len(tried) == self._asking.tries:
            ledger.drop(image, rejected[-1], {"answers": rejected})
        else:
            ledger.remaining += 1

    def _message(self, image: SourceImage) -> Message:
        return read_image(image.path), self._asking.question.instruction.text

    def _draft(self, attempt: Attempt) -> Draft:
        if attempt.refused is not None:
            return Draft("", "refusal")
        return _review(attempt.text, attempt.finished, self.limits)

    def _manifest(self, prompt_set: PromptSet, ledger: "_Ledger") -> dict[str, Any]:
        question, asked = self._asking.question, self._asking.journal.asked
        return {
            "format": MANIFEST_FORMAT,
            "name": self.name,
            "sha256": prompt_set.sha256,
            "nami_bench": __version__,
            **asked,
            "instruction": {**asked["instruction"], "text": question.instruction.text},
            "retry_temperature": question.retry_temperature,
            "tries": self._asking.tries,
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
                "image_sha256": attempt.subject,
                "attempts": attempt.number,
                "seed": attempt.seed,
                "temperature": attempt.temperature,
                "rejected": list(rejected),
                "opening_cut": draft.opening_cut,
                "shortened": draft.shortened,
                "details": dict(attempt.details),
            }
        )

    def fail(self, image: SourceImage, reason: str) -> None:
        """Say why an image could not be asked about."""
        self.failed.append({"image": image.name, "reason": reason})

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

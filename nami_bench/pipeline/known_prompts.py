"""The prompts that a new one must differ from: those that ship, those recorded, those proposed before."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nami_bench.domain import PromptSubmission, SubmissionState

if TYPE_CHECKING:
    from nami_bench.store import Store


class Origin(StrEnum):
    """Where a known prompt is from."""

    PUBLIC = "public"
    """A source that is on this machine for everybody, such as the embedded prompts."""
    RECORDED = "recorded"
    """A prompt set of this workspace."""
    ACCEPTED = "accepted"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class KnownPrompt:
    """`name` is the source's or set's name, or the submission's id; `author` is a submission's."""

    text: str
    origin: Origin
    name: str
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The known prompt most like a text; `similarity` is that of `nami_bench.prompts.duplicates`, 1 for equal
    texts."""

    prompt: KnownPrompt
    similarity: float


class _Shelf:
    def __init__(self, prompts: Iterable[KnownPrompt]) -> None:
        from nami_bench.prompts.duplicates import NEAR_DUPLICATES, DuplicateIndex
        from nami_bench.prompts.protocol import Candidate

        self.prompts = tuple(prompts)
        self._places = {prompt.name: at for at, prompt in enumerate(self.prompts)}
        self.index: DuplicateIndex = DuplicateIndex(NEAR_DUPLICATES)
        for prompt in self.prompts:
            self.index.add(Candidate(prompt.text))

    def nearest(self, text: str, leaving_out: str | None) -> Neighbour | None:
        left_out = None if leaving_out is None else self._places.get(leaving_out)
        found = self.index.nearest(text, left_out)
        return None if found is None else Neighbour(self.prompts[found[0]], found[1])


class KnownPrompts:
    """Looks texts up among the known prompts, follows the store as it changes; safe between threads."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._lock = threading.Lock()
        self._shelves: dict[str, tuple[Any, _Shelf]] = {}

    def nearest(
        self, text: str, *, with_pending: bool = True, leaving_out: str | None = None
    ) -> Neighbour | None:
        """The prompt most like `text`, or None where none shares three words in a row with it.

        `with_pending`: submissions that wait count too, but for the one with the id `leaving_out`.
        """
        with self._lock:
            shelves = [self._sets(), self._submissions(SubmissionState.ACCEPTED)]
            if with_pending:
                shelves.append(self._submissions(SubmissionState.PENDING))
        found = [near for shelf in shelves if (near := shelf.nearest(text, leaving_out)) is not None]
        return max(found, key=lambda near: near.similarity, default=None)

    def _sets(self) -> _Shelf:
        return self._shelf("sets", self._store.catalog.prompt_set_hashes(), lambda: _published(self._store))

    def _submissions(self, state: SubmissionState) -> _Shelf:
        # Ids are never used again and decisions never taken back: equal counts are equal submissions.
        counts = self._store.proposals.count()
        return self._shelf(state.value, counts, lambda: map(_known, self._store.proposals.all(state)))

    def _shelf(self, name: str, version: Any, read: Any) -> _Shelf:
        if name not in self._shelves or self._shelves[name][0] != version:
            self._shelves[name] = (version, _Shelf(read()))
        return self._shelves[name][1]


def _published(store: "Store") -> list[KnownPrompt]:
    """The prompts of every source that needs nothing, and of every recorded set; each text once."""
    from nami_bench.prompts.protocol import Availability
    from nami_bench.prompts.sources import all_sources

    found: dict[str, KnownPrompt] = {}
    for source in all_sources():
        if source.availability is Availability.HERE:
            for candidate in source.load().candidates:
                found.setdefault(candidate.text, KnownPrompt(candidate.text, Origin.PUBLIC, source.name))
    for prompt_set in store.catalog.prompt_sets():
        for prompt in prompt_set.prompts:
            found.setdefault(prompt.text, KnownPrompt(prompt.text, Origin.RECORDED, prompt_set.name))
    return list(found.values())


def _known(submission: PromptSubmission) -> KnownPrompt:
    return KnownPrompt(
        submission.final_text, Origin(submission.state.value), submission.id, submission.author
    )

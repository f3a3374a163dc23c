"""What the pipeline asks of an automatic metric, and what it gets back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nami_bench.domain import Prompt


@dataclass(frozen=True, slots=True)
class ScoringItem:
    """One image on disk and the prompt it was made for."""

    path: Path
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class ScoringResult:
    """One value, or the reason why the image has none. `details` is JSON."""

    item: ScoringItem
    value: float | None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Metric(Protocol):
    """A metric that gives one value for each image.

    Implementations are classes with an inner frozen dataclass `Options`; they load weights on first use.
    """

    name: str
    """Name of the score, as in the leaderboard."""

    @property
    def instrument(self) -> str:
        """Names everything the value depends on beside the image: detector, weights' hash, version."""
        ...

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether images of this prompt can be scored (GenEval needs clauses)."""
        ...

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; an unreadable image is a result with a reason."""
        ...

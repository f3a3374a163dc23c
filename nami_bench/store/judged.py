"""One judgement that is to be recorded, and what stands of an item."""

from dataclasses import dataclass
from datetime import UTC, datetime

from nami_bench.domain import Comparison, Ranking, Rating
from nami_bench.store.sides import Sides, as_seen

Place = tuple[int, int]
"""The numbers of an annotator and an item."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One judgement, its names looked up: the annotator's number, the criterion's, and what was judged.

    `made` is the value that it came from.
    """

    annotator_id: int
    criterion_id: int
    image_id: int
    item_id: int
    answer: float | str | None
    reason: str | None
    made: Rating | Comparison | Ranking
    sides: Sides = False
    position: int | None = None

    @property
    def place(self) -> Place:
        """Whose judgement of what."""
        return self.annotator_id, self.item_id


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of one annotator's judgement of an item by one criterion."""

    revision: int
    answer: float | str | None
    reason: str | None
    sides: Sides
    duration_ms: int | None
    created_at: datetime

    @classmethod
    def after(cls, before: "Standing | None", one: Judgement) -> "Standing":
        """What stands once `one` is recorded; a correction keeps the time that the item itself took."""
        return cls(
            0 if before is None else before.revision + 1,
            one.answer,
            one.reason,
            one.sides,
            one.made.duration_ms if before is None else before.duration_ms,
            one.made.created_at or datetime.now(UTC),
        )

    def says(self, answer: float | str | None, reason: str | None, sides: Sides) -> bool:
        """Whether that is the same judgement, wherever the images stood."""
        return self.reason == reason and self.answer == as_seen(answer, sides, self.sides)

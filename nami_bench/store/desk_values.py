"""What a `Desk` takes and gives: rows of annotation work as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nami_bench.domain import CheckKind
from nami_bench.store.annotation_tables import STUDY_KIND
from nami_bench.store.sides import Sides, sides_of


@dataclass(frozen=True, slots=True)
class Member:
    """An annotator in a study: `shown` and `done` count items of the work itself."""

    id: int
    annotator_id: int
    shown: int
    done: int
    day: str
    done_before_day: int
    qualified: bool
    paused: str | None
    checked_from: int

    @property
    def how_far(self) -> dict[str, Any]:
        """What changes as the annotator goes on, by column."""
        return {name: getattr(self, name) for name in ("shown", "done", "day", "done_before_day")}

    def done_on(self, day: str) -> int:
        """Items done on a day, which must not lie before the last completion."""
        return self.done - self.done_before_day if day == self.day else 0


@dataclass(frozen=True, slots=True)
class Guest:
    """A participant, who came into the study by themselves, in one transaction; see `ParticipantRow`."""

    id: int
    agreed_sha256: str
    answered_at: datetime | None
    holds_until: datetime | None
    rejoined_at: datetime | None
    way_out: str | None
    open_way_out: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """An item in an annotator's hands, or one that was."""

    id: int
    token: str
    study_id: int
    member_id: int
    item_id: int
    kind: str
    occasion: int
    state: str
    swapped: bool
    arrangement: str | None
    position: int
    assigned_at: datetime
    expires_at: datetime
    passed: bool | None
    image_id: int
    other_image_id: int | None
    withdrawn: bool
    prompt: str
    prompt_id: str

    @property
    def sides(self) -> Sides:
        """How the images stand on the screen."""
        return sides_of(self.swapped, self.arrangement)

    @property
    def images(self) -> int:
        """How many there are."""
        if self.arrangement is not None:
            return len(self.arrangement)
        return 1 if self.other_image_id is None else 2

    @property
    def counts(self) -> bool:
        """Whether the study counts the answer: not that to a check or a repetition."""
        return self.kind == STUDY_KIND and self.occasion == 0

    @property
    def is_work(self) -> bool:
        """Whether it belongs to the work itself, not to what comes before it."""
        return self.kind in (STUDY_KIND, CheckKind.GOLD)


@dataclass(frozen=True, slots=True)
class Sent:
    """One submission: what was answered, and how long it took."""

    id: int
    assignment_id: int
    client_token: str
    revision: int
    answers: dict[str, Any]
    flag: bool
    comment: str
    duration_ms: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedItem:
    """What deciding on the next item needs to know of one."""

    id: int
    kind: str
    cell: str
    position: int
    models: tuple[str, ...]
    prompt_id: str
    sample: int
    expected: dict[str, Any] | None
    feedback: dict[str, str]
    image_id: int
    other_image_id: int | None
    prompt: str
    calibration: bool


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a study can still ask for: `items` asked about, those of them that are `full`, judgements `taken`,
    and how many are `left` to be given beside those of the calibration block."""

    items: int
    full: int
    taken: int
    left: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One criterion's outcome for a pair."""

    id: int
    item_id: int
    annotator_id: int
    cell: str
    criterion: str
    swapped: bool
    outcome: str | None

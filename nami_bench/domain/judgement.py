"""What comes out of annotation work beside ratings: comparisons, answers to planted items, flags, events.

Frozen values like those of `nami_bench.domain`, which hands them on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nami_bench.domain.image import ImageRecord
from nami_bench.domain.prompt import Prompt
from nami_bench.domain.study import Outcome
from nami_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class Rating:
    """One annotator's value for one criterion of one image, on the criterion's own scale.

    `value` is None, with a `reason`, where the annotator could not judge: a missing value,
    never a zero.
    """

    study: str
    annotator: str
    model: str
    prompt_id: str
    sample: int
    criterion: str
    value: float | None
    reason: str | None = None
    duration_ms: int | None = None
    created_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise InputError(
                f"rating of {self.criterion} by {self.annotator!r}: give a value, or a reason for having none"
            )


@dataclass(frozen=True, slots=True)
class Assignment:
    """One item shown to one annotator; `token` is the opaque handle the browser sees.

    `images` stand from left to right, and row by row; there is one in rating mode. `kind` is study, training,
    qualification, gold or repeat; `state` is open, expired or completed.
    """

    token: str
    study: str
    annotator: str
    kind: str
    state: str
    images: tuple[ImageRecord, ...]
    prompt: Prompt
    assigned_at: datetime

    @property
    def image(self) -> ImageRecord:
        """The image, or the left one."""
        return self.images[0]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One annotator's verdict on two images of one prompt, by one criterion.

    `left` and `right` are the models as they stood on the screen; `outcome` is None, with a `reason`,
    where the annotator could not judge. `position` counts the items of this annotator from 1 on.

    Votes made elsewhere say more: `left_sample` and `right_sample`, where the two images are not both
    `sample`; `repeat`, how often the same person had judged this pair before; `count`, as how many votes of
    as many voters it counts; and `weight`, how much each of these counts.
    """

    study: str
    annotator: str
    prompt_id: str
    sample: int
    criterion: str
    left: str
    right: str
    outcome: Outcome | None
    reason: str | None = None
    position: int | None = None
    duration_ms: int | None = None
    created_at: datetime | None = None
    left_sample: int | None = None
    right_sample: int | None = None
    repeat: int = 0
    count: int = 1
    weight: float = 1.0

    def __post_init__(self) -> None:
        if (self.outcome is None) == (self.reason is None):
            raise InputError(
                f"comparison of {self.criterion} by {self.annotator!r}: give an outcome, "
                "or a reason for having none"
            )

    @property
    def samples(self) -> tuple[int, int]:
        """Which images of their models and the prompt the left and the right one are."""
        left, right = self.left_sample, self.right_sample
        return self.sample if left is None else left, self.sample if right is None else right

    @property
    def is_plain(self) -> bool:
        """Whether it says no more than a study's verdict: one vote on two images of one sample."""
        left, right = self.samples
        return left == right == self.sample and (self.repeat, self.count, self.weight) == (0, 1, 1.0)

    @property
    def winner(self) -> str | None:
        """The preferred model, None where neither was."""
        return (
            {Outcome.LEFT: self.left, Outcome.RIGHT: self.right}.get(self.outcome) if self.outcome else None
        )


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """An answer that the study does not count: to an item with a known answer, or to a repeated one.

    `kind` is training, qualification, gold or repeat. `values` and `reasons` are by criterion, as in a
    rating or comparison. `expected` is what passes (see `CheckItem`), `passed` whether it did; for a
    repeated item `expected` holds the first answer in force and `passed` is None. `revision` counts
    corrections; `in_force` is the last one alone, and no other has `passed`.
    """

    study: str
    annotator: str
    kind: str
    prompt_id: str
    sample: int
    models: tuple[str, ...]
    values: Mapping[str, float | str]
    reasons: Mapping[str, str]
    expected: Mapping[str, Any]
    passed: bool | None
    revision: int
    in_force: bool
    duration_ms: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something the administrator should know: an annotator paused, an image withdrawn.

    `annotator` is whom it is about; `by` the account that did it, None for the program itself and for
    commands.
    """

    at: datetime
    kind: str
    text: str
    study: str | None = None
    annotator: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """An item that an annotator flagged or commented on.

    `number`: of the answer, by which messages are about it; `item`: as `study items` numbers them, None for a
    planted one, which is not among them.
    """

    at: datetime
    flag: bool
    comment: str
    annotator: str
    models: tuple[str, ...]
    prompt_id: str
    prompt: str
    sample: int
    number: int
    item: int | None

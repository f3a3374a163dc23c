"""Prompts that people propose for prompt sets, and what became of them.

Frozen values like those of `nami_bench.domain`, which hands them on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from nami_bench.errors import InputError


class SubmissionState(StrEnum):
    """What became of a proposed prompt."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PromptSubmission:
    """A prompt that somebody proposed, as they typed it, and the decision on it.

    `author` is an account's name, None for somebody without one. `tags` are those of the embedded prompts
    (category, challenge, language). The author agreed at `consented_at` to the licence whose text has the
    hash `licence_sha256`. `edited_text` and `edited_tags` are what an accepted one was changed to, None where
    it was taken as it came. A refused one has a `reason`.
    """

    id: str
    text: str
    licence: str
    licence_sha256: str
    consented_at: datetime
    author: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    state: SubmissionState = SubmissionState.PENDING
    edited_text: str | None = None
    edited_tags: Mapping[str, str] | None = None
    reason: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.state is SubmissionState.REFUSED) != bool(self.reason):
            raise InputError(f"submission {self.id}: a refused one has a reason, and no other")
        if self.is_edited and self.state is not SubmissionState.ACCEPTED:
            raise InputError(f"submission {self.id}: only an accepted one is edited")

    @property
    def is_edited(self) -> bool:
        """Whether it was accepted with changes."""
        return self.edited_text is not None or self.edited_tags is not None

    @property
    def final_text(self) -> str:
        """The text that counts: as edited, else as proposed."""
        return self.text if self.edited_text is None else self.edited_text

    @property
    def final_tags(self) -> Mapping[str, str]:
        """The tags that count: as edited, else as proposed."""
        return self.tags if self.edited_tags is None else self.edited_tags

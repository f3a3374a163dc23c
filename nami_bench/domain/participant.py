"""Those who came into a study by themselves: what is known of one, which is little."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nami_bench.domain.entry import FINISHED, WayOut


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is to a platform, as the address said; `is_proven`: by the platform's signature.

    An id is no secret: whoever knows it can write it into an address.
    """

    provider: str
    participant: str
    submission: str = ""
    platform_study: str = ""
    is_proven: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """To which text somebody agreed: its version, language and SHA-256 (hex)."""

    version: str
    language: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant in a study, under a random name.

    `agreed_sha256` is of the text that was agreed to last; `holds_until`: so long a place is held (None:
    without end); `rejoined_at`: when somebody came by the same id without proof last, from when on nothing
    of before is shown any more.
    """

    name: str
    study: str
    agreed_sha256: str
    joined_at: datetime
    holds_until: datetime | None = None
    has_answered: bool = False
    way_out: WayOut | None = None
    rejoined_at: datetime | None = None

    def is_late(self, now: datetime) -> bool:
        """Whether the place is not held any more."""
        return self.way_out is None and self.holds_until is not None and now >= self.holds_until


@dataclass(frozen=True, slots=True)
class ParticipantReport:
    """How somebody's part in a study went, for who pays them.

    `way_out` is TIMED_OUT, too, for one whose time is up and who did not come back, and COMPLETED or
    NOTHING_LEFT for one who had nothing left to do and did not press the last button; None: inside now.
    `minutes` from the agreement to the last answer, or the way out. `identity` is None once it is forgotten.
    """

    name: str
    identity: Identity | None
    label: str
    way_out: WayOut | None
    joined_at: datetime
    left_at: datetime | None
    minutes: float | None
    items: int
    gold_passed: int
    gold_seen: int
    credit: str = ""
    device: str = ""
    paused: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_finished(self) -> bool:
        """Whether all that there was to do is done: it is paid, come what may."""
        return self.way_out in FINISHED


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link into a study: `label` says for whom; it opens the study to `uses_allowed` people (0: any)."""

    id: int
    study: str
    label: str
    uses_allowed: int
    uses: int
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def is_personal(self) -> bool:
        """Whether it is one person's, and their way back in afterwards."""
        return self.uses_allowed == 1

    def problem(self, now: datetime) -> str | None:
        """Why it opens the study to nobody new: a key; None where it does."""
        if self.revoked_at is not None:
            return "link_revoked"
        if self.expires_at is not None and now >= self.expires_at:
            return "link_expired"
        if self.uses_allowed and self.uses >= self.uses_allowed:
            return "link_used"
        return None

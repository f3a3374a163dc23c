"""The tables of those who come into a study by themselves.

What a platform calls somebody stands in a table of its own, apart from everything that they did: no export of
judgements reads it, and it is deleted first.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nami_bench.store.tables import Base, CreatedAt, PrimaryKey, UtcDateTime


class ParticipantRow(Base):
    """Somebody who agreed to take part; their account has a random name."""

    __tablename__ = "participant"
    __table_args__ = (Index("ix_participant_study", "study_id", "way_out"),)
    id: Mapped[PrimaryKey]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), unique=True)
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitation.id"))
    once_sha256: Mapped[str | None] = mapped_column(
        unique=True, comment="of the browser tab's random number: a request that comes twice is one person"
    )
    device: Mapped[str] = mapped_column(comment="desktop or phone; nothing else of the browser is kept")
    agreed_sha256: Mapped[str] = mapped_column(comment="of the text that was agreed to last")
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="the questionnaire")
    holds_until: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="the place is held")
    rejoined_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="by the platform's id, without proof: nothing of before is shown from then on"
    )
    way_out: Mapped[str | None] = mapped_column(comment="how it ended; none: it did not yet")
    open_way_out: Mapped[str | None] = mapped_column(
        comment="how it would end if they left now; none: they have more to do"
    )
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    credit: Mapped[str] = mapped_column(default="", comment="asked, granted or refused by the platform")
    joined_at: Mapped[CreatedAt]


class IdentityRow(Base):
    """What the platform calls a participant."""

    __tablename__ = "platform_identity"
    __table_args__ = (UniqueConstraint("study_id", "provider", "participant"),)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    provider: Mapped[str]
    participant: Mapped[str] = mapped_column(comment="the platform's id of the person")
    submission: Mapped[str] = mapped_column(comment="the platform's id of this part, by which it pays")
    platform_study: Mapped[str]
    is_proven: Mapped[bool] = mapped_column(comment="by the platform's signature")


class AgreementRow(Base):
    """One agreement to the study's text, as it was then."""

    __tablename__ = "agreement"
    id: Mapped[PrimaryKey]
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), index=True)
    version: Mapped[str]
    language: Mapped[str]
    sha256: Mapped[str] = mapped_column(comment="of the text with its boxes")
    agreed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AnswerRow(Base):
    """What a participant answered to one question about themselves."""

    __tablename__ = "participant_answer"
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class InvitationRow(Base):
    """A link into a study; the link itself is not kept, only its hash."""

    __tablename__ = "invitation"
    id: Mapped[PrimaryKey]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    token_sha256: Mapped[str] = mapped_column(unique=True, comment="of 128 random bits")
    label: Mapped[str] = mapped_column(comment="for whom, in the words of who made it")
    uses_allowed: Mapped[int] = mapped_column(comment="so many people; 0: any number")
    uses: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[str]
    created_at: Mapped[CreatedAt]


class TurnedAwayRow(Base):
    """How many left a study before they were in it: of them nothing is kept but their number."""

    __tablename__ = "turned_away"
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    way_out: Mapped[str] = mapped_column(primary_key=True)
    people: Mapped[int]


class WithdrawalRow(Base):
    """Which participant withdrew, without a word of who it was: a restored back-up may not know of it."""

    __tablename__ = "withdrawal"
    id: Mapped[PrimaryKey]
    account: Mapped[int] = mapped_column(comment="its number, which another may have by now")
    account_created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kept: Mapped[bool] = mapped_column(comment="what they gave; else it is deleted")
    way_out: Mapped[str] = mapped_column(comment="by which they are paid")
    left_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[CreatedAt]

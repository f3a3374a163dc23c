"""The tables of the people of a study: who is assigned to it, and what is written to them and by them."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nami_bench.store.tables import Base, CreatedAt, PrimaryKey, UtcDateTime


class EnrolmentRow(Base):
    """An annotator who is assigned to a study, whether they ever came or not."""

    __tablename__ = "enrolment"
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True, index=True)
    enrolled_by: Mapped[str] = mapped_column(comment="an administrator's name, or who used the command line")
    created_at: Mapped[CreatedAt]


class AnnouncementRow(Base):
    """What everybody who works on a study is told."""

    __tablename__ = "announcement"
    __table_args__ = (Index("ix_announcement_study", "study_id", "id"),)
    id: Mapped[PrimaryKey]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    text: Mapped[str]
    shown_from: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="none: at once")
    shown_until: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="none: until it is taken back")
    author: Mapped[str] = mapped_column(comment="an administrator's name, or who used the command line")
    created_at: Mapped[CreatedAt]


class DismissalRow(Base):
    """An announcement that an annotator has read and put away."""

    __tablename__ = "dismissal"
    announcement_id: Mapped[int] = mapped_column(ForeignKey("announcement.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True, index=True)
    created_at: Mapped[CreatedAt]


class MessageRow(Base):
    """One message between a study's organizers and one of its annotators."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("client_token"),
        Index("ix_message_thread", "study_id", "annotator_id", "id"),
    )
    id: Mapped[PrimaryKey]
    client_token: Mapped[str] = mapped_column(comment="the sender's: a repeated one is no new message")
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    by_annotator: Mapped[bool] = mapped_column(Boolean, comment="else by an organizer")
    author: Mapped[str | None] = mapped_column(comment="the organizer's name; none: the annotator wrote it")
    about_id: Mapped[int | None] = mapped_column(
        ForeignKey("assignment.id"), index=True, comment="the item whose comment it answers"
    )
    text: Mapped[str]
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="when the other side saw it")
    created_at: Mapped[CreatedAt]

"""The tables of annotation work: items, who was shown them, what was sent, what happened.

`rating` (in `tables`), `comparison` and `ranking` hold what a study counts; `submission` keeps everything
that was sent, answers to planted items included.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from nami_bench.store.tables import Base, CreatedAt, Current, Json, PrimaryKey, UtcDateTime, one_in_force

STUDY_KIND = "study"
"""The kind of an item that the study asks about; the others have known answers."""

OPEN, EXPIRED, COMPLETED, SET_ASIDE = "open", "expired", "completed", "set-aside"
"""The states of an assignment: an answer that was set aside is kept and not counted."""

ANSWERED_STATES = (COMPLETED, SET_ASIDE)
"""The states of one that was answered."""


_ASKED_AGAIN = text("extra > 0")


_IS_SINGLE = text("other_image_id IS NULL AND images_key IS NULL")


class ItemRow(Base):
    """One question of a study: an image, two side by side, or more, which `item_image` then has.

    `taken` counts the assignments that hold or have filled it, so that a write can refuse the one too many.
    Asked for are as many as the study's overlap, and `extra`.
    Items that ended early (`stopped_at`) are in no index of what is left: nobody is asked about them.
    """

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("study_id", "image_id", "other_image_id"),
        Index(
            "uq_item_single",
            "study_id",
            "image_id",
            unique=True,
            sqlite_where=_IS_SINGLE,
            postgresql_where=_IS_SINGLE,
        ),
        Index("uq_item_images_key", "study_id", "images_key", unique=True),
        Index(
            "ix_item_cell",
            "study_id",
            "kind",
            "cell",
            "taken",
            sqlite_where=text("stopped_at IS NULL"),
            postgresql_where=text("stopped_at IS NULL"),
        ),
        Index("ix_item_study", "study_id", "id"),
        Index("ix_item_extra", "study_id", "cell", sqlite_where=_ASKED_AGAIN, postgresql_where=_ASKED_AGAIN),
    )
    id: Mapped[PrimaryKey]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    kind: Mapped[str] = mapped_column(comment="study, training, qualification or gold")
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), index=True)
    other_image_id: Mapped[int | None] = mapped_column(ForeignKey("image.id"), comment="the pair's second")
    images_key: Mapped[str | None] = mapped_column(
        comment="of three images and more: their numbers in the order of item_image, joined by '-'"
    )
    cell: Mapped[str] = mapped_column(
        comment="stratum and model, or the pair of models: what is kept balanced"
    )
    position: Mapped[int] = mapped_column(comment="of a training or qualification item; else 0")
    expected: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    feedback: Mapped[Json]
    taken: Mapped[int] = mapped_column(default=0, comment="assignments that are open or completed")
    completed: Mapped[int] = mapped_column(default=0)
    extra: Mapped[int] = mapped_column(
        default=0, server_default=text("0"), comment="annotators asked for beyond the overlap"
    )
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="its image cannot be shown")
    calibration: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="judged by everybody, whatever the overlap"
    )
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="ended by the rule")
    stopped_why: Mapped[str | None]
    stopped_after: Mapped[int | None] = mapped_column(comment="judgements that the rule saw")


class ItemImageRow(Base):
    """An image of an item of three or more; the first is also the item's `image_id`."""

    __tablename__ = "item_image"
    __table_args__ = (UniqueConstraint("item_id", "position"),)
    id: Mapped[PrimaryKey]
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    position: Mapped[int] = mapped_column(comment="in the item's own order, from 0")
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), index=True)


class MemberRow(Base):
    """An annotator in a study."""

    __tablename__ = "member"
    __table_args__ = (UniqueConstraint("study_id", "annotator_id"),)
    id: Mapped[PrimaryKey]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    shown: Mapped[int] = mapped_column(default=0, comment="items of the work itself that were given out")
    done: Mapped[int] = mapped_column(default=0, comment="items of the work itself that were completed")
    # By the study's clock; by UTC in the databases of before, of which the comment still speaks.
    day: Mapped[str] = mapped_column(default="", comment="of the last completion, UTC")
    done_before_day: Mapped[int] = mapped_column(default=0)
    qualified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pause_reason: Mapped[str | None]
    checked_from: Mapped[int] = mapped_column(
        default=0, comment="submissions up to this id no longer count for a pause"
    )
    joined_at: Mapped[CreatedAt]


class AssignmentRow(Base):
    """One item shown to one annotator; `token` is the opaque handle that the browser sees."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("item_id", "member_id", "occasion"),
        Index("ix_assignment_member", "member_id", "state"),
        Index("ix_assignment_order", "member_id", "id"),
        Index("ix_assignment_study", "study_id", "id"),
        Index("ix_assignment_lease", "study_id", "state", "expires_at"),
    )
    id: Mapped[PrimaryKey]
    token: Mapped[str] = mapped_column(unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    occasion: Mapped[int] = mapped_column(default=0, comment="0: the first time; 1: planted again")
    state: Mapped[str] = mapped_column(comment="open, expired, completed or set-aside")
    swapped: Mapped[bool] = mapped_column(comment="whether the pair's second image stands on the left")
    arrangement: Mapped[str | None] = mapped_column(
        comment="of three images and more: item_image's position for each place, one digit each"
    )
    position: Mapped[int] = mapped_column(comment="in this annotator's work, from 1; 0 before it")
    choice: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), comment="why an adaptive study chose this pair"
    )
    passed: Mapped[bool | None] = mapped_column(comment="of an item with a known answer")
    assigned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    aside_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="when it was set aside")
    aside_by: Mapped[str | None] = mapped_column(comment="the account's name, or who used the command line")
    aside_reason: Mapped[str | None]


class SubmissionRow(Base):
    """What an annotator sent for an assignment, corrections included; the highest revision is in force."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("assignment_id", "revision"),
        one_in_force("submission", "assignment_id"),
        Index("ix_submission_member", "member_id", "id"),
    )
    id: Mapped[PrimaryKey]
    client_token: Mapped[str] = mapped_column(
        unique=True, comment="the sender's: a repeated one is no new one"
    )
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    revision: Mapped[int]
    current: Mapped[Current]
    answers: Mapped[Json] = mapped_column(comment="values and reasons by criterion")
    flag: Mapped[bool]
    comment: Mapped[str]
    duration_ms: Mapped[int | None]
    created_at: Mapped[CreatedAt]


class ComparisonRow(Base):
    __tablename__ = "comparison"
    __table_args__ = (
        UniqueConstraint("criterion_id", "annotator_id", "item_id", "revision"),
        one_in_force("comparison", "criterion_id", "annotator_id", "item_id"),
    )
    id: Mapped[PrimaryKey]
    criterion_id: Mapped[int] = mapped_column(ForeignKey("criterion.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    swapped: Mapped[bool] = mapped_column(comment="whether the pair's second image stood on the left")
    position: Mapped[int | None] = mapped_column(comment="in this annotator's work, from 1")
    revision: Mapped[int] = mapped_column(comment="counts corrections; the highest is in force")
    current: Mapped[Current]
    outcome: Mapped[str | None] = mapped_column(comment="left, tie, right or both_bad; missing: see reason")
    reason: Mapped[str | None]
    duration_ms: Mapped[int | None]
    created_at: Mapped[CreatedAt]


class AdjudicationRow(Base):
    """What was decided about an item, by one criterion, beside what annotators said: no rating of theirs."""

    __tablename__ = "adjudication"
    __table_args__ = (
        UniqueConstraint("item_id", "criterion_id", "revision"),
        one_in_force("adjudication", "item_id", "criterion_id"),
    )
    id: Mapped[PrimaryKey]
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    criterion_id: Mapped[int] = mapped_column(ForeignKey("criterion.id"), index=True)
    annotator_id: Mapped[int | None] = mapped_column(
        ForeignKey("annotator.id"), index=True, comment="who decided; missing: on the command line"
    )
    revision: Mapped[int] = mapped_column(comment="counts decisions; the highest is in force")
    current: Mapped[Current]
    answer: Mapped[Any | None] = mapped_column(
        JSON(none_as_null=True),
        comment="a value, or an outcome with the item's first image on the left; none: no right answer",
    )
    reason: Mapped[str]
    note: Mapped[str]
    overruled: Mapped[bool] = mapped_column(comment="nobody had answered so")
    saw_models: Mapped[bool] = mapped_column(comment="whether the models were shown")
    created_at: Mapped[CreatedAt]


class RankingRow(Base):
    """An order of an item's images, or their best and worst."""

    __tablename__ = "ranking"
    __table_args__ = (
        UniqueConstraint("criterion_id", "annotator_id", "item_id", "revision"),
        one_in_force("ranking", "criterion_id", "annotator_id", "item_id"),
    )
    id: Mapped[PrimaryKey]
    criterion_id: Mapped[int] = mapped_column(ForeignKey("criterion.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    arrangement: Mapped[str] = mapped_column(comment="as the images stood: see assignment")
    position: Mapped[int | None] = mapped_column(comment="in this annotator's work, from 1")
    revision: Mapped[int] = mapped_column(comment="counts corrections; the highest is in force")
    current: Mapped[Current]
    ranks: Mapped[str | None] = mapped_column(
        comment="of the images as they stood, one digit each, 1 the best; missing: see reason"
    )
    reason: Mapped[str | None]
    duration_ms: Mapped[int | None]
    created_at: Mapped[CreatedAt]


class MarkingRow(Base):
    """What an annotator marked of an image, all of it at once: that nothing was marked is an answer, too."""

    __tablename__ = "marking"
    __table_args__ = (
        UniqueConstraint("annotator_id", "item_id", "image_id", "revision"),
        one_in_force("marking", "annotator_id", "item_id", "image_id"),
    )
    id: Mapped[PrimaryKey]
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), index=True)
    revision: Mapped[int] = mapped_column(comment="counts corrections; the highest is in force")
    current: Mapped[Current]
    regions: Mapped[list[dict[str, Any]] | None] = mapped_column(
        JSON(none_as_null=True),
        comment="kind, x, y, and w, h of boxes: shares of width and height; missing: not judged",
    )
    words: Mapped[list[list[int]] | None] = mapped_column(
        JSON(none_as_null=True),
        comment="[start, end] of words of the prompt, code points; missing: not judged",
    )
    created_at: Mapped[CreatedAt]


class EventRow(Base):
    """What the administrator should know: what happened, whom it is about, and who did it."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_study", "study_id", "id"),)
    id: Mapped[PrimaryKey]
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"))
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    kind: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[CreatedAt]
    done_by: Mapped[str | None] = mapped_column(
        comment="the account's name; missing: the program by itself, or a command"
    )


class SecretRow(Base):
    """Random keys that all workers share and that outlive a restart."""

    __tablename__ = "secret"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(comment="hex")

"""The table of prompts that people propose."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from nami_bench.store.tables import AnnotatorRow, Base, Json, PrimaryKey, UtcDateTime


class PromptSubmissionRow(Base):
    __tablename__ = "prompt_submission"
    id: Mapped[PrimaryKey]
    submission_id: Mapped[str] = mapped_column(
        unique=True, comment="random: it tells neither order nor number"
    )
    text: Mapped[str] = mapped_column(comment="as it was proposed")
    tags: Mapped[Json]
    author_id: Mapped[int | None] = mapped_column(
        ForeignKey("annotator.id"), index=True, comment="none: somebody without an account"
    )
    source: Mapped[str | None] = mapped_column(
        comment="keyed hash of a network address, where there is no author; gone with the decision"
    )
    licence: Mapped[str]
    licence_sha256: Mapped[str] = mapped_column(comment="of the text that was agreed to")
    consented_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(index=True, comment="pending, accepted or refused")
    edited_text: Mapped[str | None]
    edited_tags: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reason: Mapped[str | None]
    decided_by: Mapped[str | None] = mapped_column(
        comment="an administrator's name, or who used the command line"
    )
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    author: Mapped[AnnotatorRow | None] = relationship()

"""The tables of log-ins: who is in, and who failed to get in."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from nami_bench.store.tables import AnnotatorRow, Base, CreatedAt, PrimaryKey, UtcDateTime


class LoginSessionRow(Base):
    __tablename__ = "login_session"
    id: Mapped[PrimaryKey]
    secret_sha256: Mapped[str] = mapped_column(unique=True, comment="of the random 256 bits in the cookie")
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    annotator: Mapped[AnnotatorRow] = relationship()


class LoginAttemptRow(Base):
    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_source", "source", "at"),)
    id: Mapped[PrimaryKey]
    source: Mapped[str] = mapped_column(comment="the name that was tried (hashed), or the network address")
    at: Mapped[datetime] = mapped_column(UtcDateTime)

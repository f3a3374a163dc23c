"""The tables of log-ins: who is in, who failed to get in, and who was erased."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
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


class OutsideAccountRow(Base):
    """Whose account elsewhere lets somebody in here."""

    __tablename__ = "outside_account"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)
    id: Mapped[PrimaryKey]
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    issuer: Mapped[str] = mapped_column(comment="who vouches, an address")
    subject: Mapped[str] = mapped_column(comment="the account there; it stays when its name changes")
    created_at: Mapped[CreatedAt]


class LoginAttemptRow(Base):
    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_source", "source", "at"),)
    id: Mapped[PrimaryKey]
    source: Mapped[str] = mapped_column(comment="the name that was tried (hashed), or the network address")
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ErasedAccountRow(Base):
    """Which account was erased, without a word of whose it was: a restored back-up may hold it still."""

    __tablename__ = "erased_account"
    id: Mapped[PrimaryKey]
    account: Mapped[int] = mapped_column(comment="its number, which another may have by now")
    account_created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ratings_kept: Mapped[bool] = mapped_column(comment="under a pseudonym")
    created_at: Mapped[CreatedAt]

"""The tables, private to the store: nothing outside `nami_bench.store` sees a row.

Comments on columns say what the name does not. Every change of a table is an alembic migration.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, MetaData, UniqueConstraint, text, true
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite keeps no time zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


PrimaryKey = Annotated[int, mapped_column(primary_key=True)]
Name = Annotated[str, mapped_column(unique=True)]
CreatedAt = Annotated[datetime, mapped_column(UtcDateTime, default=lambda: datetime.now(UTC))]
Json = Annotated[dict[str, Any], mapped_column(JSON)]
Big = Annotated[int | None, mapped_column(BigInteger)]
Current = Annotated[
    bool,
    mapped_column(default=True, server_default=true(), comment="in force: no correction came after it"),
]


def one_in_force(table: str, *thing: str) -> Index:
    """Of the rows about one thing, one at most is in force; see `store.in_force`, which alone writes them."""
    current = text("current")
    return Index(f"uq_{table}_current", *thing, unique=True, sqlite_where=current, postgresql_where=current)


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can alter it on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class PromptSetRow(Base):
    __tablename__ = "prompt_set"
    id: Mapped[PrimaryKey]
    name: Mapped[Name]
    sha256: Mapped[str] = mapped_column(comment="of the canonical JSON lines")
    manifest: Mapped[Json]
    created_at: Mapped[CreatedAt]
    prompts: Mapped[list["PromptRow"]] = relationship(order_by="PromptRow.id", back_populates="prompt_set")


class PromptRow(Base):
    __tablename__ = "prompt"
    __table_args__ = (UniqueConstraint("set_id", "prompt_id"),)
    id: Mapped[PrimaryKey]
    set_id: Mapped[int] = mapped_column(ForeignKey("prompt_set.id"))
    prompt_id: Mapped[str] = mapped_column(comment="index in the set, five digits")
    text: Mapped[str]
    stratum: Mapped[str]
    source: Mapped[str]
    tags: Mapped[Json]
    geneval: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), comment="GenEval's clauses, if any"
    )
    rewritten_from: Mapped[str | None] = mapped_column(comment="the text that this one is a rewrite of")
    extra: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), comment="further keys of the prompt's line"
    )
    prompt_set: Mapped[PromptSetRow] = relationship(back_populates="prompts")


class ModelRow(Base):
    __tablename__ = "model"
    id: Mapped[PrimaryKey]
    name: Mapped[Name]
    adapter: Mapped[str]
    options: Mapped[Json]
    parameters: Mapped[Big]
    licence: Mapped[str | None]
    first_name: Mapped[str | None] = mapped_column(
        comment="under which it was recorded, where it was renamed"
    )
    created_at: Mapped[CreatedAt]


class ImageRow(Base):
    __tablename__ = "image"
    __table_args__ = (UniqueConstraint("model_id", "prompt_row_id", "sample"),)
    id: Mapped[PrimaryKey]
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"))
    prompt_row_id: Mapped[int] = mapped_column(ForeignKey("prompt.id"), index=True)
    sample: Mapped[int]
    state: Mapped[str] = mapped_column(comment="done, failed or refused")
    seed: Mapped[Big]
    reason: Mapped[str | None]
    path: Mapped[str | None] = mapped_column(comment="relative to the workspace's image folder")
    sha256: Mapped[str | None] = mapped_column(comment="of the file's bytes")
    width: Mapped[int | None]
    height: Mapped[int | None]
    seconds: Mapped[float | None]
    provenance: Mapped[Json]
    created_at: Mapped[CreatedAt]
    model: Mapped[ModelRow] = relationship()
    prompt: Mapped[PromptRow] = relationship()


class ScoreRow(Base):
    __tablename__ = "score"
    __table_args__ = (UniqueConstraint("image_id", "metric", "instrument"),)
    id: Mapped[PrimaryKey]
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    metric: Mapped[str]
    instrument: Mapped[str] = mapped_column(comment="what measured: detector, weights' hash")
    value: Mapped[float | None] = mapped_column(comment="missing where the metric failed")
    reason: Mapped[str | None]
    image_sha256: Mapped[str | None] = mapped_column(comment="of the bytes that were scored")
    details: Mapped[Json]
    created_at: Mapped[CreatedAt]
    range_low: Mapped[float | None] = mapped_column(comment="the lowest value that the metric can give")
    range_high: Mapped[float | None] = mapped_column(comment="the highest value that the metric can give")
    image: Mapped[ImageRow] = relationship()


class SetScoreRow(Base):
    __tablename__ = "set_score"
    __table_args__ = (UniqueConstraint("model_id", "prompt_set_id", "metric", "instrument"),)
    id: Mapped[PrimaryKey]
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"))
    prompt_set_id: Mapped[int] = mapped_column(ForeignKey("prompt_set.id"))
    metric: Mapped[str]
    instrument: Mapped[str] = mapped_column(comment="what measured: network, weights' hash, reference")
    value: Mapped[float | None] = mapped_column(comment="missing where the metric failed")
    images: Mapped[int] = mapped_column(comment="that entered the value")
    lower_is_better: Mapped[bool]
    reason: Mapped[str | None]
    images_sha256: Mapped[str | None] = mapped_column(comment="of the hashes of the images to be scored")
    details: Mapped[Json]
    created_at: Mapped[CreatedAt]
    model: Mapped[ModelRow] = relationship()
    prompt_set: Mapped[PromptSetRow] = relationship()


class StudyRow(Base):
    __tablename__ = "study"
    id: Mapped[PrimaryKey]
    name: Mapped[Name]
    prompt_set_id: Mapped[int] = mapped_column(ForeignKey("prompt_set.id"))
    mode: Mapped[str]
    overlap: Mapped[int] = mapped_column(comment="annotators for each image")
    samples: Mapped[int] = mapped_column(comment="images for each prompt and model")
    seed: Mapped[Big] = mapped_column(comment="fixes every annotator's order")
    instructions: Mapped[str] = mapped_column(comment="in the first language; the others: protocol")
    protocol: Mapped[Json] = mapped_column(comment="everything of the study file that no other column holds")
    version: Mapped[int] = mapped_column(default=0, comment="counts changes of a running study")
    created_at: Mapped[CreatedAt]
    prompt_set: Mapped[PromptSetRow] = relationship()
    criteria: Mapped[list["CriterionRow"]] = relationship(order_by="CriterionRow.position")
    models: Mapped[list["StudyModelRow"]] = relationship(order_by="StudyModelRow.position")


class StudyModelRow(Base):
    __tablename__ = "study_model"
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"), primary_key=True)
    position: Mapped[int]
    model: Mapped[ModelRow] = relationship()


class CriterionRow(Base):
    __tablename__ = "criterion"
    __table_args__ = (UniqueConstraint("study_id", "name"),)
    id: Mapped[PrimaryKey]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    position: Mapped[int]
    name: Mapped[str]
    weight: Mapped[float]
    minimum: Mapped[float]
    maximum: Mapped[float]
    anchors: Mapped[Json]
    step: Mapped[float | None] = mapped_column(comment="between two values on the screen; none: by the scale")
    texts: Mapped[Json] = mapped_column(comment="language -> label, anchors")
    study: Mapped[StudyRow] = relationship(back_populates="criteria")


class AnnotatorRow(Base):
    __tablename__ = "annotator"
    id: Mapped[PrimaryKey]
    name: Mapped[Name]
    role: Mapped[str]
    active: Mapped[bool]
    token_sha256: Mapped[str | None] = mapped_column(comment="of a random 128-bit token; none: no log-in")
    password_hash: Mapped[str | None] = mapped_column(comment="Argon2id, with its parameters and salt")
    excluded_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="since when no judgement of theirs counts"
    )
    created_at: Mapped[CreatedAt]


class RatingRow(Base):
    __tablename__ = "rating"
    __table_args__ = (
        UniqueConstraint("criterion_id", "annotator_id", "image_id", "revision"),
        one_in_force("rating", "criterion_id", "annotator_id", "image_id"),
    )
    id: Mapped[PrimaryKey]
    criterion_id: Mapped[int] = mapped_column(ForeignKey("criterion.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), index=True)
    revision: Mapped[int] = mapped_column(comment="counts corrections; the highest is in force")
    current: Mapped[Current]
    value: Mapped[float | None] = mapped_column(comment="on the criterion's scale; missing: see reason")
    reason: Mapped[str | None]
    duration_ms: Mapped[int | None]
    created_at: Mapped[CreatedAt]
    criterion: Mapped[CriterionRow] = relationship()
    annotator: Mapped[AnnotatorRow] = relationship()
    image: Mapped[ImageRow] = relationship()


class ChoreRow(Base):
    """What a committed change still owes where no transaction reaches: files to delete, traces to wipe."""

    __tablename__ = "chore"
    __table_args__ = (UniqueConstraint("kind", "path"),)
    id: Mapped[PrimaryKey]
    kind: Mapped[str] = mapped_column(comment="file, folder or traces")
    path: Mapped[str] = mapped_column(comment="relative to the workspace's image folder")

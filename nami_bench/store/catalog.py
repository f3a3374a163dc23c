"""Prompt sets and models: what a workspace is about."""

from dataclasses import replace
from itertools import islice

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from nami_bench.domain import ModelCard, PromptSet
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.database import Repository
from nami_bench.store.tables import Base, ModelRow, PromptRow, PromptSetRow

# A set may have a million prompts: their rows are never all in memory, nor objects of the session.
_ROWS_AT_ONCE = 5000
_PROMPTS = Base.metadata.tables[PromptRow.__tablename__]


class Catalog(Repository):
    """Prompt sets and models."""

    def add_prompt_set(self, prompt_set: PromptSet) -> None:
        """Record a prompt set; the same name and prompts again only add what the record lacks beside them.

        Raises InputError where the name is taken by other prompts.
        """
        with self._database.writing() as session:
            known = session.scalar(select(PromptSetRow).where(PromptSetRow.name == prompt_set.name))
            if known is None:
                row = convert.prompt_set_row(prompt_set)
                session.add(row)
                session.flush()
                rows = (convert.prompt_columns(prompt, row.id) for prompt in prompt_set.prompts)
                while part := list(islice(rows, _ROWS_AT_ONCE)):
                    session.connection().execute(insert(_PROMPTS), part)
            elif known.sha256 != prompt_set.sha256:
                raise InputError(
                    f"prompt set {prompt_set.name!r} exists with other prompts "
                    f"({known.sha256[:12]}, not {prompt_set.sha256[:12]}): give the new one another name"
                )
            else:
                _complete(session, known, prompt_set)

    def prompt_set(self, name: str) -> PromptSet:
        """The prompt set called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return _with_prompts(session, find_prompt_set(session, name))

    def prompt_sets(self) -> list[PromptSet]:
        """All prompt sets, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(PromptSetRow).order_by(PromptSetRow.id)).all()
            return [_with_prompts(session, row) for row in rows]

    def prompt_set_hashes(self) -> dict[str, str]:
        """SHA-256 of each prompt set by name: what changes when one is added."""
        with self._database.reading() as session:
            return dict(session.execute(select(PromptSetRow.name, PromptSetRow.sha256)).all())

    def has_prompt_set(self, name: str) -> bool:
        """Whether a prompt set of that name is recorded."""
        with self._database.reading() as session:
            return session.scalar(select(PromptSetRow.id).where(PromptSetRow.name == name)) is not None

    def add_model(self, card: ModelCard) -> None:
        """Record a model; the same card again changes nothing, a different one raises InputError."""
        with self._database.writing() as session:
            known = session.scalar(select(ModelRow).where(ModelRow.name == card.name))
            if known is None:
                session.add(convert.model_row(card))
            elif replace(convert.model(known), first_name=card.first_name) != card:
                raise InputError(
                    f"model {card.name!r} exists with other settings: its images would no longer be "
                    "what they say; give the new one another name"
                )

    def model(self, name: str) -> ModelCard:
        """The model called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return convert.model(find_model(session, name))

    def models(self) -> list[ModelCard]:
        """All models, oldest first."""
        with self._database.reading() as session:
            return [convert.model(row) for row in session.scalars(select(ModelRow).order_by(ModelRow.id))]


def _complete(session: Session, row: PromptSetRow, value: PromptSet) -> None:
    """Add what the record of these very prompts lacks of what they are not known by."""
    convert.complete_manifest(row, value)
    for column in ("rewritten_from", "extra"):
        given = {prompt.id: found for prompt in value.prompts if (found := getattr(prompt, column))}
        lacking = select(PromptRow.id, PromptRow.prompt_id).where(
            PromptRow.set_id == row.id, _PROMPTS.c[column].is_(None)
        )
        news = [
            {"row": number, "found": given[prompt_id]}
            for number, prompt_id in (session.execute(lacking) if given else ())
            if prompt_id in given
        ]
        if news:
            change = update(_PROMPTS).where(_PROMPTS.c.id == bindparam("row"))
            session.connection().execute(
                change.values({column: bindparam("found", type_=_PROMPTS.c[column].type)}), news
            )


def _with_prompts(session: Session, row: PromptSetRow) -> PromptSet:
    query = select(*convert.PROMPT_COLUMNS).where(PromptRow.set_id == row.id).order_by(PromptRow.id)
    return convert.prompt_set(row, session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)))


def find_prompt_set(session: Session, name: str) -> PromptSetRow:
    """The row, or UnknownNameError."""
    row = session.scalar(select(PromptSetRow).where(PromptSetRow.name == name))
    if row is None:
        raise UnknownNameError("prompt set", name, session.scalars(select(PromptSetRow.name)))
    return row


def find_model(session: Session, name: str) -> ModelRow:
    """The row, or UnknownNameError."""
    row = session.scalar(select(ModelRow).where(ModelRow.name == name))
    if row is None:
        raise UnknownNameError("model", name, session.scalars(select(ModelRow.name)))
    return row

"""Studies."""

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from nami_bench.domain import ImageState, Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.database import Database
from nami_bench.store.tables import ImageRow, PromptRow, StudyModelRow, StudyRow


class Studies:
    """Store methods on studies."""

    _database: Database

    def add_study(self, study: Study) -> None:
        """Record a study; raises InputError if the name is taken, UnknownNameError for its set or models."""
        with self._database.writing() as session:
            if session.scalar(select(StudyRow.id).where(StudyRow.name == study.name)) is not None:
                raise InputError(f"study {study.name!r} exists already: give the new one another name")
            models = [find_model(session, name) for name in study.models]
            session.add(
                StudyRow(
                    name=study.name,
                    prompt_set_id=find_prompt_set(session, study.prompt_set).id,
                    mode=study.mode,
                    overlap=study.overlap,
                    samples=study.samples,
                    seed=study.seed,
                    instructions=study.instructions,
                    criteria=[convert.criterion_row(c, i) for i, c in enumerate(study.criteria)],
                    models=[StudyModelRow(model_id=m.id, position=i) for i, m in enumerate(models)],
                )
            )

    def study(self, name: str) -> Study:
        """The study called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return convert.study(find_study(session, name))

    def studies(self) -> list[Study]:
        """All studies, oldest first."""
        with self._database.reading() as session:
            return [convert.study(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.id))]

    def study_size(self, study: str) -> int:
        """How many images the study asks about: finished images of its models, prompts and samples."""
        with self._database.reading() as session:
            row = find_study(session, study)
            query = select(func.count()).select_from(ImageRow).join(ImageRow.prompt).where(*in_study(row))
            return session.scalar(query) or 0

    def study_strata(self, study: str) -> dict[str, int]:
        """The images that `study_size` counts, by stratum."""
        with self._database.reading() as session:
            row = find_study(session, study)
            query = (
                select(PromptRow.stratum, func.count())
                .join_from(ImageRow, ImageRow.prompt)
                .where(*in_study(row))
                .group_by(PromptRow.stratum)
            )
            return dict(session.execute(query).all())


def in_study(study: StudyRow) -> list[ColumnElement[bool]]:
    """Conditions on ImageRow joined with PromptRow: the finished images that the study asks about."""
    return [
        PromptRow.set_id == study.prompt_set_id,
        ImageRow.model_id.in_([entry.model_id for entry in study.models]),
        ImageRow.sample < study.samples,
        ImageRow.state == ImageState.DONE.value,
    ]


def find_study(session: Session, name: str) -> StudyRow:
    """The row, or UnknownNameError."""
    row = session.scalar(select(StudyRow).where(StudyRow.name == name))
    if row is None:
        raise UnknownNameError("study", name, session.scalars(select(StudyRow.name)))
    return row

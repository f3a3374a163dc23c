"""Studies, and the annotators who work on them."""

import hashlib
import secrets

from sqlalchemy import select

from nami_bench.domain import Annotator, Role, Study
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.database import Database
from nami_bench.store.finding import find_annotator, find_study
from nami_bench.store.items import refresh_items
from nami_bench.store.tables import AnnotatorRow, StudyModelRow, StudyRow


class Studies:
    """Store methods on studies and annotators."""

    _database: Database

    def add_study(self, study: Study) -> None:
        """Record a study and the items whose images are there.

        Raises InputError if the name is taken or an item with a known answer has no image, UnknownNameError
        for its prompt set or models.
        """
        with self._database.writing() as session:
            if session.scalar(select(StudyRow.id).where(StudyRow.name == study.name)) is not None:
                raise InputError(f"study {study.name!r} exists already: give the new one another name")
            models = [find_model(session, name) for name in study.models]
            row = StudyRow(
                name=study.name,
                prompt_set_id=find_prompt_set(session, study.prompt_set).id,
                mode=study.mode,
                overlap=study.overlap,
                samples=study.samples,
                seed=study.seed,
                instructions=study.instructions.get(study.languages[0], ""),
                protocol=convert.study_protocol(study),
                criteria=[convert.criterion_row(c, i) for i, c in enumerate(study.criteria)],
                models=[StudyModelRow(model_id=m.id, position=i) for i, m in enumerate(models)],
            )
            session.add(row)
            session.flush()
            session.refresh(row)
            refresh_items(session, row)

    def study(self, name: str) -> Study:
        """The study called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return convert.study(find_study(session, name))

    def studies(self) -> list[Study]:
        """All studies, oldest first."""
        with self._database.reading() as session:
            return [convert.study(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.id))]

    def add_annotator(self, annotator: Annotator) -> str | None:
        """Record an annotator and return the log-in token, which is kept only as a hash.

        A simulated annotator gets none. Raises InputError if the name is taken.
        """
        token = None if annotator.role is Role.SIMULATED else secrets.token_urlsafe(16)
        with self._database.writing() as session:
            if session.scalar(select(AnnotatorRow.id).where(AnnotatorRow.name == annotator.name)) is not None:
                raise InputError(f"annotator {annotator.name!r} exists already")
            session.add(
                AnnotatorRow(
                    name=annotator.name,
                    role=annotator.role.value,
                    active=annotator.active,
                    token_sha256=None if token is None else _token_hash(token),
                )
            )
        return token

    def annotator(self, name: str) -> Annotator:
        """The annotator called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return convert.annotator(find_annotator(session, name))

    def annotators(self) -> list[Annotator]:
        """All annotators, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(AnnotatorRow).order_by(AnnotatorRow.id))
            return [convert.annotator(row) for row in rows]

    def set_annotator_active(self, name: str, active: bool) -> None:
        """Allow or forbid an annotator to log in; ratings stay."""
        with self._database.writing() as session:
            find_annotator(session, name).active = active

    def reset_token(self, name: str) -> str:
        """Give an annotator a new log-in token; raises InputError for a simulated one."""
        token = secrets.token_urlsafe(16)
        with self._database.writing() as session:
            row = find_annotator(session, name)
            if row.role == Role.SIMULATED:
                raise InputError(f"annotator {name!r} is simulated and cannot log in")
            row.token_sha256 = _token_hash(token)
        return token

    def authenticate(self, name: str, token: str) -> Annotator | None:
        """The active annotator with this name and token, else None."""
        with self._database.reading() as session:
            row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == name))
            if row is None or not row.active or row.token_sha256 is None:
                return None
            same = secrets.compare_digest(row.token_sha256, _token_hash(token))
            return convert.annotator(row) if same else None


def _token_hash(token: str) -> str:
    # The token is 128 random bits, so a plain hash cannot be searched.
    return hashlib.sha256(token.encode()).hexdigest()

"""Studies."""

import secrets
from collections.abc import Iterable

from sqlalchemy import select

from nami_bench.domain import Study
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.database import Database
from nami_bench.store.finding import find_study
from nami_bench.store.items import ShownPair, add_pairs, check_strata, refresh_items
from nami_bench.store.tables import StudyModelRow, StudyRow


class Studies:
    """Store methods on studies."""

    _database: Database

    def add_study(self, study: Study, pairs: Iterable[ShownPair] = ()) -> None:
        """Record a study and the items whose images are there; of a study of pairs `pairs` first of all.

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
                # Random: no worker takes it for a deleted study of the same number.
                version=secrets.randbelow(2**30),
                criteria=[convert.criterion_row(c, i) for i, c in enumerate(study.criteria)],
                models=[StudyModelRow(model_id=m.id, position=i) for i, m in enumerate(models)],
            )
            session.add(row)
            session.flush()
            session.refresh(row)
            check_strata(session, row.prompt_set_id, study)
            add_pairs(session, row, pairs)
            refresh_items(session, row)

    def study(self, name: str) -> Study:
        """The study called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return convert.study(find_study(session, name))

    def studies(self) -> list[Study]:
        """All studies, oldest first."""
        with self._database.reading() as session:
            return [convert.study(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.id))]

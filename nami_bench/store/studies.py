"""Studies."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import exists, select

from nami_bench.domain import Study
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import ItemRow, MemberRow
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.database import Database
from nami_bench.store.finding import find_study
from nami_bench.store.items import ShownPair, add_pairs, check_strata, is_asked, refresh_items
from nami_bench.store.tables import AnnotatorRow, StudyModelRow, StudyRow


@dataclass(frozen=True, slots=True)
class StudyAtHand:
    """A study, and how one annotator stands in it: `done` items of the work itself are completed."""

    study: Study
    has_items: bool
    done: int
    is_paused: bool


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

    def study_names(self) -> list[str]:
        """The names of all studies, oldest first."""
        with self._database.reading() as session:
            return list(session.scalars(select(StudyRow.name).order_by(StudyRow.id)))

    def studies_at_hand(self, annotator: str) -> list[StudyAtHand]:
        """All studies as one annotator finds them, oldest first; somebody unknown has done nothing."""
        has_items = exists().where(ItemRow.study_id == StudyRow.id, *is_asked())
        query = (
            select(StudyRow, has_items, MemberRow.done, MemberRow.paused_at)
            .select_from(StudyRow)
            .outerjoin(AnnotatorRow, AnnotatorRow.name == annotator)
            .outerjoin(
                MemberRow, (MemberRow.study_id == StudyRow.id) & (MemberRow.annotator_id == AnnotatorRow.id)
            )
            .order_by(StudyRow.id)
        )
        with self._database.reading() as session:
            return [
                StudyAtHand(convert.study(row), has, done or 0, paused is not None)
                for row, has, done, paused in session.execute(query)
            ]

    def studies(self) -> list[Study]:
        """All studies, oldest first."""
        with self._database.reading() as session:
            return [convert.study(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.id))]

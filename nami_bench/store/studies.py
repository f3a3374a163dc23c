"""Studies."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import delete, exists, func, select

from nami_bench.domain import Admission, Mode, Study
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    AdjudicationRow,
    AssignmentRow,
    EventRow,
    ItemImageRow,
    ItemRow,
    MarkingRow,
    MemberRow,
    SubmissionRow,
)
from nami_bench.store.calibration import fill_block
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.crowd_reports import delete_crowd
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_study
from nami_bench.store.items import Shown, add_shown, check_strata, is_asked, refresh_items
from nami_bench.store.kinds import KINDS
from nami_bench.store.people_tables import AnnouncementRow, DismissalRow, EnrolmentRow, MessageRow
from nami_bench.store.study_changes import apply_changes, check_changes
from nami_bench.store.tables import AnnotatorRow, CriterionRow, StudyModelRow, StudyRow

_OF_A_STUDY = (
    MessageRow, AnnouncementRow, EnrolmentRow, AssignmentRow, MemberRow, ItemRow, EventRow, CriterionRow,
    StudyModelRow,
)  # fmt: skip
"""Tables whose rows belong to a study, in the order in which they are deleted."""


@dataclass(frozen=True, slots=True)
class StudyAtHand:
    """A study, and how one annotator stands in it: `done` items of the work itself are completed; a member is
    who was given items, or asked to be."""

    study: Study
    has_items: bool
    done: int
    is_paused: bool
    is_member: bool
    is_assigned: bool

    @property
    def is_admitted(self) -> bool:
        """Whether the annotator may work on it."""
        return self.is_assigned or self.study.admission == Admission.EVERYBODY


class Studies(Repository):
    """Studies: declared, changed while people work on them, deleted."""

    def add(self, study: Study, shown: Iterable[Shown] = ()) -> None:
        """Record a study and the items whose images are there; where several stand together, `shown` first of
        all.

        Raises InputError if the name is taken, an item with a known answer has no image, or a study of
        questions has none, UnknownNameError for its prompt set or models.
        """
        if study.mode == Mode.QUESTIONS and not study.questions:
            raise InputError(
                f"study {study.name!r} has no questions: they are to be copied from its file first"
            )
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
            add_shown(session, row, shown)
            refresh_items(session, row)

    def get(self, name: str) -> Study:
        """The study called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return convert.study(find_study(session, name))

    def names(self) -> list[str]:
        """The names of all studies, oldest first."""
        with self._database.reading() as session:
            return list(session.scalars(select(StudyRow.name).order_by(StudyRow.id)))

    def at_hand(self, annotator: str) -> list[StudyAtHand]:
        """All studies as one annotator finds them, oldest first; somebody unknown has done nothing."""
        has_items = exists().where(ItemRow.study_id == StudyRow.id, *is_asked())
        query = (
            select(
                StudyRow,
                has_items,
                MemberRow.id,
                MemberRow.done,
                MemberRow.paused_at,
                EnrolmentRow.created_at,
            )
            .select_from(StudyRow)
            .outerjoin(AnnotatorRow, AnnotatorRow.name == annotator)
            .outerjoin(
                MemberRow, (MemberRow.study_id == StudyRow.id) & (MemberRow.annotator_id == AnnotatorRow.id)
            )
            .outerjoin(
                EnrolmentRow,
                (EnrolmentRow.study_id == StudyRow.id) & (EnrolmentRow.annotator_id == AnnotatorRow.id),
            )
            .order_by(StudyRow.id)
        )
        with self._database.reading() as session:
            return [
                StudyAtHand(
                    convert.study(row), has, done or 0, paused is not None, member is not None, at is not None
                )
                for row, has, member, done, paused, at in session.execute(query)
            ]

    def has_member(self, study: str, annotator: str) -> bool:
        """Whether an annotator takes part in a study."""
        query = (
            select(MemberRow.id)
            .join(StudyRow, StudyRow.id == MemberRow.study_id)
            .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
            .where(StudyRow.name == study, AnnotatorRow.name == annotator)
        )
        with self._database.reading() as session:
            return session.scalar(query) is not None

    def all(self) -> list[Study]:
        """All studies, oldest first."""
        with self._database.reading() as session:
            return [convert.study(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.id))]

    def change(self, study: Study) -> list[str]:
        """Give the study of this name the new protocol; return what changed, in words.

        Models, samples, prompts of strata, overlap and items with known answers may grow; texts, hours,
        checks and limits may be set at will. Questions stay those that were copied when the study was made.
        It holds from the next item that anybody gets. Raises InputError, and changes nothing, for anything
        else.
        """
        with self._database.writing() as session:
            row = find_study(session, study.name)
            before = convert.study(row)
            if study.mode == before.mode == Mode.QUESTIONS:
                sha256, questions = before.questions_sha256, before.questions
                study = replace(study, criteria=(), questions_sha256=sha256, questions=questions)
            if before == study:
                return []
            check_changes(before, study)
            check_strata(session, row.prompt_set_id, study)
            apply_changes(session, row, before, study)
            added = refresh_items(session, row)
            fill_block(session, row, study.calibration, study.seed)
        changed = [f for f in Study.__dataclass_fields__ if getattr(before, f) != getattr(study, f)]
        return [f"{name} changed" for name in changed] + ([f"{added} items added"] if added else [])

    def delete(self, name: str) -> None:
        """Forget a study that has no judgements; raises InputError where it has some."""
        with self._database.writing() as session:
            row = find_study(session, name)
            criteria = select(CriterionRow.id).where(CriterionRow.study_id == row.id)
            members = select(MemberRow.id).where(MemberRow.study_id == row.id)
            for kept in (
                *(select(func.count()).where(kind.table.criterion_id.in_(criteria)) for kind in KINDS),
                select(func.count()).where(SubmissionRow.member_id.in_(members)),
            ):
                if session.scalar(kept):
                    raise InputError(f"study {name!r} has judgements: it is kept")
            session.execute(delete(AdjudicationRow).where(AdjudicationRow.criterion_id.in_(criteria)))
            own_items = select(ItemRow.id).where(ItemRow.study_id == row.id)
            for part in (ItemImageRow, MarkingRow):
                session.execute(delete(part).where(part.item_id.in_(own_items)))
            announcements = select(AnnouncementRow.id).where(AnnouncementRow.study_id == row.id)
            session.execute(delete(DismissalRow).where(DismissalRow.announcement_id.in_(announcements)))
            for table in _OF_A_STUDY:
                session.execute(delete(table).where(table.study_id == row.id))
            delete_crowd(session, row.id)
            session.execute(delete(StudyRow).where(StudyRow.id == row.id))

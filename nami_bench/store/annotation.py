"""Annotation work on the store: transactions on a `Desk`, and what is looked up outside of them."""

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from statistics import median
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from nami_bench.domain import Assignment
from nami_bench.errors import RefusedError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import (
    COMPLETED,
    STUDY_KIND,
    AssignmentRow,
    ItemRow,
    MemberRow,
    SecretRow,
    SubmissionRow,
)
from nami_bench.store.database import Database, Repository
from nami_bench.store.desk import Desk
from nami_bench.store.finding import find_study
from nami_bench.store.memory import Memory, Settled
from nami_bench.store.sides import arranged, sides_of
from nami_bench.store.tables import AnnotatorRow, ImageRow, PromptRow, StudyRow
from nami_bench.store.writer import Writer

T = TypeVar("T")

PACE_ANSWERS = 1000
"""The pace of a study is that of so many answers."""


class Annotation(Repository):
    """Annotation work: transactions on a `Desk`, and what is looked up outside of them."""

    def __init__(self, database: Database, writer: Writer, clock: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._writer, self._clock = writer, clock

    def run_later(self, job: Callable[[Desk], T]) -> "Future[T]":
        """Run `job` in a write transaction; the future is set when it is committed to disk, or failed.

        Jobs that wait at the same moment share one transaction, each whole or not at all.
        """
        return self._writer.submit(job)

    def run(self, job: Callable[[Desk], T]) -> T:
        """Run `job` in a write transaction and wait until it is committed to disk."""
        return self._writer.submit(job).result()

    def look(self, job: Callable[[Desk], T]) -> T:
        """Run a job that only reads."""
        with self._database.reading() as session:
            return job(Desk(session.connection(), Memory(), Settled(), self._clock()))

    def assignment(self, token: str, annotator: str) -> Assignment:
        """The assignment behind an opaque token; raises RefusedError unless it is this annotator's."""
        with self._database.reading() as session:
            row = session.execute(
                select(AssignmentRow, ItemRow, StudyRow.name)
                .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
                .join(StudyRow, StudyRow.id == AssignmentRow.study_id)
                .join(MemberRow, MemberRow.id == AssignmentRow.member_id)
                .join(AnnotatorRow, AnnotatorRow.id == MemberRow.annotator_id)
                .where(AssignmentRow.token == token, AnnotatorRow.name == annotator)
            ).one_or_none()
            if row is None:
                raise RefusedError("not_yours", "this item is not assigned to you")
            assignment, item, study = row
            own = tuple(i for i in (item.image_id, item.other_image_id) if i is not None)
            if item.images_key is not None:
                own = tuple(map(int, item.images_key.split("-")))
            ids = arranged(own, sides_of(assignment.swapped, assignment.arrangement))
            images = {
                image.id: image
                for image in session.scalars(
                    select(ImageRow)
                    .where(ImageRow.id.in_(ids))
                    .options(
                        joinedload(ImageRow.model),
                        joinedload(ImageRow.prompt).joinedload(PromptRow.prompt_set),
                    )
                )
            }
            return Assignment(
                token=token,
                study=study,
                annotator=annotator,
                kind="repeat" if assignment.occasion else item.kind,
                state=assignment.state,
                images=tuple(convert.image(images[i]) for i in ids),
                prompt=convert.prompt(images[ids[0]].prompt),
                assigned_at=assignment.assigned_at,
            )

    def completed(self, study: str) -> dict[str, int]:
        """Completed items that the study counts, by annotator's name."""
        with self._database.reading() as session:
            query = (
                select(AnnotatorRow.name, func.count())
                .join(MemberRow, MemberRow.annotator_id == AnnotatorRow.id)
                .join(AssignmentRow, AssignmentRow.member_id == MemberRow.id)
                .join(ItemRow, ItemRow.id == AssignmentRow.item_id)
                .where(
                    MemberRow.study_id == find_study(session, study).id,
                    AssignmentRow.state == COMPLETED,
                    AssignmentRow.occasion == 0,
                    ItemRow.kind == STUDY_KIND,
                    AnnotatorRow.excluded_at.is_(None),
                )
                .group_by(AnnotatorRow.id, AnnotatorRow.name)
                .order_by(AnnotatorRow.id)
            )
            return dict(session.execute(query).all())

    def pace(self, study: str) -> tuple[int, float | None]:
        """(answers to the work of the study, the median time of the last PACE_ANSWERS of them in ms).

        Planted items count. None where no time is known.
        """
        with self._database.reading() as session:
            number = find_study(session, study).id
            done = select(func.coalesce(func.sum(MemberRow.done), 0)).where(MemberRow.study_id == number)
            times = (
                select(SubmissionRow.duration_ms)
                .join(MemberRow, MemberRow.id == SubmissionRow.member_id)
                .where(
                    MemberRow.study_id == number,
                    SubmissionRow.revision == 0,
                    SubmissionRow.duration_ms.is_not(None),
                )
                .order_by(SubmissionRow.id.desc())
                .limit(PACE_ANSWERS)
            )
            known = [float(time) for time in session.scalars(times) if time is not None]
            return session.scalar(done) or 0, median(known) if known else None

    def secret(self, name: str) -> bytes:
        """A random key, made at the first call, the same for all who open this database."""
        with self._database.writing() as session:
            row = session.get(SecretRow, name)
            if row is None:
                row = SecretRow(name=name, value=secrets.token_hex(32))
                session.add(row)
            return bytes.fromhex(row.value)

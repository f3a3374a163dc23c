"""Assignments: who is shown which image, and until when it is theirs."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from nami_bench.domain import Assignment, Rating
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.accounts import find_annotator
from nami_bench.store.database import Database
from nami_bench.store.ratings import append_rating
from nami_bench.store.studies import find_study, in_study
from nami_bench.store.tables import AnnotatorRow, AssignmentRow, ImageRow, ModelRow, PromptRow, StudyRow

LEASE = timedelta(minutes=30)
"""An image shown but not rated counts towards the overlap for this long."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image of a study that one annotator has not been shown.

    `load` counts the annotators who rated it or hold it under a running lease.
    """

    image_id: int
    model: str
    prompt_id: str
    sample: int
    stratum: str
    load: int


@dataclass(frozen=True, slots=True)
class Progress:
    """One annotator's way through a study, in images: `done` of `total`.

    `total` counts what the annotator was shown and what is still free for them; images that others
    have filled are not in it.
    """

    done: int
    total: int


class Assignments:
    """Store methods on assignments."""

    _database: Database

    def claim(
        self,
        study: str,
        annotator: str,
        choose: Callable[[Sequence[Candidate]], Candidate | None],
        *,
        now: datetime | None = None,
    ) -> Assignment | None:
        """The annotator's open assignment, or a new one that `choose` picks, or None when all is done.

        `choose` sees every image of the study that this annotator was never shown. Choosing and recording
        are one transaction, so two annotators never overfill an image. An open assignment is dropped
        where its lease ran out and others have filled the image since.
        """
        now = now or datetime.now(UTC)
        with self._database.writing() as session:
            study_row, annotator_row = find_study(session, study), find_annotator(session, annotator)
            row = session.scalar(
                select(AssignmentRow)
                .where(
                    AssignmentRow.study_id == study_row.id,
                    AssignmentRow.annotator_id == annotator_row.id,
                    AssignmentRow.completed_at.is_(None),
                )
                .order_by(AssignmentRow.id)
            )
            if row is not None and not _is_lost(session, row, now):
                row.assigned_at = now  # the lease runs again from here
                return _assignment(row)
            if row is not None:
                session.delete(row)
                session.flush()
            chosen = choose(_candidates(session, study_row, annotator_row, now))
            if chosen is None:
                return None
            row = AssignmentRow(
                token=secrets.token_urlsafe(16),
                study=study_row,
                annotator=annotator_row,
                image=session.get_one(ImageRow, chosen.image_id),
                assigned_at=now,
            )
            session.add(row)
            session.flush()
            return _assignment(row)

    def assignment(self, token: str, annotator: str) -> Assignment:
        """The assignment behind an opaque token; raises InputError unless it is this annotator's."""
        with self._database.reading() as session:
            return _assignment(_find_assignment(session, token, annotator))

    def complete(self, token: str, annotator: str, ratings: Iterable[Rating]) -> None:
        """Record the ratings of an assignment and close it, in one transaction.

        Rating an image again keeps the earlier values as history; the last ones are in force. The same
        values again change nothing.
        Raises InputError, and records nothing, for a foreign token, a criterion that is missing, double or
        unknown, a value off its scale, or an image that others filled after the lease ran out.
        """
        with self._database.writing() as session:
            row = _find_assignment(session, token, annotator)
            if _is_lost(session, row, datetime.now(UTC)):
                raise InputError(
                    "you were away so long that this image was given to somebody else: "
                    "your scores for it are not needed any more"
                )
            criteria = {c.name: c for c in row.study.criteria}
            ratings = list(ratings)
            _check_complete([r.criterion for r in ratings], criteria)
            for rating in ratings:
                append_rating(session, criteria[rating.criterion], row.annotator_id, row.image_id, rating)
            row.completed_at = row.completed_at or datetime.now(UTC)

    def withdraw(self, token: str, annotator: str) -> None:
        """Take an open assignment back, as if it had never been shown (its image cannot be shown).

        Raises InputError for a foreign token or an assignment that is completed.
        """
        with self._database.writing() as session:
            row = _find_assignment(session, token, annotator)
            if row.completed_at is not None:
                raise InputError("this item is rated already: it cannot be taken back")
            session.delete(row)

    def progress(self, study: str, annotator: str) -> Progress:
        """How far an annotator is in a study."""
        with self._database.reading() as session:
            study_row, annotator_row = find_study(session, study), find_annotator(session, annotator)
            query = select(func.count(AssignmentRow.completed_at), func.count()).where(
                AssignmentRow.study_id == study_row.id, AssignmentRow.annotator_id == annotator_row.id
            )
            done, shown = session.execute(query).one()
            candidates = _candidates(session, study_row, annotator_row, datetime.now(UTC))
            return Progress(done, shown + sum(c.load < study_row.overlap for c in candidates))

    def completed(self, study: str) -> dict[str, int]:
        """Completed assignments by annotator's name."""
        with self._database.reading() as session:
            query = (
                select(AnnotatorRow.name, func.count())
                .join_from(AssignmentRow, AssignmentRow.annotator)
                .where(
                    AssignmentRow.study_id == find_study(session, study).id,
                    AssignmentRow.completed_at.is_not(None),
                )
                .group_by(AnnotatorRow.id, AnnotatorRow.name)
                .order_by(AnnotatorRow.id)
            )
            return dict(session.execute(query).all())


def _candidates(session: Session, study: StudyRow, annotator: AnnotatorRow, now: datetime) -> list[Candidate]:
    load = (
        select(AssignmentRow.image_id, func.count().label("load"))
        .where(AssignmentRow.study_id == study.id, _held(now))
        .group_by(AssignmentRow.image_id)
        .subquery()
    )
    seen = select(AssignmentRow.image_id).where(
        AssignmentRow.study_id == study.id, AssignmentRow.annotator_id == annotator.id
    )
    query = (
        select(
            ImageRow.id,
            ModelRow.name,
            PromptRow.prompt_id,
            ImageRow.sample,
            PromptRow.stratum,
            func.coalesce(load.c.load, 0),
        )
        .join(ImageRow.prompt)
        .join(ImageRow.model)
        .outerjoin(load, load.c.image_id == ImageRow.id)
        .where(*in_study(study), ImageRow.id.not_in(seen))
        .order_by(ImageRow.id)
    )
    return [Candidate(*row) for row in session.execute(query)]


def _held(now: datetime) -> ColumnElement[bool]:
    return or_(AssignmentRow.completed_at.is_not(None), AssignmentRow.assigned_at > now - LEASE)


def _is_lost(session: Session, row: AssignmentRow, now: datetime) -> bool:
    """Whether the lease of an open assignment ran out and others have filled its image since."""
    if row.completed_at is not None or row.assigned_at > now - LEASE:
        return False
    others = (
        select(func.count())
        .select_from(AssignmentRow)
        .where(
            AssignmentRow.study_id == row.study_id,
            AssignmentRow.image_id == row.image_id,
            AssignmentRow.id != row.id,
            _held(now),
        )
    )
    return (session.scalar(others) or 0) >= row.study.overlap


def _assignment(row: AssignmentRow) -> Assignment:
    return Assignment(
        token=row.token,
        study=row.study.name,
        annotator=row.annotator.name,
        image=convert.image(row.image),
        prompt=convert.prompt(row.image.prompt),
        assigned_at=row.assigned_at,
    )


def _find_assignment(session: Session, token: str, annotator: str) -> AssignmentRow:
    row = session.scalar(select(AssignmentRow).where(AssignmentRow.token == token))
    # One sentence for both cases: a stranger learns nothing about which tokens exist.
    if row is None or row.annotator.name != annotator:
        raise InputError("this item is not assigned to you")
    return row


def _check_complete(given: Sequence[str], criteria: Iterable[str]) -> None:
    missing = [name for name in criteria if name not in given]
    if missing:
        raise InputError(f"no rating for {', '.join(missing)}: rate every criterion, or say why you cannot")
    if len(set(given)) != len(given):
        raise InputError("a criterion was rated twice in one submission")
    for name in given:
        if name not in criteria:
            raise UnknownNameError("criterion", name, criteria)

"""Studies, annotators, assignments and ratings."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from nami_bench.domain import SIMULATED_PREFIX, Annotator, Assignment, ImageState, Rating, Role, Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.database import Database
from nami_bench.store.tables import (
    AnnotatorRow,
    AssignmentRow,
    CriterionRow,
    ImageRow,
    ModelRow,
    PromptRow,
    RatingRow,
    StudyModelRow,
    StudyRow,
)

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


class Annotation:
    """Store methods on studies, annotators, assignments and ratings."""

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
            return convert.study(_find_study(session, name))

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
            return convert.annotator(_find_annotator(session, name))

    def annotators(self) -> list[Annotator]:
        """All annotators, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(AnnotatorRow).order_by(AnnotatorRow.id))
            return [convert.annotator(row) for row in rows]

    def set_annotator_active(self, name: str, active: bool) -> None:
        """Allow or forbid an annotator to log in; ratings stay."""
        with self._database.writing() as session:
            _find_annotator(session, name).active = active

    def reset_token(self, name: str) -> str:
        """Give an annotator a new log-in token; raises InputError for a simulated one."""
        token = secrets.token_urlsafe(16)
        with self._database.writing() as session:
            row = _find_annotator(session, name)
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
            study_row, annotator_row = _find_study(session, study), _find_annotator(session, annotator)
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
                _append_rating(session, criteria[rating.criterion], row.annotator_id, row.image_id, rating)
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
            study_row, annotator_row = _find_study(session, study), _find_annotator(session, annotator)
            query = select(func.count(AssignmentRow.completed_at), func.count()).where(
                AssignmentRow.study_id == study_row.id, AssignmentRow.annotator_id == annotator_row.id
            )
            done, shown = session.execute(query).one()
            candidates = _candidates(session, study_row, annotator_row, datetime.now(UTC))
            return Progress(done, shown + sum(c.load < study_row.overlap for c in candidates))

    def add_ratings(self, ratings: Iterable[Rating]) -> int:
        """Record ratings made elsewhere; all or nothing. Returns how many were new.

        Ratings that are recorded with the same value are passed over; another value for the same cell
        raises InputError. Annotators not yet known are added, without a token.
        """
        added = 0
        with self._database.writing() as session:
            cache = _ImportCache(session)
            for rating in ratings:
                criterion, image = cache.criterion(rating), cache.image(rating)
                annotator_id = cache.annotator(rating.annotator).id
                current = _current(session, criterion.id, annotator_id, image.id)
                if current is None:
                    _append_rating(session, criterion, annotator_id, image.id, rating)
                    added += 1
                elif current.value != rating.value:
                    raise InputError(
                        f"{rating.annotator!r} already rated {rating.criterion} of {rating.model}/"
                        f"{rating.prompt_id}/{rating.sample} with another value: nothing was imported"
                    )
        return added

    def ratings(self, study: str) -> list[Rating]:
        """The ratings in force (the last revision of each), by model, prompt, sample and annotator."""
        with self._database.reading() as session:
            study_id = _find_study(session, study).id
            later = (
                select(RatingRow.criterion_id, RatingRow.annotator_id, RatingRow.image_id)
                .add_columns(func.max(RatingRow.revision).label("revision"))
                .group_by(RatingRow.criterion_id, RatingRow.annotator_id, RatingRow.image_id)
                .subquery()
            )
            query = (
                select(RatingRow)
                .join(
                    later,
                    and_(
                        RatingRow.criterion_id == later.c.criterion_id,
                        RatingRow.annotator_id == later.c.annotator_id,
                        RatingRow.image_id == later.c.image_id,
                        RatingRow.revision == later.c.revision,
                    ),
                )
                .join(RatingRow.criterion)
                .join(RatingRow.image)
                .join(ImageRow.prompt)
                .where(CriterionRow.study_id == study_id)
                .options(
                    contains_eager(RatingRow.criterion).joinedload(CriterionRow.study),
                    contains_eager(RatingRow.image).options(
                        joinedload(ImageRow.model), contains_eager(ImageRow.prompt)
                    ),
                    joinedload(RatingRow.annotator),
                )
                .order_by(
                    ImageRow.model_id,
                    PromptRow.id,
                    ImageRow.sample,
                    RatingRow.annotator_id,
                    CriterionRow.position,
                )
            )
            return [convert.rating(row) for row in session.scalars(query)]

    def study_size(self, study: str) -> int:
        """How many images the study asks about: finished images of its models, prompts and samples."""
        with self._database.reading() as session:
            row = _find_study(session, study)
            query = select(func.count()).select_from(ImageRow).join(ImageRow.prompt).where(*_in_study(row))
            return session.scalar(query) or 0

    def study_strata(self, study: str) -> dict[str, int]:
        """The images that `study_size` counts, by stratum."""
        with self._database.reading() as session:
            row = _find_study(session, study)
            query = (
                select(PromptRow.stratum, func.count())
                .join_from(ImageRow, ImageRow.prompt)
                .where(*_in_study(row))
                .group_by(PromptRow.stratum)
            )
            return dict(session.execute(query).all())

    def completed(self, study: str) -> dict[str, int]:
        """Completed assignments by annotator's name."""
        with self._database.reading() as session:
            query = (
                select(AnnotatorRow.name, func.count())
                .join_from(AssignmentRow, AssignmentRow.annotator)
                .where(
                    AssignmentRow.study_id == _find_study(session, study).id,
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
        .where(*_in_study(study), ImageRow.id.not_in(seen))
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


def _in_study(study: StudyRow) -> list[ColumnElement[bool]]:
    return [
        PromptRow.set_id == study.prompt_set_id,
        ImageRow.model_id.in_([entry.model_id for entry in study.models]),
        ImageRow.sample < study.samples,
        ImageRow.state == ImageState.DONE.value,
    ]


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


def _find_study(session: Session, name: str) -> StudyRow:
    row = session.scalar(select(StudyRow).where(StudyRow.name == name))
    if row is None:
        raise UnknownNameError("study", name, session.scalars(select(StudyRow.name)))
    return row


def _find_annotator(session: Session, name: str) -> AnnotatorRow:
    row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == name))
    if row is None:
        raise UnknownNameError("annotator", name, session.scalars(select(AnnotatorRow.name)))
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


def _current(session: Session, criterion_id: int, annotator_id: int, image_id: int) -> RatingRow | None:
    return session.scalar(
        select(RatingRow)
        .where(
            RatingRow.criterion_id == criterion_id,
            RatingRow.annotator_id == annotator_id,
            RatingRow.image_id == image_id,
        )
        .order_by(RatingRow.revision.desc())
        .limit(1)
    )


def _append_rating(
    session: Session, criterion: CriterionRow, annotator_id: int, image_id: int, rating: Rating
) -> None:
    if rating.value is not None:
        convert.criterion(criterion).check(rating.value)
    before = _current(session, criterion.id, annotator_id, image_id)
    if before is not None and (before.value, before.reason) == (rating.value, rating.reason):
        return  # a submission that was sent twice
    row = RatingRow(
        criterion_id=criterion.id,
        annotator_id=annotator_id,
        image_id=image_id,
        revision=0 if before is None else before.revision + 1,
        value=rating.value,
        reason=rating.reason,
        duration_ms=rating.duration_ms,
    )
    if rating.created_at is not None:
        row.created_at = rating.created_at
    session.add(row)


class _ImportCache:
    """Look-ups of an import, each done once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.studies: dict[str, StudyRow] = {}
        self.annotators: dict[str, AnnotatorRow] = {}
        self.image_rows: dict[str, dict[tuple[str, str, int], ImageRow]] = {}

    def study(self, name: str) -> StudyRow:
        if name not in self.studies:
            self.studies[name] = _find_study(self.session, name)
        return self.studies[name]

    def criterion(self, rating: Rating) -> CriterionRow:
        criteria = {c.name: c for c in self.study(rating.study).criteria}
        if rating.criterion not in criteria:
            raise UnknownNameError(f"criterion of study {rating.study!r}", rating.criterion, criteria)
        return criteria[rating.criterion]

    def annotator(self, name: str) -> AnnotatorRow:
        if name not in self.annotators:
            row = self.session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == name))
            if row is None:
                role = Role.SIMULATED if name.startswith(SIMULATED_PREFIX) else Role.ANNOTATOR
                annotator = Annotator(name, role)
                row = AnnotatorRow(name=annotator.name, role=annotator.role.value, active=annotator.active)
                self.session.add(row)
                self.session.flush()
            self.annotators[name] = row
        return self.annotators[name]

    def image(self, rating: Rating) -> ImageRow:
        study = self.study(rating.study)
        if rating.study not in self.image_rows:
            query = (
                select(ImageRow)
                .join(ImageRow.prompt)
                .where(*_in_study(study))
                .options(joinedload(ImageRow.model), contains_eager(ImageRow.prompt))
            )
            self.image_rows[rating.study] = {
                (row.model.name, row.prompt.prompt_id, row.sample): row for row in self.session.scalars(query)
            }
        image = self.image_rows[rating.study].get((rating.model, rating.prompt_id, rating.sample))
        if image is None:
            raise InputError(
                f"study {rating.study!r} has no image {rating.model}/{rating.prompt_id}/{rating.sample}: "
                "nothing was imported"
            )
        return image


def _token_hash(token: str) -> str:
    # The token is 128 random bits, so a plain hash cannot be searched.
    return hashlib.sha256(token.encode()).hexdigest()

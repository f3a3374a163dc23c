"""Ratings: every revision is kept, the last one is in force."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload

from nami_bench.domain import SIMULATED_PREFIX, Annotator, Rating, Role, person_name
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.accounts import add_annotator_row
from nami_bench.store.annotation_tables import STUDY_KIND, ItemRow
from nami_bench.store.database import Database
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study, match_annotator
from nami_bench.store.in_force import in_force
from nami_bench.store.items import refresh_items
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, PromptRow, RatingRow, StudyRow

_CALLED = "what annotators are called in this transaction"


class Ratings:
    """Store methods on ratings."""

    _database: Database

    def add_ratings(self, ratings: Iterable[Rating]) -> int:
        """Record ratings made elsewhere; all or nothing. Returns how many were new.

        Ratings that are recorded with the same value or reason are passed over; another one for the same cell
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
                    append_rating(session, criterion, annotator_id, image.id, rating)
                    added += 1
                elif (current.value, current.reason) != (rating.value, rating.reason):
                    raise InputError(
                        f"{rating.annotator!r} already rated {rating.criterion} of {rating.model}/"
                        f"{rating.prompt_id}/{rating.sample} with another value or reason: nothing was "
                        "imported"
                    )
        return added

    def ratings(self, study: str) -> list[Rating]:
        """The ratings in force (the last revision of each), by model, prompt, sample and annotator.

        Those of excluded annotators are left out, here and wherever a study is read.
        """
        with self._database.reading() as session:
            study_id = find_study(session, study).id
            query = (
                select(RatingRow)
                .join(RatingRow.criterion)
                .join(RatingRow.image)
                .join(ImageRow.prompt)
                .where(
                    CriterionRow.study_id == study_id, in_force(RatingRow), is_counted(RatingRow.annotator_id)
                )
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


def append_rating(
    session: Session, criterion: CriterionRow, annotator_id: int, image_id: int, rating: Rating
) -> None:
    """Add a revision, unless it says what the last one says; raises InputError for a value off its scale."""
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


def find_or_add_annotator(session: Session, name: str) -> AnnotatorRow:
    """The annotator's row, as `match_annotator`; one who is not known is added, without a token.

    Raises InputError where a transaction calls one annotator by names of different case: they could be two.
    """
    row = match_annotator(session, name)
    if row is None:
        role = Role.SIMULATED if name.startswith(SIMULATED_PREFIX) else Role.ANNOTATOR
        row = add_annotator_row(session, Annotator(name, role))
    before = session.info.setdefault(_CALLED, {}).setdefault(row.id, name)
    if before != name and person_name("annotator", before) != person_name("annotator", name):
        raise InputError(
            f"annotators {before!r} and {name!r} would be one person, for upper and lower case make no "
            "difference: write the name in one way, or give one of the two another name"
        )
    return row


class _ImportCache:
    """Look-ups of an import, each done once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.studies: dict[str, StudyRow] = {}
        self.annotators: dict[str, AnnotatorRow] = {}
        self.image_rows: dict[str, dict[tuple[str, str, int], ImageRow]] = {}

    def study(self, name: str) -> StudyRow:
        if name not in self.studies:
            self.studies[name] = find_study(self.session, name)
        return self.studies[name]

    def criterion(self, rating: Rating) -> CriterionRow:
        criteria = {c.name: c for c in self.study(rating.study).criteria}
        if rating.criterion not in criteria:
            raise UnknownNameError(f"criterion of study {rating.study!r}", rating.criterion, criteria)
        return criteria[rating.criterion]

    def annotator(self, name: str) -> AnnotatorRow:
        if name not in self.annotators:
            self.annotators[name] = find_or_add_annotator(self.session, name)
        return self.annotators[name]

    def image(self, rating: Rating) -> ImageRow:
        study = self.study(rating.study)
        if rating.study not in self.image_rows:
            refresh_items(self.session, study)
            query = (
                select(ImageRow)
                .join(ImageRow.prompt)
                .join(ItemRow, ItemRow.image_id == ImageRow.id)
                .where(ItemRow.study_id == study.id, ItemRow.kind == STUDY_KIND)
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

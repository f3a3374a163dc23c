"""Ratings: every revision is kept, the last one is in force."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload

from nami_bench.domain import Criterion, Mode, Rating
from nami_bench.domain.question import CANNOT_TELL, NOT_ASKED
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import convert
from nami_bench.store.annotation_tables import STUDY_KIND, ItemRow
from nami_bench.store.database import Repository
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.imports import Lookup, Recorded, record_all
from nami_bench.store.judged import Judgement
from nami_bench.store.ratings_table import ratings_table
from nami_bench.store.tables import CriterionRow, ImageRow, ModelRow, PromptRow, RatingRow

if TYPE_CHECKING:
    import pandas as pd


class Ratings(Repository):
    """Ratings of single images."""

    def add(self, ratings: Iterable[Rating], *, replace: bool = False) -> Recorded:
        """Record ratings made elsewhere, as work that their annotators have done; all or nothing.

        Ratings that are recorded with the same value or reason are passed over. Another one where one stands
        raises InputError, and with `replace` is recorded as a correction. Annotators not yet known are added,
        without a token. An item counts as done where all of its criteria are rated. Answers to questions are
        0, 1, or one of the two reasons of `nami_bench.domain.question`.
        """
        return record_all(self._database, ratings, _RatingsLookup, replace=replace)

    def all(self, study: str) -> list[Rating]:
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
                    CriterionRow.study_id == study_id, RatingRow.current, is_counted(RatingRow.annotator_id)
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

    def exist(self, study: str) -> bool:
        """Whether the study has ratings that count; raises UnknownNameError for an unknown one."""
        with self._database.reading() as session:
            in_study = CriterionRow.study_id == find_study(session, study).id
            query = (
                select(RatingRow.id)
                .join(RatingRow.criterion)
                .where(in_study, RatingRow.current, is_counted(RatingRow.annotator_id))
                .limit(1)
            )
            return session.scalar(query) is not None

    def table(self, study: str) -> "pd.DataFrame":
        """The rows of `all`, in their order, as the tidy table that `nami_bench.evaluation.human.table`
        describes.

        Raises UnknownNameError for an unknown study.
        """
        with self._database.reading() as session:
            return ratings_table(session, study)


class _RatingsLookup(Lookup):
    modes = (Mode.RATING, Mode.QUESTIONS)

    def __init__(self, session: Session, study: str) -> None:
        super().__init__(session, study)
        self.protocol = convert.study(self.study)
        self.criteria = {row.name: (row.id, convert.criterion(row)) for row in self.study.criteria}
        query = (
            select(ModelRow.name, PromptRow.prompt_id, ImageRow.sample, ImageRow.id, ItemRow.id)
            .join(ImageRow.model)
            .join(ImageRow.prompt)
            .join(ItemRow, ItemRow.image_id == ImageRow.id)
            .where(ItemRow.study_id == self.study.id, ItemRow.kind == STUDY_KIND)
        )
        self.images = {
            (model, prompt, sample): (image, item)
            for model, prompt, sample, image, item in session.execute(query)
        }

    def judgement(self, made: Rating) -> Judgement:
        rating = made
        if rating.criterion not in self.criteria:
            raise UnknownNameError(f"criterion of study {rating.study!r}", rating.criterion, self.criteria)
        criterion_id, criterion = self.criteria[rating.criterion]
        if rating.value is not None:
            criterion.check(rating.value)
        if self.protocol.mode == Mode.QUESTIONS:
            self._check_answer(rating, criterion)
        found = self.images.get((rating.model, rating.prompt_id, rating.sample))
        if found is None:
            raise InputError(
                f"study {rating.study!r} has no image {rating.model}/{rating.prompt_id}/{rating.sample}: "
                "nothing was imported"
            )
        annotator = self.annotator(rating.annotator)
        return Judgement(annotator, criterion_id, *found, rating.value, rating.reason, rating)

    def _check_answer(self, made: Rating, question: Criterion) -> None:
        if question not in self.protocol.asked(made.prompt_id):
            raise InputError(
                f"study {made.study!r} has no question {question.name} about prompt {made.prompt_id}: "
                "nothing was imported"
            )
        if made.reason not in (None, CANNOT_TELL, NOT_ASKED):
            raise InputError(
                f"{self.about(made)}: the reason must be {CANNOT_TELL!r} or {NOT_ASKED!r}, got "
                f"{made.reason!r}: nothing was imported"
            )
        if made.value is not None:
            question.check_step(made.value)

    def about(self, made: Rating) -> str:
        return f"{made.annotator!r} on {made.criterion} of {made.model}/{made.prompt_id}/{made.sample}"

"""Automatic scores, of images and of whole sets."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload

from nami_bench.domain import Score, SetScore
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.catalog import find_model, find_prompt_set
from nami_bench.store.database import Repository
from nami_bench.store.images import image_query
from nami_bench.store.tables import ImageRow, ModelRow, PromptRow, PromptSetRow, ScoreRow, SetScoreRow


class Scores(Repository):
    """Automatic scores, of images and of whole sets."""

    def put(self, scores: Iterable[Score]) -> None:
        """Record scores in one transaction; a score of the same metric and instrument is replaced."""
        with self._database.writing() as session:
            images: dict[tuple[str, str], dict[tuple[str, int], ImageRow]] = {}
            for score in scores:
                pair = (score.model, score.prompt_set)
                if pair not in images:
                    rows = session.scalars(image_query(session, [score.model], score.prompt_set))
                    images[pair] = {(row.prompt.prompt_id, row.sample): row for row in rows}
                image = images[pair].get((score.prompt_id, score.sample))
                if image is None:
                    raise InputError(
                        f"no image {score.model}/{score.prompt_set}/{score.prompt_id}/{score.sample} to score"
                    )
                _put_score(session, image, score)

    def find(
        self,
        *,
        metric: str | None = None,
        models: Iterable[str] | None = None,
        prompt_set: str | None = None,
    ) -> list[Score]:
        """Recorded scores by metric, instrument, model, prompt and sample."""
        with self._database.reading() as session:
            query = (
                select(ScoreRow)
                .join(ScoreRow.image)
                .join(ImageRow.model)
                .join(ImageRow.prompt)
                .join(PromptRow.prompt_set)
                .options(
                    contains_eager(ScoreRow.image).options(
                        contains_eager(ImageRow.model),
                        contains_eager(ImageRow.prompt).contains_eager(PromptRow.prompt_set),
                    )
                )
                .order_by(ScoreRow.metric, ScoreRow.instrument, ModelRow.id, PromptRow.id, ImageRow.sample)
            )
            if metric is not None:
                query = query.where(ScoreRow.metric == metric)
            if models is not None:
                query = query.where(ModelRow.id.in_([find_model(session, name).id for name in models]))
            if prompt_set is not None:
                query = query.where(PromptSetRow.id == find_prompt_set(session, prompt_set).id)
            return [convert.score(row) for row in session.scalars(query)]

    def put_of_set(self, score: SetScore) -> None:
        """Record a score of a whole set; one of the same metric and instrument is replaced.

        Raises UnknownNameError for an unknown model or prompt set.
        """
        with self._database.writing() as session:
            identity = {
                "model_id": find_model(session, score.model).id,
                "prompt_set_id": find_prompt_set(session, score.prompt_set).id,
                "metric": score.metric,
                "instrument": score.instrument,
            }
            row = session.scalar(select(SetScoreRow).filter_by(**identity))
            if row is None:
                row = SetScoreRow(**identity)
                session.add(row)
            convert.update_set_score_row(row, score)

    def of_sets(
        self, *, models: Iterable[str] | None = None, prompt_set: str | None = None
    ) -> list[SetScore]:
        """Recorded scores of whole sets by metric, instrument, model and prompt set."""
        with self._database.reading() as session:
            query = (
                select(SetScoreRow)
                .options(joinedload(SetScoreRow.model), joinedload(SetScoreRow.prompt_set))
                .order_by(
                    SetScoreRow.metric,
                    SetScoreRow.instrument,
                    SetScoreRow.model_id,
                    SetScoreRow.prompt_set_id,
                )
            )
            if models is not None:
                query = query.where(
                    SetScoreRow.model_id.in_([find_model(session, name).id for name in models])
                )
            if prompt_set is not None:
                query = query.where(SetScoreRow.prompt_set_id == find_prompt_set(session, prompt_set).id)
            return [convert.set_score(row) for row in session.scalars(query)]


def _put_score(session: Session, image: ImageRow, score: Score) -> None:
    row = session.scalar(
        select(ScoreRow).where(
            ScoreRow.image_id == image.id,
            ScoreRow.metric == score.metric,
            ScoreRow.instrument == score.instrument,
        )
    )
    if row is None:
        row = ScoreRow(image_id=image.id, metric=score.metric, instrument=score.instrument)
        session.add(row)
    convert.update_score_row(row, score)

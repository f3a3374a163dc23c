"""A study's ratings as columns, for statistics over millions of values: one object a row is too slow."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, select, type_coerce

from nami_bench.store.database import Database
from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, ModelRow, PromptRow, RatingRow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sqlalchemy.orm import Session

_ROWS_AT_ONCE = 100_000
_counted = is_counted(RatingRow.annotator_id)


class RatingsTable:
    """Store methods on ratings as a table."""

    _database: Database

    def has_ratings(self, study: str) -> bool:
        """Whether the study has ratings that count; raises UnknownNameError for an unknown one."""
        with self._database.reading() as session:
            in_study = CriterionRow.study_id == find_study(session, study).id
            query = select(RatingRow.id).join(RatingRow.criterion).where(in_study, _counted).limit(1)
            return session.scalar(query) is not None

    def ratings_table(self, study: str) -> "pd.DataFrame":
        """The rows of `ratings`, in their order, as the tidy table that `evaluation.human.table` describes.

        Raises UnknownNameError for an unknown study.
        """
        import numpy as np
        import pandas as pd

        with self._database.reading() as session:
            study_id = find_study(session, study).id
            criteria = _criteria(session, study_id)
            annotators = _annotators(session)
            images = _images(session, study_id)
            columns = _revisions(session, list(criteria["id"]))
        criterion = pd.Index(criteria["id"]).get_indexer(columns["criterion_id"])
        annotator = pd.Index(annotators["id"]).get_indexer(columns["annotator_id"])
        image = pd.Index(images["id"]).get_indexer(columns["image_id"])
        keep = _in_force(image, annotator, criterion, columns["revision"])
        return pd.DataFrame(
            {
                "study": _named(pd.Series([study]), np.zeros(len(keep), dtype=np.int64)),
                "annotator": _named(annotators["name"], annotator[keep]),
                "model": _named(images["model"], image[keep]),
                "prompt_id": _named(images["prompt_id"], image[keep]),
                "sample": images["sample"].to_numpy(dtype="int64")[image[keep]],
                "criterion": _named(criteria["name"], criterion[keep]),
                "value": columns["value"][keep].astype("float64"),
                "reason": pd.Categorical(columns["reason"][keep]),
                "duration_ms": pd.array(columns["duration_ms"][keep], dtype="Int64"),
                "created_at": pd.to_datetime(columns["created_at"][keep], utc=True, format="ISO8601").as_unit(
                    "us"
                ),
            }
        )


def _criteria(session: "Session", study_id: int) -> "pd.DataFrame":
    query = select(CriterionRow.id, CriterionRow.name).where(CriterionRow.study_id == study_id)
    return _frame(session, query.order_by(CriterionRow.position), ("id", "name"))


def _annotators(session: "Session") -> "pd.DataFrame":
    query = select(AnnotatorRow.id, AnnotatorRow.name).order_by(AnnotatorRow.id)
    return _frame(session, query, ("id", "name"))


def _images(session: "Session", study_id: int) -> "pd.DataFrame":
    """The rated images, in the order of `Ratings.ratings`."""
    in_study = CriterionRow.study_id == study_id
    rated = select(RatingRow.image_id).join(RatingRow.criterion).where(in_study, _counted)
    query = (
        select(ImageRow.id, ModelRow.name, PromptRow.prompt_id, ImageRow.sample)
        .join(ImageRow.model)
        .join(ImageRow.prompt)
        .where(ImageRow.id.in_(rated))
        .order_by(ImageRow.model_id, PromptRow.id, ImageRow.sample)
    )
    return _frame(session, query, ("id", "model", "prompt_id", "sample"))


def _revisions(session: "Session", criteria: Sequence[int]) -> "dict[str, np.ndarray]":
    """Every revision of the criteria's ratings, one array for each column."""
    import numpy as np

    selected: dict[str, tuple[Any, type]] = {
        "criterion_id": (RatingRow.criterion_id, np.int64),
        "annotator_id": (RatingRow.annotator_id, np.int64),
        "image_id": (RatingRow.image_id, np.int64),
        "revision": (RatingRow.revision, np.int64),
        "value": (RatingRow.value, object),
        "reason": (RatingRow.reason, object),
        "duration_ms": (RatingRow.duration_ms, object),
        # As the driver gives it: pandas parses a column of times faster than Python each of them.
        "created_at": (type_coerce(RatingRow.created_at, String), object),
    }
    query = select(*(column for column, _ in selected.values()))
    query = query.where(RatingRow.criterion_id.in_(criteria), _counted)
    parts: dict[str, list[np.ndarray]] = {
        name: [np.array([], dtype=kind)] for name, (_, kind) in selected.items()
    }
    # The connection's own rows: the session would look at each for objects.
    connection = session.connection().execution_options(stream_results=True)
    for rows in connection.execute(query).partitions(_ROWS_AT_ONCE):
        for (name, (_, kind)), values in zip(selected.items(), zip(*rows, strict=True), strict=True):
            parts[name].append(np.array(values, dtype=kind))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _in_force(
    image: "np.ndarray", annotator: "np.ndarray", criterion: "np.ndarray", revision: "np.ndarray"
) -> "np.ndarray":
    """The rows of the last revisions, by image, annotator and criterion."""
    import numpy as np

    order = np.lexsort((-revision, criterion, annotator, image))
    key = np.stack([image, annotator, criterion])[:, order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
    return order[first]


def _named(names: "pd.Series", positions: "np.ndarray") -> "pd.Categorical[str]":
    import pandas as pd

    codes, distinct = pd.factorize(names.to_numpy(dtype=object))
    categories: pd.Index[str] = pd.Index(distinct, dtype=object)
    named = pd.Categorical.from_codes(codes[positions], categories)
    return named.remove_unused_categories()


def _frame(session: "Session", query: Any, names: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame.from_records([tuple(row) for row in session.execute(query)], columns=list(names))

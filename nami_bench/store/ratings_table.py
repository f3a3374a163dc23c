"""A study's ratings as columns, for statistics over millions of values: one object a row is too slow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, func, select, type_coerce

from nami_bench.store.exclusions import is_counted
from nami_bench.store.finding import find_study
from nami_bench.store.tables import AnnotatorRow, CriterionRow, ImageRow, ModelRow, PromptRow, RatingRow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sqlalchemy import ColumnElement, Executable
    from sqlalchemy.orm import Session

    Pack = Callable[[Sequence[Any]], np.ndarray]

_ROWS_AT_ONCE = 2000
"""Few enough that they are gone before Python's collector of garbage moves them among what is old."""

_MUCH = 4
"""A study that has one of so many neighbouring rows makes up much of the table."""

_counted = is_counted(RatingRow.annotator_id)


def ratings_table(session: "Session", study: str) -> "pd.DataFrame":
    """See `Ratings.table`."""
    import numpy as np
    import pandas as pd

    study_id = find_study(session, study).id
    criteria = _criteria(session, study_id)
    annotators = _annotators(session)
    images = _images(session, study_id)
    columns = read_ratings(session, list(criteria["id"]), _PACKED)
    criterion, annotator, image = (
        pd.Index(known["id"]).get_indexer(columns[f"{name}_id"]).astype(np.int32)
        for name, known in (("criterion", criteria), ("annotator", annotators), ("image", images))
    )
    keep = in_order((image, annotator, criterion))
    columns = {name: array[keep] for name, array in columns.items()}
    duration = columns["duration_ms"]
    unknown = np.isnan(duration)
    created_at = columns["created_at"].view("M8[us]")
    return pd.DataFrame(
        {
            "study": _named(pd.Series([study]), np.zeros(len(keep), dtype=np.int64)),
            "annotator": _named(annotators["name"], annotator[keep]),
            "model": _named(images["model"], image[keep]),
            "prompt_id": _named(images["prompt_id"], image[keep]),
            "sample": images["sample"].to_numpy(dtype="int64")[image[keep]],
            "criterion": _named(criteria["name"], criterion[keep]),
            "value": columns["value"],
            "reason": pd.Categorical(columns["reason"]),
            "duration_ms": pd.arrays.IntegerArray(np.where(unknown, 1, duration).astype(np.int64), unknown),
            "created_at": pd.DatetimeIndex(created_at).tz_localize("UTC"),
        }
    )


def read_ratings(
    session: "Session", criteria: Sequence[int], packed: "Mapping[str, Pack]", after: int = 0
) -> "dict[str, np.ndarray]":
    """The criteria's ratings in force that count, in no order: one array for each name in `packed`.

    `packed` says what becomes of a column's values, so that no more than a part of them is ever objects.
    Rows up to `after` are passed over.
    """
    import numpy as np

    selected = [_COLUMNS[name] for name in packed]
    parts: dict[str, list[np.ndarray]] = {name: [pack([])] for name, pack in packed.items()}
    query = select(*selected).where(of_criteria(session, criteria, after), RatingRow.current, _counted)
    for rows in plain_rows(session, query):
        for (name, pack), values in zip(packed.items(), zip(*rows, strict=True), strict=True):
            parts[name].append(pack(values))
    return {name: np.concatenate(parts.pop(name)) for name in packed}


def plain_rows(session: "Session", query: "Executable") -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows of a query on columns that the driver gives as they are, part by part.

    They are the driver's own tuples: to make an object of each takes twice as long as to read it.
    """
    with session.connection().execution_options(stream_results=True).execute(query) as result:
        # One row may be in the result's buffer already, and nothing else.
        rows: Sequence[Any] = [tuple(row) for row in result.fetchmany(1)]
        while rows:
            yield rows
            rows = result.cursor.fetchmany(_ROWS_AT_ONCE) if result.cursor is not None else ()


def in_order(key: "Sequence[np.ndarray]") -> "np.ndarray":
    """The rows sorted by `key`: arrays of codes from 0, the first one foremost."""
    import numpy as np

    combined = np.zeros(len(key[0]), dtype=np.int64)
    for codes in key:
        combined = combined * (int(codes.max(initial=0)) + 1) + codes
    return np.argsort(combined)


def of_criteria(session: "Session", criteria: Sequence[int], after: int = 0) -> "ColumnElement[bool]":
    """Condition: the rating is of one of the criteria, and recorded after row `after`.

    Where these make up much of the table, it is read from one end to the other, between their first and last
    row: by the index that SQLite would take, each row is a search of its own and takes three times as long.
    """
    those = RatingRow.criterion_id.in_(criteria)
    scanned = (RatingRow.criterion_id + 0).in_(criteria)
    if after:
        return (RatingRow.id > after) & scanned
    query = select(func.count(), func.min(RatingRow.id), func.max(RatingRow.id)).where(those)
    count, first, last = session.execute(query).one()
    if not count or count * _MUCH < last - first:
        return those
    return RatingRow.id.between(first, last) & scanned


def _codes(values: Sequence[int]) -> "np.ndarray":
    import numpy as np

    return np.array(values, dtype=np.int32)


def _floats(values: Sequence[float | None]) -> "np.ndarray":
    import numpy as np

    return np.array(values, dtype=np.float64)  # None becomes NaN


def _objects(values: Sequence[str | None]) -> "np.ndarray":
    import numpy as np

    return np.array(values, dtype=object)


def _instants(values: Sequence[Any]) -> "np.ndarray":
    """Microseconds since 1970; pandas parses a column of times faster than Python each of them."""
    import pandas as pd

    return pd.to_datetime(values, utc=True, format="ISO8601").as_unit("us").asi8


_COLUMNS: dict[str, Any] = {
    "criterion_id": RatingRow.criterion_id,
    "annotator_id": RatingRow.annotator_id,
    "image_id": RatingRow.image_id,
    "value": RatingRow.value,
    "reason": RatingRow.reason,
    "duration_ms": RatingRow.duration_ms,
    "created_at": type_coerce(RatingRow.created_at, String),  # as the driver gives it
}
KEY_AND_VALUE: "dict[str, Pack]" = {
    **dict.fromkeys(("criterion_id", "annotator_id", "image_id"), _codes),
    "value": _floats,
}
"""For `read_ratings`: whose value it is, and the value."""

_PACKED: "dict[str, Pack]" = {
    **KEY_AND_VALUE, "reason": _objects, "duration_ms": _floats, "created_at": _instants
}  # fmt: skip


def _criteria(session: "Session", study_id: int) -> "pd.DataFrame":
    query = select(CriterionRow.id, CriterionRow.name).where(CriterionRow.study_id == study_id)
    return _frame(session, query.order_by(CriterionRow.position), ("id", "name"))


def _annotators(session: "Session") -> "pd.DataFrame":
    query = select(AnnotatorRow.id, AnnotatorRow.name).order_by(AnnotatorRow.id)
    return _frame(session, query, ("id", "name"))


def _images(session: "Session", study_id: int) -> "pd.DataFrame":
    """The rated images, in the order of `Ratings.all`."""
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


def _named(names: "pd.Series", positions: "np.ndarray") -> "pd.Categorical[str]":
    import pandas as pd

    codes, distinct = pd.factorize(names.to_numpy(dtype=object))
    categories: pd.Index[str] = pd.Index(distinct, dtype=object)
    named = pd.Categorical.from_codes(codes[positions], categories)
    return named.remove_unused_categories()


def _frame(session: "Session", query: Any, names: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame.from_records([tuple(row) for row in session.execute(query)], columns=list(names))

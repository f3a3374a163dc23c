"""The tidy table of ratings: one row for each value that an annotator gave or withheld.

| column | dtype | holds |
|---|---|---|
| study, annotator, model, prompt_id, criterion | category of str | names; "00012" stays a text |
| sample | int64 | number of the image among those of its prompt, from 0 |
| value | float64 | on the criterion's own scale; NaN where the annotator could not judge |
| reason | category of str | why there is no value; missing where there is one |
| duration_ms | Int64 | time on the image; missing where it is not known |
| created_at | datetime64[us, UTC] | missing where it is not known |

(study, annotator, model, prompt_id, sample, criterion) occurs once.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter

import numpy as np
import pandas as pd

from nami_bench.domain import Rating

KEY = ("study", "annotator", "model", "prompt_id", "sample", "criterion")
COLUMNS = (*KEY, "value", "reason", "duration_ms", "created_at")
IMAGE = ("model", "prompt_id", "sample")
"""What tells images apart."""

_DTYPES = {
    **dict.fromkeys(KEY, "category"),
    "sample": "int64",
    "value": "float64",
    "reason": "category",
    "duration_ms": "Int64",
    "created_at": "datetime64[us, UTC]",
}


def ratings_table(ratings: Iterable[Rating]) -> pd.DataFrame:
    """The tidy table of `ratings`, in their order."""
    rows = map(attrgetter(*COLUMNS), ratings)
    return typed(pd.DataFrame.from_records(list(rows), columns=list(COLUMNS)))


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Give a table that holds `COLUMNS` the dtypes of the tidy table."""
    created = pd.to_datetime(table["created_at"], utc=True)
    return table.assign(created_at=created).astype(_DTYPES)


def in_order(table: pd.DataFrame, criteria: Sequence[str]) -> pd.DataFrame:
    """The rows by model, prompt, sample, annotator (by name) and criterion (in the order of `criteria`).

    An order that depends on nothing but the ratings: two databases that hold the same give the same file.
    """
    keys = [_ranks(table["criterion"], criteria)]
    for name in ("annotator", "sample", "prompt_id", "model"):  # lexsort takes the first key last
        column = table[name]
        keys.append(column.to_numpy() if name == "sample" else _ranks(column, sorted(column.cat.categories)))
    return table.iloc[np.lexsort(keys)].reset_index(drop=True)


def _ranks(column: "pd.Series[str]", order: Sequence[str]) -> "np.ndarray":
    rank = {name: number for number, name in enumerate(order)}
    ranks = np.array([rank[name] for name in column.cat.categories], dtype=np.int64)
    return np.asarray(ranks[column.cat.codes])


def table_ratings(table: pd.DataFrame) -> list[Rating]:
    """The rows of a tidy table as domain values; the inverse of `ratings_table`."""
    columns = []
    for name in COLUMNS:
        values = table[name].astype(object)
        columns.append(values.where(values.notna(), None).tolist())
    # pandas' Timestamp is a datetime, but with habits of its own.
    columns[-1] = [None if at is None else at.to_pydatetime() for at in columns[-1]]
    return [Rating(*row) for row in zip(*columns, strict=True)]

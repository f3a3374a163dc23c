"""Ratings as a Parquet file: the CSV file's columns, and what is known of their study in its metadata."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.table import COLUMNS, typed
from nami_bench.export.carried_study import about_criteria
from nami_bench.export.frame_columns import read_frame_columns, refuse_place
from nami_bench.export.parquet_columns import (
    ParquetColumns,
    parquet_bytes,
    read_parquet_columns,
    refuse_row,
)
from nami_bench.export.ratings_checks import check_ratings
from nami_bench.export.ratings_file import OPTIONAL

SCHEMA = pa.schema(
    {
        **dict.fromkeys(("study", "annotator", "model", "prompt_id"), pa.string()),
        "sample": pa.int64(),
        "criterion": pa.string(),
        "value": pa.float64(),
        "reason": pa.string(),
        "duration_ms": pa.int64(),
        "created_at": pa.timestamp("us", tz="UTC"),
    }
)
"""`COLUMNS` of the tidy table. Plain strings: the `datasets` library reads no dictionaries."""
_NAMES = ("study", "annotator", "model", "prompt_id", "criterion")
_COLUMNS = ParquetColumns(SCHEMA, _NAMES, OPTIONAL, "ratings")


def ratings_parquet(
    table: pd.DataFrame, criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None
) -> bytes:
    """A tidy table as a Parquet file.

    Its metadata hold the criteria, so that `carried_study` finds them, and `about`: what else a reader
    should know (JSON).
    """
    plain = {name: table[name].astype(object) for name in table.select_dtypes("category").columns}
    arrow = pa.Table.from_pandas(table.assign(**plain)[list(COLUMNS)], SCHEMA, preserve_index=False)
    return parquet_bytes(arrow, about_criteria(criteria, about))


def read_ratings_parquet(path: Path, criteria_of: Callable[[str], Sequence[Criterion]]) -> pd.DataFrame:
    """The tidy table of a Parquet file of ratings, checked as `read_ratings` checks a CSV file.

    Columns may have any type that converts without loss. Raises InputError, which names the row (from 1).
    """
    table = typed(read_parquet_columns(path, _COLUMNS))
    check_ratings(table, criteria_of, partial(refuse_row, path))
    return table


def read_ratings_frame(
    frame: pd.DataFrame, criteria_of: Callable[[str], Sequence[Criterion]]
) -> pd.DataFrame:
    """The tidy table of a data frame of ratings, checked likewise.

    See `read_frame_columns`. Raises InputError, which names the row as `.iloc` does.
    """
    table = typed(read_frame_columns(frame, _COLUMNS))
    check_ratings(table, criteria_of, refuse_place)
    return table

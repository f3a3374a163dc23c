"""Pairwise comparisons as a Parquet file: the columns of the CSV file, and what is known of their study."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from nami_bench.domain import Comparison, Criterion
from nami_bench.export.carried_study import about_criteria
from nami_bench.export.comparisons_checks import OPTIONAL, REQUIRED, checked_comparisons
from nami_bench.export.frame_columns import place, read_frame_columns, refuse_place
from nami_bench.export.parquet_columns import (
    ParquetColumns,
    parquet_bytes,
    read_parquet_columns,
    refuse_row,
)

SCHEMA = pa.schema(
    {
        **dict.fromkeys(("study", "annotator", "prompt_id"), pa.string()),
        "sample": pa.int64(),
        **dict.fromkeys(("criterion", "left", "right", "outcome", "reason"), pa.string()),
        **dict.fromkeys(("position", "duration_ms"), pa.int64()),
        "created_at": pa.timestamp("us", tz="UTC"),
    }
)
_NAMES = ("study", "annotator", "prompt_id", "criterion", "left", "right")
_COLUMNS = ParquetColumns(SCHEMA, _NAMES, OPTIONAL, "comparisons")


def comparisons_parquet(
    comparisons: Sequence[Comparison], criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None
) -> bytes:
    """Comparisons in their order; see `ratings_parquet` for the metadata."""
    columns = {name: [getattr(one, name) for one in comparisons] for name in (*REQUIRED, *OPTIONAL)}
    columns["outcome"] = [None if outcome is None else outcome.value for outcome in columns["outcome"]]
    return parquet_bytes(pa.table(columns, schema=SCHEMA), about_criteria(criteria, about))


def read_comparisons_parquet(path: Path) -> list[Comparison]:
    """The comparisons of a Parquet file, checked as `read_comparisons` checks a CSV file.

    Raises InputError, which names the row (from 1).
    """
    table = read_parquet_columns(path, _COLUMNS)
    return checked_comparisons(table, partial(refuse_row, path), lambda row: f"row {row + 1}")


def read_comparisons_frame(frame: pd.DataFrame) -> list[Comparison]:
    """The comparisons of a data frame, checked likewise.

    See `read_frame_columns`. Raises InputError, which names the row as `.iloc` does.
    """
    return checked_comparisons(read_frame_columns(frame, _COLUMNS), refuse_place, place)

"""Pairwise comparisons as a Parquet file: the columns of the CSV file, and what is known of their study."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from nami_bench.domain import Comparison, Criterion
from nami_bench.export.carried_study import about_criteria
from nami_bench.export.comparisons_checks import OF_VOTES, OPTIONAL, checked_table, comparisons_of
from nami_bench.export.comparisons_file import written_columns
from nami_bench.export.frame_columns import place, read_frame_columns, refuse_place
from nami_bench.export.parquet_columns import (
    ParquetColumns,
    parquet_bytes,
    read_parquet_coded,
    refuse_row,
)

SCHEMA = pa.schema(
    {
        **dict.fromkeys(("study", "annotator", "prompt_id"), pa.string()),
        "sample": pa.int64(),
        **dict.fromkeys(("criterion", "left", "right", "outcome", "reason"), pa.string()),
        **dict.fromkeys(("position", "duration_ms"), pa.int64()),
        "created_at": pa.timestamp("us", tz="UTC"),
        **dict.fromkeys(("left_sample", "right_sample", "repeat", "count"), pa.int64()),
        "weight": pa.float64(),
    }
)
ABOUT_VOTES = ("prompt", "left_image", "right_image", "country", "language")
"""Texts that a file of votes may hold beside them, each of which a board can be split by; numbers are
`expertise` of the voter and any pair of columns left_NAME, right_NAME."""
_NAMES = ("study", "prompt_id", "criterion", "left", "right")
_COLUMNS = ParquetColumns(SCHEMA, _NAMES, OPTIONAL, "comparisons", unknown=("annotator",))
_SEEN = ("study", "annotator", "prompt_id", "sample", "criterion", "left", "right", "outcome", "reason")
COUNTED = (*_SEEN, *OF_VOTES)
"""What numbers can rest on."""


def comparisons_parquet(
    comparisons: Sequence[Comparison], criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None
) -> bytes:
    """Comparisons in their order; see `ratings_parquet` for the metadata."""
    columns = {name: [getattr(one, name) for one in comparisons] for name in written_columns(comparisons)}
    columns["outcome"] = [None if outcome is None else outcome.value for outcome in columns["outcome"]]
    schema = pa.schema([field for field in SCHEMA if field.name in columns])
    return parquet_bytes(pa.table(columns, schema=schema), about_criteria(criteria, about))


def read_comparisons_parquet(path: Path) -> list[Comparison]:
    """The comparisons of a Parquet file, checked as `read_comparisons` checks a CSV file.

    Raises InputError, which names the row (from 1).
    """
    return comparisons_of(read_comparisons_parquet_table(path, SCHEMA.names))


def read_comparisons_parquet_table(
    path: Path, wanted: Sequence[str] = COUNTED, more: Sequence[str] = ()
) -> pd.DataFrame:
    """The columns `wanted` of a Parquet file's comparisons, and `more` of what is beside them, as a table.

    Texts are read as categories, so that millions of rows fit into memory. Raises InputError, which names the
    row (from 1).
    """
    table = read_parquet_coded(path, _COLUMNS, wanted, more, _is_about)
    return checked_table(table, partial(refuse_row, path), lambda row: f"row {row + 1}")


def read_comparisons_frame(frame: pd.DataFrame) -> list[Comparison]:
    """The comparisons of a data frame, checked likewise.

    See `read_frame_columns`. Raises InputError, which names the row as `.iloc` does.
    """
    return comparisons_of(read_comparisons_frame_table(frame))


def read_comparisons_frame_table(frame: pd.DataFrame, more: Sequence[str] = ()) -> pd.DataFrame:
    """The comparisons of a data frame as a table of our own, with `more` of its columns as they are."""
    table = checked_table(read_frame_columns(frame, _COLUMNS), refuse_place, place)
    return table.assign(**{name: frame[name].array for name in more})


def _is_about(name: str) -> bool:
    return name in ABOUT_VOTES or name == "expertise" or name.startswith(("left_", "right_"))

"""Orders of images, and best and worst, as a Parquet file: the columns of the CSV file, and their study."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from nami_bench.domain import Criterion, Ranking
from nami_bench.export.carried_study import about_criteria
from nami_bench.export.frame_columns import frame_header, place, read_frame_columns, refuse_place
from nami_bench.export.parquet_columns import (
    ParquetColumns,
    parquet_bytes,
    parquet_header,
    read_parquet_columns,
    refuse_row,
)
from nami_bench.export.rankings_checks import (
    EXTREMES,
    OPTIONAL,
    ORDERS,
    UNSAID,
    checked_rankings,
    columns_of,
    ranking_cells,
)

_NUMBERS = ("sample", "rank", "place", "position", "duration_ms")
_NAMES = ("trial", "prompt_id", "model", "items")


def _columns(kind: tuple[str, ...]) -> ParquetColumns:
    types = {name: pa.int64() if name in _NUMBERS else pa.string() for name in (*kind, *OPTIONAL[kind])}
    schema = pa.schema({**types, "created_at": pa.timestamp("us", tz="UTC")})
    names = [name for name in _NAMES if name in schema.names]
    return ParquetColumns(schema, names, (*OPTIONAL[kind], *UNSAID), "rankings")


def rankings_parquet(
    rankings: Sequence[Ranking],
    criteria: Sequence[Criterion],
    about: Mapping[str, Any] | None = None,
    *,
    best_worst: bool,
) -> bytes:
    """Rankings in their order; see `ratings_parquet` for the metadata."""
    cells = ranking_cells(rankings, best_worst=best_worst)
    schema = _columns(EXTREMES if best_worst else ORDERS).schema
    return parquet_bytes(pa.table(cells, schema=schema), about_criteria(criteria, about))


def read_rankings_parquet(path: Path) -> list[Ranking]:
    """The rankings of a Parquet file, checked as `read_rankings` checks a CSV file.

    Raises InputError, which names the row (from 1).
    """
    kind = columns_of(parquet_header(path)) or ORDERS
    table = read_parquet_columns(path, _columns(kind))
    return checked_rankings(table, kind, partial(refuse_row, path), lambda row: f"row {row + 1}")


def read_rankings_frame(frame: pd.DataFrame) -> list[Ranking]:
    """The rankings of a data frame, checked likewise.

    See `read_frame_columns`. Raises InputError, which names the row as `.iloc` does.
    """
    kind = columns_of(frame_header(frame)) or ORDERS
    return checked_rankings(read_frame_columns(frame, _columns(kind)), kind, refuse_place, place)

"""Ratings as a Parquet file: the columns of the CSV file, and the criteria in its metadata."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evaluation.human.table import COLUMNS, typed
from nami_bench.config import validated
from nami_bench.domain import Criteria, Criterion, Total
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.leaderboard.ratings_checks import check_ratings

METADATA_KEY = b"nami_bench"
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
_NEVER_NULL = ("study", "annotator", "model", "prompt_id", "sample", "criterion")


@dataclass(frozen=True, slots=True)
class _EmbeddedCriterion:
    name: str
    weight: float
    minimum: float
    maximum: float
    anchors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Embedded:
    criteria: tuple[_EmbeddedCriterion, ...]
    total: str = Total.ARITHMETIC


def ratings_parquet(
    table: pd.DataFrame, criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None
) -> bytes:
    """A tidy table as a Parquet file.

    Its metadata hold the criteria, so that `embedded_criteria` finds them, and `about`: what else a reader
    should know (JSON).
    """
    plain = {name: table[name].astype(object) for name in table.select_dtypes("category").columns}
    arrow = pa.Table.from_pandas(table.assign(**plain)[list(COLUMNS)], SCHEMA, preserve_index=False)
    return parquet_bytes(arrow, criteria, about)


def parquet_bytes(table: pa.Table, criteria: Sequence[Criterion], about: Mapping[str, Any] | None) -> bytes:
    """A Parquet file of `table` with the criteria and `about` in its metadata."""
    metadata = {
        **(about or {}),
        "criteria": [
            {
                "name": c.name,
                "weight": c.weight,
                "minimum": c.minimum,
                "maximum": c.maximum,
                "anchors": {f"{at:g}": words for at, words in c.anchors.items()},
            }
            for c in criteria
        ],
        "total": Criteria.of(criteria).total,
    }
    described = table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata, default=str)})
    sink = pa.BufferOutputStream()
    pq.write_table(described, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_ratings_parquet(path: Path, criteria_of: Callable[[str], Sequence[Criterion]]) -> pd.DataFrame:
    """The tidy table of a Parquet file of ratings, checked as `read_ratings` checks a CSV file.

    Columns may have any type that converts without loss. Raises InputError, which names the row (from 1).
    """
    try:
        found = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"cannot read {path} as Parquet: {_first_line(error)}") from error
    for name in found.column_names:
        if name not in COLUMNS:
            raise InputError(f"{path}: {UnknownNameError('column', name, COLUMNS)}")
    missing = [name for name in (*_NEVER_NULL, "value") if name not in found.column_names]
    if missing:
        raise InputError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    if not found.num_rows:
        raise InputError(f"{path} holds no ratings")
    columns = {field.name: _column(path, found, field) for field in SCHEMA}

    def refuse(row: int, problem: str) -> NoReturn:
        raise InputError(f"{path}, row {row + 1}: {problem}")

    table = typed(pa.table(columns).to_pandas(types_mapper=_TYPES.get))
    check_ratings(table, criteria_of, refuse)
    return table


def embedded_criteria(path: Path) -> tuple[Criterion, ...] | None:
    """The criteria that `ratings_parquet` put into a file's metadata; None for any other file."""
    try:
        raw = (pq.read_schema(path).metadata or {}).get(METADATA_KEY)
        document = {} if raw is None else json.loads(raw)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"cannot read {path} as Parquet: {_first_line(error)}") from error
    if "criteria" not in document:
        return None
    known = {name: document[name] for name in ("criteria", "total") if name in document}
    embedded = validated(_Embedded, known, f"{path}: metadata")
    criteria = (
        Criterion(c.name, c.weight, c.minimum, c.maximum, {float(at): w for at, w in c.anchors.items()})
        for c in embedded.criteria
    )
    return Criteria(criteria, embedded.total)


_TYPES: dict[pa.DataType, Any] = {pa.int64(): pd.Int64Dtype()}


def _column(path: Path, table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    try:
        column = table.column(field.name).cast(field.type)
    except pa.ArrowException as error:
        raise InputError(f"{path}: column {field.name!r} is not usable: {_first_line(error)}") from error
    if field.name in _NEVER_NULL:
        empty = column.is_null() if field.type != pa.string() else pc.fill_null(pc.equal(column, ""), True)
        if (row := pc.index(empty, True).as_py()) >= 0:
            raise InputError(f"{path}, row {row + 1}: {field.name} is empty")
    return column


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

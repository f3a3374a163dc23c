"""Tables in Parquet files, column by column; what a file says of its study, in its metadata."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.export.csv_columns import is_name, other_form
from nami_bench.export.ratings_checks import Refuse
from nami_bench.foreign_text import parse_json

METADATA_KEY = b"nami_bench"


@dataclass(frozen=True, slots=True)
class ParquetColumns:
    """What a file's columns are: their types, which hold names, which may be left out, and what a row is.

    `unknown`: which hold names that may be empty.
    """

    schema: pa.Schema
    names: Collection[str]
    optional: Collection[str]
    rows: str
    unknown: Collection[str] = ()


def parquet_bytes(table: pa.Table, about: Mapping[str, Any]) -> bytes:
    """A Parquet file of `table` with `about`, as JSON, in its metadata."""
    described = table.replace_schema_metadata({METADATA_KEY: json.dumps(about, default=str)})
    sink = pa.BufferOutputStream()
    pq.write_table(described, sink, compression="zstd")
    return bytes(sink.getvalue())


def parquet_metadata(path: Path) -> dict[str, Any]:
    """What `parquet_bytes` put into a file's metadata; empty for any other file."""
    with reading_parquet(path):
        raw = (pq.read_metadata(path).metadata or {}).get(METADATA_KEY)
        document = {} if raw is None else parse_json(raw)
    return document if isinstance(document, dict) else {}


def parquet_header(path: Path) -> tuple[str, ...]:
    """The names of a Parquet file's columns; raises InputError for what cannot be read."""
    with reading_parquet(path):
        return tuple(pq.read_schema(path).names)


def read_parquet_columns(path: Path, columns: ParquetColumns) -> pd.DataFrame:
    """The columns of a Parquet file, in the order of `columns.schema`; optional ones that it lacks are null.

    They may have any type that converts without loss; blanks around names are taken off, and empty texts
    are none. Raises InputError, which names the row (from 1).
    """
    with reading_parquet(path):
        found = pq.read_table(path)
        for name in found.column_names:
            if name not in columns.schema.names:
                raise InputError(
                    f"{path}: {UnknownNameError('column', name, columns.schema.names)}"
                    f"{other_form(found.column_names)}"
                )
        return arrow_columns(found, columns, str(path), partial(refuse_row, path))


def read_parquet_coded(
    path: Path,
    columns: ParquetColumns,
    wanted: Sequence[str],
    more: Sequence[str],
    is_about: Callable[[str], bool],
) -> pd.DataFrame:
    """The `wanted` columns of `columns`, and `more` of any other type, one column after the other.

    Texts come as categories: of millions of rows each distinct one is kept once. The file may have further
    columns that `is_about` knows. Raises InputError, which names the row (from 1).
    """
    with reading_parquet(path):
        names = pq.read_schema(path).names
        for name in names:
            if name not in columns.schema.names and name not in more and not is_about(name):
                raise InputError(
                    f"{path}: {UnknownNameError('column', name, columns.schema.names)}{other_form(names)}"
                )
        lacking = [name for name in more if name not in names]
        if lacking:
            raise InputError(f"{path} has no column {lacking[0]!r}: it has {', '.join(names)}")
        chosen = replace(columns, schema=pa.schema([f for f in columns.schema if f.name in wanted]))
        _check_lacking(names, chosen, str(path), pq.read_metadata(path).num_rows)
        refuse = partial(refuse_row, path)
        kept = [field for field in chosen.schema if field.name in names]
        found = {field.name: _coded(path, field, chosen, refuse) for field in kept}
        found |= {
            name: _series(pq.read_table(path, columns=[name], use_threads=False).column(0)) for name in more
        }
    return pd.DataFrame(found, copy=False)


def _coded(path: Path, field: pa.Field, columns: ParquetColumns, refuse: Refuse) -> "pd.Series[Any]":
    return _series(_column(_read(path, field.name), field, columns, str(path), refuse))


def _read(path: Path, name: str) -> pa.Table:
    return pq.read_table(path, columns=[name], use_threads=False)


def _series(column: pa.ChunkedArray) -> "pd.Series[Any]":
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.dictionary_encode()
    series: pd.Series[Any] = column.to_pandas(types_mapper=_TYPES.get)
    return series


@contextmanager
def reading_parquet(path: Path) -> Iterator[None]:
    """What a damaged file makes Arrow raise, there and wherever its bytes are no text, as InputError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {path} as Parquet: {_first_line(error)}") from error


def arrow_columns(found: pa.Table, columns: ParquetColumns, where: str, refuse: Refuse) -> pd.DataFrame:
    """`read_parquet_columns` of a table in memory, which messages call `where`; `refuse` names its rows."""
    _check_lacking(found.column_names, columns, where, found.num_rows)
    typed = {field.name: _column(found, field, columns, where, refuse) for field in columns.schema}
    frame: pd.DataFrame = pa.table(typed).to_pandas(types_mapper=_TYPES.get)
    return frame


def _check_lacking(there: Collection[str], columns: ParquetColumns, where: str, rows: int) -> None:
    names = columns.schema.names
    missing = [name for name in names if name not in there and name not in columns.optional]
    if missing:
        raise InputError(f"{where} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    if not rows:
        raise InputError(f"{where} holds no {columns.rows}")


def refuse_row(path: Path, row: int, problem: str) -> NoReturn:
    """Raise InputError for a row (from 0), which people count from 1."""
    raise InputError(f"{path}, row {row + 1}: {problem}")


_TYPES: dict[pa.DataType, Any] = {pa.int64(): pd.Int64Dtype()}


def _column(
    table: pa.Table, field: pa.Field, columns: ParquetColumns, where: str, refuse: Refuse
) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    try:
        column = table.column(field.name).cast(field.type)
    except pa.ArrowException as error:
        raise InputError(f"{where}: column {field.name!r} is not usable: {_first_line(error)}") from error
    if field.name in columns.names:
        column = pc.utf8_trim_whitespace(column)
        _check_names(field.name, column, refuse)
    elif field.name in columns.unknown:
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.equal(column, ""), None, column)
        _check_printable(field.name, column, refuse)
    elif field.type == pa.string():
        column = pc.if_else(pc.equal(column, ""), None, column)
    if field.name == "sample":
        _refuse_first(column.is_null(), "sample is empty", refuse)
        _refuse_first(pc.less(column, 0), "sample is below 0", refuse)
    return column


def _check_names(name: str, column: pa.ChunkedArray, refuse: Refuse) -> None:
    _refuse_first(pc.fill_null(pc.equal(column, ""), True), f"{name} is empty", refuse)
    _check_printable(name, column, refuse)


def _check_printable(name: str, column: pa.ChunkedArray, refuse: Refuse) -> None:
    bad = [text for text in pc.unique(column).to_pylist() if text is not None and not is_name(text)]
    if bad:
        _refuse_first(pc.is_in(column, pa.array(bad)), f"{name} is unprintable", refuse)


def _refuse_first(wrong: pa.ChunkedArray, problem: str, refuse: Refuse) -> None:
    if (row := pc.index(wrong, True).as_py()) >= 0:
        refuse(row, problem)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

"""Tables in pandas data frames, read as Parquet files are: any dtype that converts without loss will do."""

from collections.abc import Sequence
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa

from nami_bench.errors import InputError, did_you_mean
from nami_bench.export.parquet_columns import ParquetColumns, arrow_columns

WHERE = "the data frame"


def read_frame_columns(frame: pd.DataFrame, columns: ParquetColumns) -> pd.DataFrame:
    """The columns of a data frame, or levels of its index, in the order of `columns.schema`.

    Other columns are passed over; optional ones that it lacks are null. Times without a zone are UTC. `frame`
    stays as it is. Raises InputError, which names the row as `.iloc` does, and near names of a column that is
    missing.
    """
    header = frame_header(frame)
    _check_header(header, columns)
    found = {name: _arrow(name, frame) for name in columns.schema.names if name in header}
    return arrow_columns(pa.table(found), columns, WHERE, refuse_place)


def frame_header(frame: pd.DataFrame) -> tuple[str, ...]:
    """The names of a data frame's columns and of its index's levels, those that are texts."""
    if frame.columns.nlevels > 1:
        raise InputError(f"{WHERE} has columns of {frame.columns.nlevels} levels: give it one row of names")
    return tuple(name for name in (*frame.columns, *frame.index.names) if isinstance(name, str))


def refuse_place(row: int, problem: str) -> NoReturn:
    """Raise InputError for a row (from 0), which users of pandas find so."""
    raise InputError(f"{WHERE}, {place(row)}: {problem}")


def place(row: int) -> str:
    """A row (from 0) by its place, whatever the index is."""
    return f".iloc[{row}]"


def _check_header(header: Sequence[str], columns: ParquetColumns) -> None:
    known = columns.schema.names
    others = [name for name in header if name not in known]
    lacking = [
        f"{name} ({advice})" if (advice := did_you_mean(name, others)) else name
        for name in known
        if name not in header and name not in columns.optional
    ]
    if lacking:
        needed = ", ".join(name for name in known if name not in columns.optional)
        raise InputError(
            f"{WHERE} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}; "
            f"{columns.rows} have {needed}"
        )


def _arrow(name: str, frame: pd.DataFrame) -> Any:
    """A column as Arrow has it, an array or chunks of one."""
    try:
        values = _series(name, frame)
        if name == "created_at":
            values = _instants(values)
        # What is categorical is so in name only: its categories may be numbers, which Arrow keeps apart.
        plain = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
        return pa.array(plain, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{WHERE}: column {name!r} is not usable: {reason}") from error


def _series(name: str, frame: pd.DataFrame) -> "pd.Series[Any]":
    if name not in frame.columns:
        return pd.Series(frame.index.get_level_values(name))
    if list(frame.columns).count(name) > 1:
        raise InputError(f"{WHERE} has the column {name!r} twice")
    return frame[name]


def _instants(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Times of any kind as those of the tidy table: in UTC, to the microsecond."""
    if pd.api.types.is_numeric_dtype(values.dtype) and values.notna().any():
        raise ValueError("these are numbers, not times")
    if not pd.api.types.is_datetime64_any_dtype(values.dtype) or isinstance(values.dtype, pd.ArrowDtype):
        values = values.astype(object)
    return pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("us")

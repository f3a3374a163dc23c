"""The rows of a Parquet file: texts, numbers and lists of them; images and whatever else are left out."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nami_bench.errors import InputError
from nami_bench.foreign_text import check_numbers
from nami_bench.prompts.json_rows import Row

_ROWS_AT_ONCE = 10_000


def parquet_rows(data: bytes, where: str) -> tuple[tuple[str, ...], Iterator[Row], list[str]]:
    """The names of the columns, the rows, and what is left out; raises InputError for what is none."""
    try:
        file = pq.ParquetFile(BytesIO(data))
        schema = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{where} is no Parquet file: {_first_line(error)}") from error
    kept = tuple(field.name for field in schema if _is_kept(field.type))
    left = [f"{field.name} ({field.type})" for field in schema if field.name not in kept]
    notes = [f"left out, for they hold no text: {', '.join(left)}"] if left else []
    return kept, _rows(file, kept, where), notes


def _rows(file: pq.ParquetFile, columns: tuple[str, ...], where: str) -> Iterator[Row]:
    number = 0
    try:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(columns)):
            for row in batch.to_pylist():
                number += 1
                yield f"{where} row {number}", {key: cell for key, cell in row.items() if _is_said(cell)}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{where} cannot be read after row {number}: {_first_line(error)}") from error


def _is_said(cell: Any) -> bool:
    """Whether there is something that JSON can say: tables have NaN where nothing is."""
    try:
        check_numbers(cell)
    except ValueError:
        return False
    return cell is not None


def _is_kept(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_kept(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _is_kept(kind.value_type)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)

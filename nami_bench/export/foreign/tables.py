"""Tables of others: CSV with any delimiter, Parquet and Excel, row by row, each cell by its column's name."""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from nami_bench.errors import InputError
from nami_bench.export.foreign.texts import delimiter_called, delimiter_of, opened_text, text_errors

_BEGINNING = 1 << 16
_ROWS_AT_ONCE = 2000
_PICTURES_AT_ONCE = 20
_PICTURE = "bytes"

Numbered = Iterator[tuple[int, Mapping[str, Any]]]


def delimited_cells(
    name: str,
    opener: Callable[[], Any],
    delimiter: str,
    encoding: str | None,
    forms: dict[str, None],
    notes: dict[str, None],
) -> Numbered:
    """The rows of a CSV file below its header, by the line on which each begins.

    Empty lines are passed over; what is understood goes into `forms` and `notes`. Raises InputError, which
    names the line, for a row with more or fewer cells than the header has.
    """
    with text_errors(name, opener, encoding), opened_text(name, opener, encoding) as text:
        sign = delimiter_of(name, text.read(_BEGINNING), delimiter)
    with text_errors(name, opener, encoding), opened_text(name, opener, encoding) as text:
        reader = csv.reader(text, delimiter=sign)
        header: list[str] = []
        begins = 1
        try:
            for record in reader:
                line, begins = begins, reader.line_num + 1
                if not any(cell.strip() for cell in record):
                    continue
                if not header:
                    header = column_names(record, notes)
                    forms[f"CSV with {delimiter_called(sign)}, {_encoding(encoding, text)}"] = None
                    continue
                if len(record) != len(header):
                    raise InputError(
                        f"{name}, line {line}: there are {len(record)} cells below {len(header)} columns: a "
                        "cell that holds the delimiter needs quotes, and a row that was cut off its end"
                    )
                yield line, dict(zip(header, record, strict=True))
        except csv.Error as error:
            raise InputError(f"{name}, line {reader.line_num}: {error}") from error
    if not header:
        raise InputError(f"{name} is empty: its first line must name the columns")


def _encoding(asked: str | None, text: Any) -> str:
    return asked or {"utf-8-sig": "UTF-8", "utf-16": "UTF-16"}.get(text.encoding, text.encoding)


def column_names(cells: Sequence[Any], notes: dict[str, None]) -> list[str]:
    """The names in a header; one without a name, or with that of another, gets its number."""
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = "" if cell is None else str(cell).strip()
        if not name:
            name = f"column {number}"
        elif name in names:
            again = 2 + sum(other.startswith(f"{name} (") for other in names)
            notes[f"there are several columns {name!r}: the next one is called {name} ({again})"] = None
            name = f"{name} ({again})"
        names.append(name)
    return names


def parquet_cells(name: str, opener: Callable[[], Any], *, pictures: bool = False) -> Numbered:
    """The rows of a Parquet file; of pictures in it only their file names are read, unless `pictures` asks
    for their bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opener() as binary:
        try:
            file = pq.ParquetFile(binary)
            wanted = None if pictures else _without_pictures(file.schema_arrow)
            at_once = _PICTURES_AT_ONCE if pictures else _ROWS_AT_ONCE
            number = 0
            for batch in file.iter_batches(at_once, columns=wanted, use_threads=False):
                for cells in batch.to_pylist():
                    number += 1
                    yield number, cells
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"cannot read {name} as Parquet: {reason}") from error


def _without_pictures(schema: Any) -> list[str]:
    import pyarrow.types as types

    wanted: list[str] = []
    for column in schema:
        if types.is_binary(column.type) or types.is_large_binary(column.type):
            continue
        inner = [column.type.field(i).name for i in range(column.type.num_fields)]
        if types.is_struct(column.type) and _PICTURE in inner:
            wanted += [f"{column.name}.{part}" for part in inner if part != _PICTURE]
        else:
            wanted.append(column.name)
    return wanted


def excel_cells(name: str, opener: Callable[[], Any], notes: dict[str, None]) -> Numbered:
    """The rows of an Excel workbook's first sheet that holds anything, by their number on it."""
    from openpyxl import load_workbook

    with opener() as binary:
        try:
            book = load_workbook(binary, read_only=True, data_only=True)
        except Exception as error:  # whatever is wrong with the archive and the XML in it
            raise InputError(f"cannot read {name} as an Excel workbook: {error}") from error
        sheets = [sheet for sheet in book.worksheets if _is_filled(sheet)]
        if not sheets:
            raise InputError(f"{name} is empty: the first row of a sheet must name the columns")
        if len(sheets) > 1:
            held = ", ".join(sheet.title for sheet in sheets)
            raise InputError(f"{name} has several sheets ({held}): save the one with judgements as a file")
        header: list[str] = []
        for number, row in enumerate(sheets[0].iter_rows(values_only=True), 1):
            if all(cell is None or not str(cell).strip() for cell in row):
                continue
            if not header:
                while row and row[-1] is None:
                    row = row[:-1]
                header = column_names(row, notes)
            else:
                yield number, {key: _cell(value) for key, value in zip(header, row, strict=False)}


def _is_filled(sheet: Any) -> bool:
    rows = sheet.iter_rows(values_only=True, max_row=min(sheet.max_row or sys.maxsize, 100))
    return any(cell is not None for row in rows for cell in row)


def _cell(value: Any) -> str:
    """A cell as a CSV file would have it: whole numbers without a fraction, empty ones as an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date | datetime) else str(value)

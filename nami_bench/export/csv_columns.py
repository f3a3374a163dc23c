"""Tables in CSV files by column: each distinct text is parsed once, a bad one is named by its line."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import pandas as pd

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.export.spreadsheet import restored

_ENCODING = "utf-8-sig"  # spreadsheet programs put a byte order mark before UTF-8
_UTF8 = "save it as 'CSV UTF-8', or name its encoding (--encoding cp1252)"
_COUNT = re.compile(r"\d{1,15}", re.ASCII)

T = TypeVar("T")
Parse = Callable[[str], object]
"""From a cell's text to its value; raises ValueError, whose text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file's columns are: how each is parsed, which may be left out, and what a row is called."""

    parsers: Mapping[str, Parse]
    optional: Sequence[str]
    rows: str

    def check(self, path: Path, header: Sequence[str]) -> None:
        """Raise InputError for columns that are unknown, missing or there twice."""
        for name in header:
            if name not in self.parsers:
                raise InputError(
                    f"{path}: {UnknownNameError('column', name, self.parsers)}{other_form(header)}"
                )
            if header.count(name) > 1:
                raise InputError(f"{path} has the column {name!r} twice")
        missing = [name for name in self.parsers if name not in header and name not in self.optional]
        if missing:
            raise InputError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")


def read_csv_columns(path: Path, columns: Columns) -> pd.DataFrame:
    """The parsed columns of a CSV file, in the order of `columns`; optional ones that it lacks are parsed
    from empty texts.

    Raises InputError, which names the line, for a missing, empty or malformed file, missing or unknown
    columns, and cells that do not parse.
    """
    texts = _read_texts(path, columns)
    table = pd.DataFrame({name: _parsed(path, texts[name], parse) for name, parse in columns.parsers.items()})
    if (texts.iloc[:, -1] == "").any():
        _check_lengths(path)
    return table


def csv_header(path: Path) -> tuple[str, ...]:
    """The names in a CSV file's first line; raises InputError for what cannot be read."""
    try:
        with path.open(encoding=_ENCODING, newline="") as file:
            return tuple(next(csv.reader(file), ()))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {_UTF8}") from error
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV table: {error}") from error


def other_form(header: Sequence[str]) -> str:
    """How to read a file with columns that are none of ours, behind what is wrong with them."""
    from nami_bench.export.foreign.profiles import recognised

    found = recognised(header)
    if found is not None:
        return f"; it looks like {found.name}: read it with --profile {found.name}"
    if len(header) == 1 and any(sign in header[0] for sign in ";\t|"):
        return "; its cells are not divided by commas: read it with --delimiter auto"
    return "; a file in another form is read with --map, see `nami-bench ratings import --help`"


def refuse_line(path: Path, row: int, problem: str) -> NoReturn:
    """Raise InputError for data row `row` (from 0), by the line on which it begins."""
    raise InputError(f"{path}, line {line_of(path, row)}: {problem}")


def line_of(path: Path, row: int) -> int:
    """The line on which data row `row` (from 0) begins; a quoted cell may span lines."""
    records = -1
    begins = 1
    for ends, record in _records(path):
        blank = not any(cell.strip() for cell in record) and len(record) < 2
        records += not blank
        if records > row:
            return begins
        begins = ends + 1
    return begins


def written(column: "pd.Series[Any]", write: Callable[[T], str]) -> "pd.Series[str]":
    """Each distinct value as text, missing ones as an empty cell."""
    codes, distinct = pd.factorize(column)
    texts = np.array([*(write(value) for value in distinct), ""], dtype=object)
    return pd.Series(texts[codes], index=column.index)


def name_parser(column: str) -> Parse:
    """Of names: what a spreadsheet needed before them, and blanks around them, are taken off."""
    return partial(_name, column)


def count_parser(column: str, unit: str = "") -> Parse:
    """Of whole numbers from 0; an empty cell is None."""
    return partial(_count, column, f" of {unit}" if unit else "")


def number_parser(column: str) -> Parse:
    """Of numbers with a decimal point; an empty cell is None."""
    return partial(_number, column)


def parse_sample(text: str) -> int:
    """A sample's number, which must be there."""
    if not _COUNT.fullmatch(text):
        raise ValueError(f"sample {text!r} is not a whole number from 0")
    return int(text)


def parse_text(text: str) -> str | None:
    """Words as they were before a spreadsheet's needs; an empty cell is None."""
    return restored(text) or None


def parse_instant(text: str) -> datetime | None:
    """A time in ISO 8601, UTC where no zone is given; an empty cell is None."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"created_at {text!r} is not a time in ISO 8601") from error


def is_name(text: str) -> bool:
    """Whether a text can stand for a name: not blank, without the characters that steer a terminal."""
    if not text.strip():
        return False
    return text.isprintable() or not any(unicodedata.category(c) == "Cc" and c not in "\n\r\t" for c in text)


def _name(column: str, text: str) -> str:
    name = restored(text).strip()
    if not is_name(name):
        raise ValueError(f"{column} is empty or unprintable")
    return name


def _count(column: str, of: str, text: str) -> int | None:
    if text and not _COUNT.fullmatch(text):
        raise ValueError(f"{column} {text!r} is not a whole number{of}")
    return int(text) if text else None


def _number(column: str, text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise ValueError(f"{column} {text!r} is not a number") from error


def _read_texts(path: Path, columns: Columns) -> pd.DataFrame:
    """All cells as they stand in the file; optional columns that it lacks are empty."""
    header = csv_header(path)
    if not header:
        raise InputError(
            f"{path} is empty: its first line must name the columns {', '.join(columns.parsers)}"
        )
    columns.check(path, header)
    try:
        _check_first(path, len(header))
        texts = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding=_ENCODING)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {_UTF8}") from error
    except (pd.errors.ParserError, csv.Error) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise InputError(f"{path} is not a CSV table: {reason}") from error
    if texts.empty:
        raise InputError(f"{path} holds no {columns.rows} below its header")
    lacking = {name: "" for name in columns.optional if name not in texts}
    return pd.concat([pd.DataFrame(lacking, index=texts.index), texts], axis=1)


def _check_first(path: Path, width: int) -> None:
    """Refuse a first record that has more cells than the header: pandas, which counts later ones by it, cuts
    them off. It would warn, but warnings can be made errors only for all threads at once."""
    records = (record for _, record in _records(path) if any(cell.strip() for cell in record))
    if next(records, None) and len(next(records, ())) > width:
        refuse_line(path, 0, "there are more cells than columns")


def _check_lengths(path: Path) -> None:
    """Refuse a record that ends before the last column, as that of a torn file: pandas fills it up."""
    records = (record for _, record in _records(path) if any(cell.strip() for cell in record))
    width = len(next(records))
    for row, record in enumerate(records):
        if len(record) < width:
            refuse_line(path, row, "there are not as many cells as columns")


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record ends, and its cells; raises InputError where pandas reads and csv not."""
    with path.open(encoding=_ENCODING, newline="") as file:
        reader = csv.reader(file)
        try:
            for record in reader:
                yield reader.line_num, record
        except csv.Error as error:
            raise InputError(f"{path}, line {reader.line_num}: {error}") from error


def _parsed(path: Path, texts: "pd.Series[str]", parse: Parse) -> "pd.Series[Any]":
    """Parse each distinct text once; the first line whose text raises ValueError is refused."""
    codes, distinct = pd.factorize(texts)
    values: list[object] = []
    problems: dict[int, str] = {}
    for code, text in enumerate(distinct):
        try:
            values.append(parse(text))
        except ValueError as error:
            values.append(None)
            problems[code] = str(error)
    if problems:
        row = int(np.isin(codes, list(problems)).argmax())
        refuse_line(path, row, problems[int(codes[row])])
    return pd.Series(values).take(codes).reset_index(drop=True)

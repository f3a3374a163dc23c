"""The rows of a prompt file of any form: what stands in them by column, and from where."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from nami_bench.errors import InputError
from nami_bench.foreign_text import check_numbers, numbered_lines, parse_object
from nami_bench.prompts.json_rows import Row, json_rows

_QUESTION_COLUMNS = frozenset({"item_id", "proposition_id", "question_natural_language"})


@dataclass(frozen=True, slots=True)
class Rows:
    """A file's rows, read as they are taken.

    `columns` are those of a table, or the keys of the first object. `notes` says in words what is passed
    over; it is complete when all rows are taken. A row of a table (`is_table`) may be without a prompt, and
    what is JSON in it stands there as text.
    """

    form: str
    columns: tuple[str, ...]
    rows: Iterator[Row]
    notes: list[str] = field(default_factory=list)
    is_table: bool = False
    keeps_blanks: bool = False
    """Whether blanks around a text are part of it: in JSON lines, which were always read so."""

    @property
    def asks(self) -> bool:
        """Whether it is a question file, DPG-Bench's or DSG's, with a row for each question."""
        return set(self.columns) >= _QUESTION_COLUMNS


def read_rows(data: bytes, suffix: str, where: str) -> Rows:
    """The rows of a file's bytes; `suffix` tells the form, `where` begins every error.

    Raises InputError for an unknown form or a bad encoding; taking the rows does for a bad line.
    """
    reader = _READERS.get(suffix.lower())
    if reader is None:
        raise InputError(
            f"{where}: prompt files end in {', '.join(_READERS)}, not {suffix or 'nothing'!r}; "
            "spreadsheets can be saved as .csv"
        )
    return reader(data, where)


def decode(data: bytes, where: str) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark; a carriage return alone ends a line, as in files
    from old Macs, where the file has no other line ends. Raises InputError."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding == "utf-8-sig" else "UTF-16"
        raise InputError(
            f"{where} is not {name} text: byte {error.start} cannot be decoded; save it as UTF-8"
        ) from error
    return text if "\n" in text else text.replace("\r", "\n")


def json_lines(data: bytes, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """('FILE line N', object) of every line that holds something; raises InputError for what is none."""
    for line, text in _lines(data, where):
        try:
            row = parse_object(text)
        except ValueError as error:
            raise InputError(f"{line} {error}") from error
        try:
            check_numbers(row)
        except ValueError as error:
            raise InputError(f"{line}: {error}") from error
        yield line, row


def _lines(data: bytes, where: str) -> Iterator[tuple[str, str]]:
    """('FILE line N', stripped line) of every line that holds something."""
    for number, line in numbered_lines(decode(data, where)):
        yield f"{where} line {number}", line


def _read_txt(data: bytes, where: str) -> Rows:
    rows = ((line, {"prompt": text}) for line, text in _lines(data, where))
    return Rows("one prompt a line", ("prompt",), rows)


def _read_jsonl(data: bytes, where: str) -> Rows:
    return replace(_peeked("JSON lines", json_lines(data, where), []), keeps_blanks=True)


def _read_json(data: bytes, where: str) -> Rows:
    text = decode(data, where)
    if _is_json_lines(text):  # as many call them
        return _read_jsonl(data, where)
    form, rows, notes = json_rows(text, where)
    return _peeked(form, iter(rows), notes)


def _is_json_lines(text: str) -> bool:
    first, _, rest = text.strip().partition("\n")
    try:
        return isinstance(json.loads(first), dict) and bool(rest.strip())
    except (ValueError, RecursionError):
        return False


def _read_parquet(data: bytes, where: str) -> Rows:
    from nami_bench.prompts.parquet_rows import parquet_rows

    columns, rows, notes = parquet_rows(data, where)
    return Rows("a Parquet table", columns, rows, notes, is_table=True)


def _peeked(form: str, rows: Iterator[Row], notes: list[str]) -> Rows:
    """With the keys of the first row as columns."""
    first = next(rows, None)
    if first is None:
        return Rows(form, ("prompt",), iter(()), notes)
    return Rows(form, tuple(first[1]), chain([first], rows), notes)


class _PlainTabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE


class _Semicolons(csv.excel):
    delimiter = ";"


def _read_csv(data: bytes, where: str) -> Rows:
    text = decode(data, where)
    header = text.partition("\n")[0]
    # Spreadsheets of half of Europe write semicolons, and some programs tabs, under this name.
    dialects = {",": csv.excel, ";": _Semicolons, "\t": csv.excel_tab}
    mark = max(dialects, key=header.count)
    return _read_table(text, where, dialects[mark], {",": "commas", ";": "semicolons", "\t": "tabs"}[mark])


def _read_tsv(data: bytes, where: str) -> Rows:
    return _read_table(decode(data, where), where, _PlainTabs, "tabs")


def _read_table(text: str, where: str, dialect: type[csv.Dialect], between: str) -> Rows:
    reader = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect)
    try:
        columns = tuple(reader.fieldnames or ())
    except csv.Error as error:
        raise InputError(f"{where} cannot be read after line {reader.line_num}: {error}") from error
    return Rows(
        f"a table with {between} between cells", columns, _cells(reader, where, between), is_table=True
    )


def _cells(reader: "csv.DictReader[str]", where: str, between: str) -> Iterator[Row]:
    try:
        for row in reader:
            line = f"{where} line {reader.line_num}"
            beyond: Any = row.pop(None, None)
            if beyond and any(cell.strip() for cell in beyond):
                raise InputError(
                    f"{line} has more cells than the header: in a .csv file, put a prompt with {between} "
                    "in it into quotes"
                )
            # A row that ends early has None in its last columns.
            yield line, {name: cell for name, cell in row.items() if cell}
    except csv.Error as error:
        raise InputError(f"{where} cannot be read after line {reader.line_num}: {error}") from error


_READERS: Mapping[str, Callable[[bytes, str], Rows]] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
}

"""Tables for people as CSV, in one form: RFC 4180, UTF-8, one header, and no text that is a formula.

Spreadsheet programs run a cell that begins with =, +, -, @, a tab or a line break, also where the CSV quotes
it (OWASP, "CSV injection"); some take the wide signs of East Asian scripts for the same. An apostrophe before
it makes it text. Texts that begin with an apostrophe get one more, so that reading undoes writing.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

LINE_END = "\r\n"
_MARK = "'"
_RISKY = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", _MARK)


def neutralized(text: str) -> str:
    """`text` as it may stand in a cell."""
    return _MARK + text if text.startswith(_RISKY) else text


def restored(cell: str) -> str:
    """The text that `neutralized` made `cell` of."""
    return cell[1:] if cell.startswith(_MARK) and cell[1:].startswith(_RISKY) else cell


def csv_table(
    columns: Sequence[str],
    rows: Iterable[Iterable[Any]],
    decimals: int | None = None,
    *,
    byte_order_mark: bool = False,
) -> bytes:
    """A table as a CSV file: None is an empty cell, true and false are small, texts are neutralized.

    `decimals` rounds numbers that are not whole (None: as they are). Numbers have a decimal point whatever
    the machine's language. `byte_order_mark`: begins with one, without which Excel takes UTF-8 for the
    machine's old code page; pandas passes over it, and so does Python's `utf-8-sig`.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator=LINE_END)
    writer.writerow(map(neutralized, columns))
    writer.writerows([_cell(value, decimals) for value in row] for row in rows)
    return stream.getvalue().encode("utf-8-sig" if byte_order_mark else "utf-8")


def _cell(value: Any, decimals: int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _number(float(value if decimals is None else round(value, decimals)))
    return neutralized(value) if isinstance(value, str) else str(value)


def _number(value: float) -> str:
    """The shortest digits that read back as the same number, without an exponent."""
    text = repr(value)
    return text if "e" not in text else f"{Decimal(text):f}"

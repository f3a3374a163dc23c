"""Ratings as a CSV file in long form: one line for each value that an annotator gave or withheld.

Columns, in any order: study, annotator, model, prompt_id, sample, criterion, value, and optionally
reason, duration_ms, created_at (ISO 8601, UTC where no zone is given). `value` is on the criterion's
own scale; it is empty, and `reason` says why, where the annotator could not judge.
"""

import csv
import re
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import pandas as pd

from evaluation.human.table import COLUMNS, typed
from nami_bench.domain import Criterion
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.leaderboard.ratings_checks import check_ratings
from nami_bench.leaderboard.spreadsheet import neutralized, restored

OPTIONAL = ("reason", "duration_ms", "created_at")
_ENCODING = "utf-8-sig"  # spreadsheet programs put a byte order mark before UTF-8
_NAMES = ("study", "annotator", "model", "prompt_id", "criterion")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COUNT = re.compile(r"\d{1,15}", re.ASCII)

T = TypeVar("T")


def read_ratings(path: Path, criteria_of: Callable[[str], Sequence[Criterion]]) -> pd.DataFrame:
    """The tidy table (see `evaluation.human.table`) of a ratings file.

    `criteria_of` gives the criteria of a study by its name. Raises InputError, which names the line,
    for a missing, empty or malformed file, unknown or missing columns, values that are no number or off
    their scale, unknown criteria, missing values without a reason, and a value that is given twice.
    """
    texts = _read_texts(path)
    table = typed(pd.DataFrame({name: _parsed(path, texts[name], _PARSERS[name]) for name in COLUMNS}))
    check_ratings(table, criteria_of, partial(_refuse, path))
    return table


def ratings_csv(table: pd.DataFrame) -> bytes:
    """A tidy table as a file that `read_ratings` takes: RFC 4180, UTF-8, one header.

    Texts that a spreadsheet program would run as formulas are neutralized.
    """
    cells = {name: _written(table[name], neutralized) for name in (*_NAMES, "reason")}
    cells["value"] = _written(table["value"], _number_text)
    cells["created_at"] = _written(table["created_at"], datetime.isoformat)
    text: str = table.assign(**cells)[list(COLUMNS)].to_csv(index=False, lineterminator="\r\n")
    return text.encode()


def _read_texts(path: Path) -> pd.DataFrame:
    """All cells as they stand in the file; optional columns that it lacks are empty."""
    try:
        _check_header(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            texts = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding=_ENCODING)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: save it as 'CSV UTF-8'") from error
    except pd.errors.ParserWarning:
        _refuse(path, 0, "there are more cells than columns")
    except (pd.errors.ParserError, csv.Error) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise InputError(f"{path} is not a CSV table: {reason}") from error
    if texts.empty:
        raise InputError(f"{path} holds no ratings below its header")
    return texts.assign(**{name: "" for name in OPTIONAL if name not in texts})


def _check_header(path: Path) -> None:
    with path.open(encoding=_ENCODING, newline="") as file:
        header = next(csv.reader(file), [])
    if not header:
        raise InputError(f"{path} is empty: its first line must name the columns {', '.join(COLUMNS)}")
    for name in header:
        if name not in COLUMNS:
            raise InputError(f"{path}: {UnknownNameError('column', name, COLUMNS)}")
        if header.count(name) > 1:
            raise InputError(f"{path} has the column {name!r} twice")
    missing = [name for name in COLUMNS if name not in header and name not in OPTIONAL]
    if missing:
        raise InputError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")


def _parsed(path: Path, texts: "pd.Series[str]", parse: Callable[[str], object]) -> "pd.Series[Any]":
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
        _refuse(path, row, problems[int(codes[row])])
    return pd.Series(values).take(codes).reset_index(drop=True)


def _name(column: str, text: str) -> str:
    name = restored(text).strip()
    if not name or not name.isprintable():
        raise ValueError(f"{column} is empty or unprintable")
    return name


def _sample(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise ValueError(f"sample {text!r} is not a whole number from 0")
    return int(text)


def _value(text: str) -> float:
    if not text:
        return float("nan")
    if not _NUMBER.fullmatch(text) or not np.isfinite(float(text)):
        raise ValueError(f"value {text!r} is not a finite number; leave it empty where there is none")
    return float(text)


def _reason(text: str) -> str | None:
    return restored(text) or None


def _duration(text: str) -> int | None:
    if text and not _COUNT.fullmatch(text):
        raise ValueError(f"duration_ms {text!r} is not a whole number of milliseconds")
    return int(text) if text else None


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"created_at {text!r} is not a time in ISO 8601") from error


_PARSERS: dict[str, Callable[[str], object]] = {
    **{name: partial(_name, name) for name in _NAMES},
    "sample": _sample,
    "value": _value,
    "reason": _reason,
    "duration_ms": _duration,
    "created_at": _instant,
}


def _refuse(path: Path, row: int, problem: str) -> NoReturn:
    raise InputError(f"{path}, line {_line(path, row)}: {problem}")


def _line(path: Path, row: int) -> int:
    """The line on which data row `row` (from 0) begins; a quoted cell may span lines."""
    with path.open(encoding=_ENCODING, newline="") as file:
        reader = csv.reader(file)
        records = -1
        begins = 1
        for record in reader:
            blank = not any(cell.strip() for cell in record) and len(record) < 2
            records += not blank
            if records > row:
                return begins
            begins = reader.line_num + 1
    return begins


def _written(column: pd.Series, write: Callable[[T], str]) -> pd.Series:
    """Each distinct value as text, missing ones as an empty cell."""
    codes, distinct = pd.factorize(column)
    texts = np.array([*(write(value) for value in distinct), ""], dtype=object)
    return pd.Series(texts[codes], index=column.index)


def _number_text(value: float) -> str:
    return repr(float(value)).removesuffix(".0")

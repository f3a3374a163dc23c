"""Ratings as a CSV file in long form: one line for each value that an annotator gave or withheld.

Columns, in any order: study, annotator, model, prompt_id, sample, criterion, value, and optionally
reason, duration_ms, created_at (ISO 8601, UTC where no zone is given). `value` is on the criterion's
own scale; it is empty, and `reason` says why, where the annotator could not judge.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.table import COLUMNS, typed
from nami_bench.export.csv_columns import (
    Columns,
    count_parser,
    name_parser,
    parse_instant,
    parse_sample,
    parse_text,
    read_csv_columns,
    refuse_line,
    written,
)
from nami_bench.export.ratings_checks import check_ratings
from nami_bench.export.spreadsheet import LINE_END, neutralized

OPTIONAL = ("reason", "duration_ms", "created_at")
_ROWS_AT_ONCE = 50_000
_NAMES = ("study", "annotator", "model", "prompt_id", "criterion")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read_ratings(path: Path, criteria_of: Callable[[str], Sequence[Criterion]]) -> pd.DataFrame:
    """The tidy table (see `nami_bench.evaluation.human.table`) of a ratings file.

    `criteria_of` gives the criteria of a study by its name. Raises InputError, which names the line,
    for a missing, empty or malformed file, unknown or missing columns, values that are no number or off
    their scale, unknown criteria, missing values without a reason, and a value that is given twice.
    """
    table = typed(read_csv_columns(path, _COLUMNS))
    check_ratings(table, criteria_of, partial(refuse_line, path))
    return table


def ratings_csv(table: pd.DataFrame) -> bytes:
    """A tidy table as a file that `read_ratings` takes: RFC 4180, UTF-8, one header.

    Texts that a spreadsheet program would run as formulas are neutralized.
    """
    return b"".join(ratings_csv_parts(table))


def ratings_csv_parts(table: pd.DataFrame) -> Iterator[bytes]:
    """`ratings_csv` in parts, so that the texts of a million rows need not be there at once."""
    for start in range(0, max(len(table), 1), _ROWS_AT_ONCE):
        part = table.iloc[start : start + _ROWS_AT_ONCE]
        cells = {name: written(part[name], neutralized) for name in (*_NAMES, "reason")}
        cells["value"] = written(part["value"], _number_text)
        cells["created_at"] = written(part["created_at"], datetime.isoformat)
        rows = part.assign(**cells)[list(COLUMNS)]
        yield rows.to_csv(index=False, header=not start, lineterminator=LINE_END).encode()


def _value(text: str) -> float:
    if not text:
        return float("nan")
    if not _NUMBER.fullmatch(text) or not np.isfinite(float(text)):
        raise ValueError(f"value {text!r} is not a finite number; leave it empty where there is none")
    return float(text)


_PARSERS = {
    **{name: name_parser(name) for name in _NAMES},
    "sample": parse_sample,
    "value": _value,
    "reason": parse_text,
    "duration_ms": count_parser("duration_ms", "milliseconds"),
    "created_at": parse_instant,
}
_COLUMNS = Columns({name: _PARSERS[name] for name in COLUMNS}, OPTIONAL, "ratings")


def _number_text(value: float) -> str:
    return repr(float(value)).removesuffix(".0")

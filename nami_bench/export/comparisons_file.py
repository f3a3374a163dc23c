"""Pairwise comparisons as a CSV file: one line for each verdict that an annotator gave or withheld.

Columns, in any order: study, annotator, prompt_id, sample, criterion, left, right, outcome, and optionally
reason, position, duration_ms, created_at (ISO 8601, UTC where no zone is given). `left` and `right` are the
models as they stood on the screen; `outcome` is left, tie, right or both_bad, and empty where `reason` says
why the annotator could not judge. `position` counts the annotator's items. Votes made elsewhere may say more:
left_sample, right_sample, repeat, count, weight (see `Comparison`), and their annotator may be unknown.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from nami_bench.domain import Comparison
from nami_bench.export.comparisons_checks import (
    OF_VOTES,
    OPTIONAL,
    REQUIRED,
    checked_table,
    comparisons_of,
)
from nami_bench.export.csv_columns import (
    Columns,
    count_parser,
    line_of,
    name_parser,
    number_parser,
    parse_instant,
    parse_sample,
    parse_text,
    read_csv_columns,
    refuse_line,
)
from nami_bench.export.spreadsheet import csv_table

_name_of = name_parser("annotator")
_PARSERS = {
    **{name: name_parser(name) for name in REQUIRED},
    "annotator": lambda text: _name_of(text) if text.strip() else None,
    "sample": parse_sample,
    "outcome": lambda text: text.strip() or None,
    "reason": parse_text,
    "position": count_parser("position"),
    "duration_ms": count_parser("duration_ms", "milliseconds"),
    "created_at": parse_instant,
    **{name: count_parser(name) for name in OF_VOTES},
    "weight": number_parser("weight"),
}
_COLUMNS = Columns(_PARSERS, OPTIONAL, "comparisons")


def read_comparisons(path: Path) -> list[Comparison]:
    """`read_comparisons_table`, row by row."""
    return comparisons_of(read_comparisons_table(path))


def read_comparisons_table(path: Path) -> pd.DataFrame:
    """See `nami_bench.evaluation.human.comparisons_frame`.

    Raises InputError, which names the line, for a malformed file or cell, and a verdict given twice.
    """
    table = read_csv_columns(path, _COLUMNS)
    return checked_table(table, partial(refuse_line, path), lambda row: f"line {line_of(path, row)}")


def comparisons_csv(comparisons: Sequence[Comparison]) -> bytes:
    """A file that `read_comparisons` takes: RFC 4180, UTF-8, one header.

    Texts that a spreadsheet program would run as formulas are neutralized.
    """
    columns = written_columns(comparisons)
    return csv_table(columns, (_cells(one, columns) for one in comparisons))


def written_columns(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Those of a study, and those of votes where a vote says more than a study's verdict."""
    columns = (*REQUIRED, *OPTIONAL)
    if all(one.is_plain for one in comparisons):
        return tuple(name for name in columns if name not in OF_VOTES)
    return columns


def _cells(one: Comparison, columns: Sequence[str]) -> list[object]:
    cells = {name: getattr(one, name) for name in columns}
    cells["created_at"] = one.created_at and one.created_at.isoformat()
    return list(cells.values())

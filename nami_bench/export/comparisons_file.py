"""Pairwise comparisons as a CSV file: one line for each verdict that an annotator gave or withheld.

Columns, in any order: study, annotator, prompt_id, sample, criterion, left, right, outcome, and optionally
reason, position, duration_ms, created_at (ISO 8601, UTC where no zone is given). `left` and `right` are the
models as they stood on the screen; `outcome` is left, tie, right or both_bad, and empty where `reason` says
why the annotator could not judge. `position` counts the annotator's items.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nami_bench.domain import Comparison
from nami_bench.export.comparisons_checks import OPTIONAL, REQUIRED, checked_comparisons
from nami_bench.export.csv_columns import (
    Columns,
    count_parser,
    line_of,
    name_parser,
    parse_instant,
    parse_sample,
    parse_text,
    read_csv_columns,
    refuse_line,
)
from nami_bench.export.spreadsheet import csv_table

_PARSERS = {
    **{name: name_parser(name) for name in REQUIRED},
    "sample": parse_sample,
    "outcome": lambda text: text.strip() or None,
    "reason": parse_text,
    "position": count_parser("position"),
    "duration_ms": count_parser("duration_ms", "milliseconds"),
    "created_at": parse_instant,
}
_COLUMNS = Columns(_PARSERS, OPTIONAL, "comparisons")


def read_comparisons(path: Path) -> list[Comparison]:
    """Raises InputError, which names the line, for a malformed file or cell, and a verdict given twice."""
    table = read_csv_columns(path, _COLUMNS)
    return checked_comparisons(table, partial(refuse_line, path), lambda row: f"line {line_of(path, row)}")


def comparisons_csv(comparisons: Sequence[Comparison]) -> bytes:
    """A file that `read_comparisons` takes: RFC 4180, UTF-8, one header.

    Texts that a spreadsheet program would run as formulas are neutralized.
    """
    columns = (*REQUIRED, *OPTIONAL)
    return csv_table(columns, (_cells(one, columns) for one in comparisons))


def _cells(one: Comparison, columns: Sequence[str]) -> list[object]:
    cells = {name: getattr(one, name) for name in columns}
    cells["created_at"] = one.created_at and one.created_at.isoformat()
    return list(cells.values())

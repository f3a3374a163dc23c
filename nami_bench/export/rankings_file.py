"""Orders of images, and best and worst, as a CSV file: see `rankings_checks` for what a row is.

Columns of orders, in any order: study, annotator, trial, prompt_id, sample, criterion, model, rank, and
optionally place (on the screen, from 1), reason, position (which counts the annotator's items), duration_ms,
created_at (ISO 8601, UTC where no zone is given). Best and worst have items (the models, with blanks between
them), best and worst in the place of model, rank and place. Files of others may lack study, annotator, sample
and criterion, and call prompt_id prompt and model image.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nami_bench.domain import Ranking
from nami_bench.export.csv_columns import (
    Columns,
    Parse,
    count_parser,
    csv_header,
    line_of,
    name_parser,
    parse_instant,
    parse_sample,
    parse_text,
    read_csv_columns,
    refuse_line,
)
from nami_bench.export.rankings_checks import (
    EXTREMES,
    OPTIONAL,
    ORDERS,
    UNSAID,
    checked_rankings,
    columns_of,
    ranking_cells,
)
from nami_bench.export.spreadsheet import csv_table

_ALIASES = {"prompt": "prompt_id", "image": "model"}


def _unless_empty(parse: Parse) -> Parse:
    return lambda text: parse(text) if text.strip() else None


def _rank(text: str) -> int | None:
    """A whole number from 1; ranks are written as 1.0 by programs that had missing ones."""
    number = text.strip().removesuffix(".0")
    if number and not (number.isascii() and number.isdigit() and int(number) > 0):
        raise ValueError(f"rank {text!r} is not a whole number from 1")
    return int(number) if number else None


_PARSERS: dict[str, Parse] = {
    **{name: name_parser(name) for name in (*ORDERS, *EXTREMES)},
    **{name: _unless_empty(name_parser(name)) for name in (*UNSAID, "best", "worst")},
    "sample": _unless_empty(parse_sample),
    "rank": _rank,
    "place": count_parser("place"),
    "reason": parse_text,
    "position": count_parser("position"),
    "duration_ms": count_parser("duration_ms", "milliseconds"),
    "created_at": parse_instant,
}


def read_rankings(path: Path) -> list[Ranking]:
    """Raises InputError, which names the line, for a malformed file or cell, and for images ranked twice."""
    header = csv_header(path)
    kind = columns_of(header) or ORDERS
    names = [*kind, *OPTIONAL[kind]]
    called = {name: alias for alias, name in _ALIASES.items() if alias in header and name not in header}
    parsers = {called.get(name, name): _PARSERS[name] for name in names}
    table = read_csv_columns(path, Columns(parsers, (*OPTIONAL[kind], *UNSAID), "rankings"))
    table = table.rename(columns={alias: name for name, alias in called.items()})
    return checked_rankings(table, kind, partial(refuse_line, path), lambda row: f"line {line_of(path, row)}")


def rankings_csv(rankings: Sequence[Ranking], *, best_worst: bool) -> bytes:
    """A file that `read_rankings` takes: RFC 4180, UTF-8, one header.

    Texts that a spreadsheet program would run as formulas are neutralized.
    """
    cells = ranking_cells(rankings, best_worst=best_worst)
    cells["created_at"] = [at and at.isoformat() for at in cells["created_at"]]
    return csv_table(list(cells), zip(*cells.values(), strict=True))

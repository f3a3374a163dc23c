"""Strengths by comparisons of images as tables of text and as CSV."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from nami_bench.evaluation.leaderboard.strengths import ModelStrength, StrengthTable
from nami_bench.export.sections import percent
from nami_bench.export.spreadsheet import csv_table
from nami_bench.export.text import TextTable


def strength_tables(table: StrengthTable) -> Iterator[TextTable]:
    """A table of text cells for each criterion and group."""
    interval = f"{percent(table.level)} interval"
    counts: tuple[str, ...] = ("won", "lost", "tied", "both bad")
    if table.model != "bradley-terry":
        counts = ("ranked", "best", "worst", "won", "lost", "tied")
    columns = ("model", "Elo", interval, *counts)
    for criterion in dict.fromkeys(row.criterion for row in table.rows):
        of_criterion = [row for row in table.rows if row.criterion == criterion]
        groups = of_criterion[-1].group
        for group in range(1, groups + 1):
            title = (
                criterion if groups == 1 else f"{criterion}: group {group} of {groups}, a scale of its own"
            )
            rows = tuple(_cells(row) for row in of_criterion if row.group == group)
            yield TextTable(title, columns, rows, frozenset(columns[1:]), frozenset(columns[:1]))


def _cells(row: ModelStrength) -> tuple[str | None, ...]:
    counts: tuple[int, ...] = (row.wins, row.losses, row.ties, row.both_bad)
    if row.ranked is not None:
        counts = (row.ranked, row.best or 0, row.worst or 0, row.wins, row.losses, row.ties)
    elo = None if row.elo is None else f"{row.elo:.0f}"
    return row.model, elo, _interval_cell(row), *map(str, counts)


def _interval_cell(row: ModelStrength) -> str | None:
    if row.low is not None and row.high is not None:
        return f"{row.low:.0f} to {row.high:.0f}"
    if row.low is not None:
        return f"{row.low:.0f} or more"
    return None if row.high is None else f"{row.high:.0f} or less"


def strength_notes(table: StrengthTable) -> Iterator[str]:
    """What the numbers rest on, and what must be said about them."""
    what, rest = "comparisons", "'both bad' are among the ties"
    if table.model != "bradley-terry":
        what, rest = "rankings", "won, lost and tied count the pairs that they imply"
    yield (
        f"{table.annotators} annotator{'s' * (table.annotators != 1)} made {table.comparisons} {what} "
        f"and could not judge {table.withheld}; {rest}."
    )
    yield from (*table.left_out, *table.notes)


def strength_rows(table: StrengthTable) -> list[dict[str, Any]]:
    """A row for each model and criterion, by the columns of `strengths_csv`."""
    names = [field.name for field in fields(ModelStrength)]
    of_all = {
        "level": table.level,
        "by": table.model,
        "ties_as": table.ties,
        "errors": table.errors,
        "study": table.study,
        "left_out": "; ".join(table.left_out),
    }
    return [{name: getattr(row, name) for name in names} | of_all for row in table.rows]


def strengths_csv(table: StrengthTable) -> bytes:
    """One line for each model and criterion: RFC 4180, UTF-8, one header, formulas neutralized."""
    rows = strength_rows(table)
    return csv_table(list(rows[0]), (row.values() for row in rows))
